"""The phase that a plan is about, chosen with a look at revisions and database where the specs alone do not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from checks.revisions.graph import Graph
from safemig.migrations.change import Wanted
from safemig.plan_document.document import Document, Phase
from safemig.planning.collect.earlier_revisions import makers
from safemig.planning.collect.gaps import ChoiceNeeded, NoSuchName
from safemig.planning.collect.models import models_of
from safemig.planning.collect.outdated_phases import NotLooked, differs
from safemig.planning.facts import Facts
from safemig.requirements.rating import label
from safemig.requirements.selection import Choice, Nothing, Tie, choose
from safemig.requirements.sources import wanted

if TYPE_CHECKING:
    from safemig.planning.request import Request
    from safemig.project.layout import Project
    from safemig.runtimes.base import Runtime

_HOW = "name one with --spec NAME and --phase N"


@dataclass(frozen=True)
class Chooser:
    """Looks at phases of these documents; each at most once. ``notes`` are what a person should know of those looks."""

    facts: Facts
    project: Project
    runtime: Runtime
    documents: Sequence[Document]
    graph: Graph
    notes: list[str] = field(default_factory=list)
    _known: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def choose(self, request: Request) -> Choice | Nothing:
        """The phase that is meant, or the next one. Raises ChoiceNeeded where a person has to choose."""
        if request.message and not request.spec:
            return Nothing("a message was given: the project's own command writes the migration from the models")
        # What is only pending is still asked for: the revision that makes it is used.
        pending = self.facts.pending or ()
        applied = (revision for name, revision in self.graph.revisions.items() if name not in pending)
        chosen = choose(
            self.documents,
            frozenset(table for revision in applied for table in revision.creates),
            spec=request.spec,
            phase=request.phase,
            models=models_of(self.project, self.documents),
            purpose=request.purpose,
            differs=self.differs,
            made_by=self.applied_makers,
        )
        if isinstance(chosen, Tie):
            raise ChoiceNeeded("several specs fit", chosen.candidates, _HOW)
        if isinstance(chosen, Nothing) and (request.spec or request.phase):
            raise (NoSuchName if request.phase else ChoiceNeeded)(chosen.reason, chosen.near, _HOW)
        return chosen

    def differs(self, document: Document, phase: Phase) -> bool:
        """Whether tables that are there are otherwise than the phase shows them."""
        found, tree = self._wanted(document, phase), self.project.tree
        try:
            return bool(found and tree and differs(self.facts, self.runtime, tree, self.graph, found))
        except NotLooked as error:
            why = f"whether {label(document, phase)} changes its tables could not be found: {error}"
            self.notes.append(f"{why}; start the database and plan again, or name it with --spec and --phase")
            return False

    def applied_makers(self, document: Document, phase: Phase) -> tuple[str, ...]:
        """The revisions that have made what the phase asks for; none where one of them is still pending."""
        made = self.makers(document, phase)
        return () if set(made) & set(self.facts.pending or ()) else made

    def makers(self, document: Document, phase: Phase) -> tuple[str, ...]:
        """The revisions that make already what the phase asks of tables that are there, pending ones too."""
        key = (document.path, phase.key)
        if key not in self._known:
            found, tree = self._wanted(document, phase), self.project.tree
            try:
                made = makers(self.facts, self.runtime, tree, self.graph, found) if found and tree else ()
            except NotLooked as error:
                why = f"whether a revision makes already what {label(document, phase)} asks for could not be found"
                self.notes.append(f"{why}: {error}")
                made = ()
            self._known[key] = made
        return self._known[key]

    def _wanted(self, document: Document, phase: Phase) -> Wanted | None:
        return wanted(document, phase, [other for other in self.documents if other.path != document.path])
