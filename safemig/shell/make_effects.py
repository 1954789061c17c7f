"""What `make TARGET` does at worst: the recipes of the target and of all that it needs, expanded, line by line.

make itself is not asked, for it runs functions while it reads. What cannot be read makes the effect unknown, and the
line that made it so is named. The digest covers everything that the effect depends on.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from safemig.base.files import text as text_of
from safemig.shell.effects import effect_of_expanded, effect_of_line
from safemig.shell.make_expansion import Doubted, Expansion
from safemig.shell.make_model import Model, read
from safemig.shell.make_suffixes import sources
from safemig.shell.makefile import Makefile
from safemig.shell.outcome import NOTHING, Effects, Words, destroys, unknown, worst
from safemig.shell.quoting import HOLE

_DEEPEST = 20


@dataclass(frozen=True)
class MakeEffect:
    """The effect of a target, the doubts that made it unknown, and the digest of all that it depends on."""

    effects: Effects
    doubts: tuple[Doubted, ...]
    digest: str


def effect_of_target(makefile: Makefile, name: str) -> MakeEffect:
    """What `make NAME` does in the folder of the Makefile."""
    model = read(makefile.path, makefile.text, makefile.below)
    return _Judge(model, makefile.below).result(name)


def recipe_digest(makefile: Makefile, name: str) -> str:
    """sha256 over everything that the effect of making ``name`` depends on."""
    return effect_of_target(makefile, name).digest


def effect_of_reading(makefile: Makefile) -> Effects:
    """What happens while make reads the file, whichever target is wanted."""
    doubts = read(makefile.path, makefile.text, makefile.below).doubts
    return destroys("anything", str(doubts[0])) if doubts else NOTHING


class _Judge:
    """Judges one target with everything that it needs."""

    def __init__(self, model: Model, root: Path, depth: int = 0) -> None:
        self.model = model
        self.root = root
        self.depth = depth
        self.seen: list[str] = []
        self.doubts: list[Doubted] = [*model.doubts]
        self.effects: list[Effects] = []
        self.evidence: list[object] = [model.settings, model.one_shell]

    def result(self, name: str) -> MakeEffect:
        self._remade()
        self._target(name)
        effects = worst(self.effects)
        if self.doubts:
            effects = destroys("anything", str(self.doubts[0]))
            self.evidence.append([(each.why, each.what) for each in self.doubts])
            self.evidence.append([(key, each.value) for key, each in sorted(self.model.variables.items())])
            self.evidence.append(sorted(self.model.patterns.items()))
        document = json.dumps(self.evidence, default=str).encode("utf-8", "surrogatepass")
        return MakeEffect(effects, tuple(self.doubts), hashlib.sha256(document).hexdigest())

    def _remade(self) -> None:
        """make remakes the files that it reads before anything else."""
        for name, doubt in [*self.model.absent, *((each, None) for each in self.model.files)]:
            if name in self.model.rules or self._pattern_for(name):
                self.doubts.append(doubt or Doubted(name, "a rule remakes the Makefile itself"))
            elif self._source_beside(name):
                self.doubts.append(Doubted(name, "a rule of make itself remakes it from a file beside it"))

    def _pattern_for(self, name: str) -> str:
        """The pattern rule that may make a name; "" when none does."""
        for pattern in self.model.patterns:
            start, _, end = pattern.partition("%")
            base = name if "/" in pattern else name.rpartition("/")[2]
            if len(base) >= len(start) + len(end) and base.startswith(start) and base.endswith(end):
                return pattern
        return ""

    def _target(self, name: str) -> None:
        if name in self.seen:
            return
        self.seen.append(name)
        rule = self.model.rules.get(name)
        if rule is None:
            self._implicit(name, "no rule of its own")
            return
        self.doubts += rule.doubts
        self.evidence.append((name, rule.prerequisites))
        for prerequisite in rule.prerequisites:
            self._target(prerequisite)
        if not rule.recipe and name not in self.model.phony:
            self._implicit(name, "a rule without a recipe")
        lines = [self._line(name, text, place) for text, place in rule.recipe]
        if self.model.one_shell and lines:
            lines = ["\n".join(lines)]
        for line in lines:
            self.evidence.append(line)
            self.effects.append(effect_of_expanded(line, self._make, self.model.folder))

    def _implicit(self, name: str, why: str) -> None:
        pattern = self._pattern_for(name)
        if pattern:
            self.doubts.append(Doubted(self.model.path.name, f"{name} has {why}, and {pattern} may make it", pattern))
            return
        if self._source_beside(name):
            self.doubts.append(
                Doubted(self.model.path.name, f"{name} has {why}, and a rule of make itself may make it")
            )

    def _source_beside(self, name: str) -> bool:
        """Whether a file is there, or named by a rule and so may come to be, from which a rule of make itself makes
        this one."""
        place = self.model.folder / name
        if not place.name:
            return False
        return any(each.is_file() or each in self._named for each in sources(place))

    @cached_property
    def _named(self) -> frozenset[Path]:
        """The files that rules make or need: they ought to exist, as make's manual says."""
        rules = self.model.rules
        needed = (prerequisite for rule in rules.values() for prerequisite in rule.prerequisites)
        return frozenset(self.model.folder / each for each in (*rules, *needed))

    def _line(self, name: str, text: str, place: str) -> str:
        """A recipe line as the shell gets it."""
        expansion = Expansion(self.model.variables, self.model.path.name, name)
        # make takes the signs away again where a variable of several lines stood.
        expanded = expansion.expand(text.lstrip(" \t@+-"))
        self.doubts += [replace(each, place=place) for each in expansion.doubts]
        self.evidence.append(sorted(expansion.used.items()))
        return "\n".join(piece.lstrip(" \t@+-") for piece in expanded.split("\1"))

    def _make(self, args: Words) -> Effects:
        """`$(MAKE) TARGET` inside a recipe: the same file, or the one of a folder below."""
        rest = [word for word in args if word not in ("-s", "--silent", "--no-print-directory", "-w")]
        model = self.model
        if rest[:1] == ["-C"] and len(rest) > 1:
            other = _makefile(self.model.folder / rest[1], self.root)
            if other is None or self.depth > _DEEPEST:
                return unknown(("make", *args))
            model, rest = other, rest[2:]
        if not rest or not all(re.fullmatch(r"[\w][\w.-]*", word) for word in rest):
            return unknown(("make", *args))
        if not all(word in model.rules for word in rest):
            return unknown(("make", *args))
        if model is self.model:
            for word in rest:
                self._target(word)
            return NOTHING
        found = [_Judge(model, self.root, self.depth + 1).result(word) for word in rest]
        self.evidence += [each.digest for each in found]
        return worst([each.effects for each in found])


def _makefile(folder: Path, root: Path) -> Model | None:
    path = next((folder / name for name in ("GNUmakefile", "makefile", "Makefile") if (folder / name).is_file()), None)
    try:
        if path is None or not path.resolve().is_relative_to(root.resolve()):
            return None
        return read(path, text_of(path, "replace"), root)
    except OSError:
        return None


def effect_in_folder(line: str, folder: Path, root: Path | None = None) -> Effects:
    """The effect of a line that is run in this folder: `make TARGET` has that of the Makefile which lies there."""

    def make(args: Words) -> Effects:
        model = _makefile(folder, root or folder)
        if model is None or not args or not all(re.fullmatch(r"[\w][\w.-]*", word) for word in args):
            return unknown(("make", *args))
        found = [_Judge(model, root or folder).result(word).effects for word in args]
        return worst(found) if all(word in model.rules for word in args) else unknown(("make", *args))

    if HOLE in line:
        return effect_of_line(line)
    return effect_of_expanded(line, make, folder)
