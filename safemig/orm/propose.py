"""The model files as a phase asks for them: path -> new text, with as few changes as possible."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from safemig.migrations.fragments import parse, reindent
from safemig.orm.edits import CannotEdit, with_code
from safemig.orm.imports import Import, bound_names, imports_of
from safemig.orm.reader import ModelClass, ModelFile, Models, bound_name, model_class, module_of, snake
from safemig.orm.registration import collected, for_checkers, names_types
from safemig.orm.relationships import Fresh, is_column, relationships
from safemig.orm.requested import Asked, Definition, shown_class, table_of
from safemig.orm.style import documented

_BASE = re.compile(r"\w*Base|Model|db\.Model|DeclarativeBase")


@dataclass(frozen=True)
class Proposal:
    """``texts`` are the new texts of the files that change (path relative to the root), ``classes`` the mapped classes
    that are new, ``attributes`` (class, attribute) what is added to others, ``files`` where each new name goes,
    ``tables`` the tables that are to be compared with the database (code that gives one -> its name); ``problems`` is
    what was not taken."""

    texts: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[ModelClass, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Plan:
    """What goes where before any text is made: code and attributes by file, new classes, and the file of each name."""

    added: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, list[Fresh]] = field(default_factory=dict)
    fresh: list[ModelClass] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def given(self) -> list[Fresh]:
        """All attributes."""
        return [each for several in self.attributes.values() for each in several]


def propose(asked: Asked, models: Models, texts: Mapping[str, str], *, folder: str, width: int = 88) -> Proposal:
    """The edits. ``texts`` are the project's Python files (path -> text), ``folder`` the service's folder.

    Raises CannotEdit where the code cannot be placed, or would not load.
    """
    plan = _Plan(problems=list(asked.problems))
    _refuse_doubles(asked, models)
    for one in asked.definitions:
        known = models.find(one.name)
        if known and isinstance(one.node, ast.ClassDef):
            _extend(known, one.node, one, plan.attributes, plan.problems)
        elif shown_class(one) or not any(one.name in _bound(text) for text in texts.values() if one.name in text):
            _add(one, plan, _place(one, asked, models, texts, folder), asked, models, width)
    _loose(asked, models, plan.attributes, plan.problems)
    _relate(asked, models, plan)
    made, unreached = _texts(asked, models, texts, plan, folder, width)
    problems = [
        f"nothing imports {path} yet: import it where the application and Alembic's env.py load the models, or "
        "autogenerate would drop its tables"
        for path in unreached
    ]
    tables = {
        definition.name: table
        for definition in asked.definitions
        if (table := table_of(definition)) and definition.name in plan.files
    }
    tables |= {f"{one.name}.__table__": one.table for one in plan.fresh if one.table}
    tables |= _extended(plan.given, models)
    listed = tuple((each.owner, each.name) for each in plan.given)
    return Proposal(made, tuple(plan.fresh), listed, plan.files, tables, (*plan.problems, *problems))


def propose_or_leave(
    whole: Asked, alone: Asked, models: Models, texts: Mapping[str, str], *, folder: str, width: int = 88
) -> Proposal:
    """The edits of ``whole``; where its code for models that are there cannot be written, those without it, with that
    code named as left out. ``alone`` is the phase without that code. Raises CannotEdit where even that cannot be."""
    try:
        return propose(whole, models, texts, folder=folder, width=width)
    except CannotEdit as error:
        more = [
            definition
            for definition in whole.definitions
            if definition not in alone.definitions and models.find(definition.name)
        ]
        if not more:
            raise
        fewer = tuple(definition for definition in whole.definitions if definition not in more)
        made = propose(replace(whole, definitions=fewer), models, texts, folder=folder, width=width)
        said = (f"line {one.line}: the code for {one.name} is left out: {error}" for one in more)
        return replace(made, problems=(*made.problems, *said))


def _refuse_doubles(asked: Asked, models: Models) -> None:
    """Raises CannotEdit where a class that is to be changed stands in several files: which of them is a guess."""
    names = [definition.name for definition in asked.definitions] + [owner for owner, _ in asked.relations]
    for name in dict.fromkeys(names):
        places = [file.path for file in models.files if any(one.name == name for one in file.classes)]
        if len(places) > 1:
            raise CannotEdit(f"there is a class {name} in {' and in '.join(places)}; write its part by hand")


def _add(one: Definition, plan: _Plan, path: str, asked: Asked, models: Models, width: int) -> None:
    """A definition that is not there yet goes to that file."""
    node = shown_class(one)
    code = _in_style(one, models)
    if node is not None and models.documented:
        code = documented(code, dict(asked.words).get(one.name, ""), width)
    plan.added.setdefault(path, []).append(code)
    if node is not None:
        plan.fresh.append(model_class(node))
    if node is not None or table_of(one):
        plan.files[one.name] = path


def _relate(asked: Asked, models: Models, plan: _Plan) -> None:
    """The relationships that are asked for or needed go to the files of their classes."""
    given = {(one.owner, one.name) for one in plan.given}
    wanted, unclear, broken = relationships(asked.relations, plan.fresh, models, plan.given)
    if broken:
        raise CannotEdit(f"{'; '.join(broken)}, or the models would not load")
    plan.problems.extend(unclear)
    for each in wanted:
        known = models.find(each.owner)
        path = known[0].path if known else plan.files.get(each.owner, "")
        if path and (each.owner, each.name) not in given:
            plan.attributes.setdefault(path, []).append(each)


def _extended(attributes: Sequence[Fresh], models: Models) -> dict[str, str]:
    """The tables of the classes that are there and get a column."""
    found: dict[str, str] = {}
    for one in attributes:
        known = models.find(one.owner)
        if known and known[1].table and is_column(one.code):
            found[f"{one.owner}.__table__"] = known[1].table
    return found


def _loose(asked: Asked, models: Models, attributes: dict[str, list[Fresh]], problems: list[str]) -> None:
    """Relationships that stand outside a class, for the class that an item names."""
    for one in asked.loose:
        owner = next((owner for owner, name in asked.relations if name == one.name), "")
        known = models.find(owner)
        if known is None:
            problems.append(f"line {one.line}: it is not said which class gets {one.name}; it is left out")
        elif one.name not in known[1].attributes:
            attributes.setdefault(known[0].path, []).append(Fresh(owner, one.name, one.code))


def _texts(
    asked: Asked, models: Models, texts: Mapping[str, str], plan: _Plan, folder: str, width: int
) -> tuple[dict[str, str], list[str]]:
    """The new texts, and the new files that nothing imports."""
    made: dict[str, str] = {}
    unreached: list[str] = []
    for path in dict.fromkeys([*plan.added, *plan.attributes]):
        before = texts.get(path, "")
        text = _text(path, before, asked, models, plan, folder, width)
        if text != before:
            made[path] = text
        if not before:
            names = [name for name, place in plan.files.items() if place == path]
            listed, reached = collected(path, names, models, {**texts, **made}, folder)
            made |= listed
            unreached += [] if reached else [path]
    return made, unreached


def _text(path: str, before: str, asked: Asked, models: Models, plan: _Plan, folder: str, width: int) -> str:
    own = module_of(_first_path(models, folder), folder).partition(".")[0]
    # A class that is new gets its attributes after it stands in the file.
    there = {file.path: {one.name for one in file.classes} for file in models.files}.get(path, set())
    classes, attributes = plan.added.get(path, []), plan.attributes.get(path, [])
    known, spec = [*_known(models, path), *_defined(models, path, folder), *asked.imports], asked.imports
    first = [attribute for attribute in attributes if attribute.owner in there]
    text = with_code(
        before or _head(models, path), classes=classes, attributes=first, known=known, spec=spec, own=own, width=width
    )
    later = [attribute for attribute in attributes if attribute.owner not in there]
    if later:
        text = with_code(text, attributes=later, known=known, spec=spec, own=own, width=width)
    if names_types(models):
        places = {known.name: file.path for file in models.files for known in file.classes} | plan.files
        text = for_checkers(text, [*classes, *(attribute.code for attribute in attributes)], path, places, folder)
    windows = not before and bool(models.files) and all("\r\n" in file.text for file in models.files)
    return text.replace("\n", "\r\n") if windows else text


def _first_path(models: Models, folder: str) -> str:
    return models.files[0].path if models.files else str(PurePosixPath(folder) / "models.py")


def _known(models: Models, path: str) -> list[Import]:
    """The imports of the models' files, this file's first; relative ones only from the same folder."""
    parent = PurePosixPath(path).parent
    files = sorted(models.files, key=lambda file: file.path != path)
    found: list[Import] = []
    for file in files:
        tree = parse(file.text)
        here = PurePosixPath(file.path).parent == parent
        found += [imported for imported in imports_of(tree.body if tree else []) if here or not imported.level]
    return found


def _defined(models: Models, path: str, folder: str) -> list[Import]:
    """What the other model files define themselves: a base class, an enum."""
    found: list[Import] = []
    for file in models.files:
        tree = parse(file.text)
        names = [node.name for node in (tree.body if tree else []) if isinstance(node, ast.ClassDef)]
        if file.path != path:
            found += [Import(module_of(file.path, folder), name) for name in names]
    return found


def _head(models: Models, path: str) -> str:
    """The beginning of a new file as its neighbours have it."""
    parent = PurePosixPath(path).parent
    near = [file for file in models.files if PurePosixPath(file.path).parent == parent] or list(models.files)
    futures = [file for file in near if "from __future__ import annotations" in file.text]
    return "from __future__ import annotations\n" if near and len(futures) * 2 > len(near) else ""


def _place(one: Definition, asked: Asked, models: Models, texts: Mapping[str, str], folder: str) -> str:
    """The file that the definition goes to: the one the phase names, the only one, or a new one beside the others."""
    said = one.file or next((file for name, file in asked.named if name == one.name), "")
    if said:
        fitting = [path for path in texts if path == said or path.endswith(f"/{said}")]
        inside = [path for path in fitting if folder in ("", ".") or path.startswith(f"{folder}/")]
        if len(inside or fitting) == 1:
            return (inside or fitting)[0]
        if not fitting:
            return str(PurePosixPath(folder) / said)
    if len(models.files) == 1:
        return models.files[0].path
    if not models.files:
        raise CannotEdit(f"no file with models was found for {one.name}; name it in the item: `{one.name}` in `FILE`")
    return _beside(one, models)


def _beside(one: Definition, models: Models) -> str:
    """Several files: the one with the most classes, or in a package of one class a file a new one."""
    biggest = max(models.files, key=lambda file: len(file.classes))
    single = sum(len(file.classes) == 1 for file in models.files)
    if len(biggest.classes) > 2 and single * 2 <= len(models.files):
        return biggest.path
    folders = Counter(str(PurePosixPath(file.path).parent) for file in models.files)
    where, number = folders.most_common(1)[0]
    if number * 2 <= len(models.files):
        raise CannotEdit(
            f"the models stand in {len(folders)} folders; name the file in the item: `{one.name}` in `FILE`"
        )
    parent = PurePosixPath(where)
    node = shown_class(one)
    table = model_class(node).table if node else ""
    stems = [(PurePosixPath(file.path).stem, each) for file in models.files for each in file.classes]
    by_table = table and sum(stem == each.table for stem, each in stems) > sum(
        stem == snake(each.name) for stem, each in stems
    )
    return str(parent / f"{table if by_table else snake(one.name)}.py")


def _in_style(one: Definition, models: Models) -> str:
    """The code with the project's base class where the spec writes another one."""
    node = one.node
    if not isinstance(node, ast.ClassDef) or not models.base or shown_class(one) is None:
        return one.code
    own = {base for known in models.classes for base in known.bases}
    foreign = [base for base in node.bases if _BASE.fullmatch(ast.unparse(base)) and ast.unparse(base) not in own]
    if not foreign or models.base in map(ast.unparse, node.bases):
        return one.code
    base = foreign[-1]
    lines = one.code.split("\n")
    at = base.lineno - (node.lineno - next(n for n, line in enumerate(lines) if line.startswith("class ")))
    line = lines[at]
    lines[at] = line[: base.col_offset] + models.base + line[base.end_col_offset or 0 :]
    return "\n".join(lines)


