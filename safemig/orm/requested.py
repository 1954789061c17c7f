"""What a phase asks of the models: definitions as written, relationships, and the classes that its items name."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass, replace

from safemig.orm.imports import Import
from safemig.orm.reader import Models, is_model, last, text_of


@dataclass(frozen=True)
class Definition:
    """One top-level statement of the phase's model code, as written, with the 1-based line in the document."""

    name: str
    code: str
    node: ast.stmt
    line: int
    file: str = ""


@dataclass(frozen=True)
class Asked:
    """``definitions`` are classes, enums and tables; ``loose`` are relationships outside a class; ``imports`` what the
    code imports; ``relations`` are (class, attribute); ``named`` are (class, file) of the items; ``words`` what they
    say of a class; ``problems`` say what of the code is not taken. ``parts`` are classes without columns and functions
    of a class, which belong to the models where their class is one (``with_parts``); ``members`` are the
    (class, attribute) that the items name."""

    definitions: tuple[Definition, ...]
    loose: tuple[Definition, ...]
    imports: tuple[Import, ...]
    relations: tuple[tuple[str, str], ...]
    named: tuple[tuple[str, str], ...]
    problems: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    parts: tuple[Definition, ...] = ()
    members: tuple[tuple[str, str], ...] = ()

    @property
    def anything(self) -> bool:
        """Whether the phase is about models at all."""
        return bool(self.definitions or self.loose or self.named)


def with_parts(wanted: Asked, models: Models) -> Asked:
    """``wanted`` with the properties and methods that the phase gives for models that are there; a function whose class
    is not said is named as left out, classes of something else are none of the models'."""
    taken: list[Definition] = []
    problems: list[str] = []
    for part in wanted.parts:
        if isinstance(part.node, ast.ClassDef):
            taken += [part] if models.find(part.name) else []
            continue
        owners = [owner for owner, name in wanted.members if name == part.name and models.find(owner)]
        if len(dict.fromkeys(owners)) == 1:
            taken.append(_of_class(part, owners[0]))
        elif any(part.name == name for _, name in wanted.members) or wanted.anything:
            problems.append(f"line {part.line}: it is not said which model gets {part.name}; it is left out")
    if not (taken or problems):
        return wanted
    return replace(wanted, definitions=(*wanted.definitions, *taken), problems=(*wanted.problems, *problems), parts=())


def _of_class(one: Definition, owner: str) -> Definition:
    """A function as it would stand in its class."""
    code = f"class {owner}:\n{textwrap.indent(one.code, '    ')}"
    return Definition(owner, code, ast.parse(code).body[0], one.line - 1, one.file)


def shown_class(definition: Definition) -> ast.ClassDef | None:
    """The definition as a mapped class (or an excerpt of one), None for an enum, a mixin or a table."""
    node = definition.node
    return node if isinstance(node, ast.ClassDef) and is_model(node) else None


def table_of(definition: Definition) -> str:
    """The name of the table that the definition makes with ``Table(…)``, "" for any other."""
    value = definition.node.value if isinstance(definition.node, ast.Assign | ast.AnnAssign) else None
    is_table = isinstance(value, ast.Call) and last(value.func) == "Table" and value.args
    return text_of(value.args[0]) if is_table and isinstance(value, ast.Call) else ""