def _extend(
    known: tuple[ModelFile, ModelClass],
    node: ast.ClassDef,
    one: Definition,
    attributes: dict[str, list[Fresh]],
    problems: list[str],
) -> None:
    """What the spec's form of a class that is there has more; what it has otherwise is said, not changed."""
    file, there = known
    tree = parse(file.text)
    own = next((n for n in (tree.body if tree else []) if isinstance(n, ast.ClassDef) and n.name == there.name), None)
    first = one.line - min([node.lineno, *(each.lineno for each in node.decorator_list)])
    for statement in node.body:
        name = bound_name(statement)
        if not name or name == "__tablename__":
            continue
        if name not in there.attributes:
            attributes.setdefault(file.path, []).append(Fresh(there.name, name, _cut(one, node, statement)))
            continue
        mine = next((each for each in (own.body if own else []) if bound_name(each) == name), None)
        if mine is None or ast.dump(mine) != ast.dump(statement):
            is_there = f"`{_shown(mine)}` in {file.path}:{mine.lineno}" if mine else "a mixin's or base's own"
            problems.append(
                f"{there.name}.{name} is {is_there}, "
                f"line {first + statement.lineno} of the spec says `{_shown(statement)}`; it is left as it is"
            )


def _shown(statement: ast.stmt) -> str:
    """The statement on one line, of a method its first."""
    return ast.unparse(statement).splitlines()[0]


def _cut(one: Definition, node: ast.ClassDef, statement: ast.stmt) -> str:
    start = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    first = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", []))])
    lines = one.code.split("\n")[first - start : (statement.end_lineno or 0) - start + 1]
    return reindent("\n".join(lines), statement.col_offset)


def _bound(text: str) -> frozenset[str]:
    tree = parse(text)
    return bound_names(tree) if tree else frozenset()
