"""Relationships that a phase names or that its models need on the other side, written as the project writes its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import indent

from safemig.orm.reader import RELATES, ForeignKey, ModelClass, Models, Relationship, last, model_class, snake


@dataclass(frozen=True)
class Fresh:
    """An attribute to be added to a class: the code of its statement, without indentation."""

    owner: str
    name: str
    code: str


def is_column(code: str) -> bool:
    """Whether the statement binds a column: neither a relationship nor a method."""
    statement = ast.parse(code).body[0]
    value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    is_relation = isinstance(value, ast.Call) and last(value.func) in RELATES
    return isinstance(statement, ast.Assign | ast.AnnAssign) and not is_relation


def relationships(
    relations: Sequence[tuple[str, str]], fresh: Sequence[ModelClass], models: Models, given: Sequence[Fresh] = ()
) -> tuple[tuple[Fresh, ...], tuple[str, ...], tuple[str, ...]]:
    """The attributes for the (class, attribute) pairs, and for each ``back_populates`` of the new code that has no
    other side yet; what could not be written, with why; and the sides without which the mappers would not load.

    ``given`` are attributes that the phase itself writes for classes that are there.
    """
    everything = {one.name: one for one in (*models.classes, *fresh)}
    for each in given:
        if each.owner in everything:
            everything[each.owner] = _with(everything[each.owner], each)
    new = {one.name for one in fresh} | {each.owner for each in given}
    found: dict[tuple[str, str], Fresh] = {}
    problems: list[str] = []
    broken: list[str] = []
    needed = _other_sides([one for name, one in everything.items() if name in new], everything)
    for owner, name in dict.fromkeys((*relations, *needed)):
        known = everything.get(owner)
        if (known and name in known.attributes) or (owner, name) in found:
            continue
        made = _attributes(known, name, {one.name for one in fresh}, everything, models) if known else []
        found |= {(one.owner, one.name): one for one in made}
        if not made:
            said = broken if (owner, name) in needed else problems
            said.append(f"relationship {owner}.{name}: no single foreign key says what it leads to; write it out")
    return tuple(found.values()), tuple(problems), tuple(broken)


def _with(known: ModelClass, each: Fresh) -> ModelClass:
    """The class with that attribute."""
    body = ast.parse(f"class {known.name}(Base):\n{indent(each.code, '    ')}").body[0]
    assert isinstance(body, ast.ClassDef)
    more = model_class(body)
    return replace(
        known,
        attributes=(*known.attributes, each.name),
        keys=(*known.keys, *more.keys),
        relationships=(*known.relationships, *more.relationships),
    )


def _other_sides(fresh: Sequence[ModelClass], everything: Mapping[str, ModelClass]) -> list[tuple[str, str]]:
    return [
        (one.target, one.options["back_populates"].strip("\"'"))
        for new in fresh
        for one in new.relationships
        if "back_populates" in one.options and one.target in everything
    ]


def _attributes(
    owner: ModelClass, name: str, fresh: Collection[str], everything: Mapping[str, ModelClass], models: Models
) -> list[Fresh]:
    """The relationship, with its other side where the project always writes both."""
    for other in everything.values():
        back = _back(other, owner, name)
        if back and "secondary" in back.options:
            return [_across(owner, name, other, back, models)]
    many = _leading(owner, name, fresh, everything)
    if len(many) == 1:
        return _to_many(owner, name, *many[0], models)
    ones = [(one, key) for key in owner.keys for one in everything.values() if _same_table(one.table, key.table)]
    named = [(one, key) for one, key in ones if snake(one.name) == name or key.column in (f"{name}_id", f"{name}_fk")]
    if len(named) == 1 or len(ones) == 1:
        return _to_one(owner, name, *(named or ones)[0], models)
    return []


def _leading(
    owner: ModelClass, name: str, fresh: Collection[str], everything: Mapping[str, ModelClass]
) -> list[tuple[ModelClass, ForeignKey]]:
    """The foreign keys that lead to ``owner`` and may be meant by ``name``: that of the other side, else those of new
    classes, else that of the class which the name is the plural of."""
    pairs = [(one, key) for one in everything.values() for key in one.keys if _same_table(owner.table, key.table)]
    backs = [(one, key) for one, key in pairs if (back := _back(one, owner, name)) and _joins(back, key)]
    own = [(one, key) for one, key in pairs if one.name in fresh]
    return backs or own or [(one, key) for one, key in pairs if name in _plurals(one, owner)]


def _back(other: ModelClass, owner: ModelClass, name: str) -> Relationship | None:
    """The other side of ``owner.name`` in that class."""
    sides = [relationship for relationship in other.relationships if relationship.target == owner.name]
    return next((side for side in sides if side.options.get("back_populates", "").strip("\"'") == name), None)


def _joins(back: Relationship, key: ForeignKey) -> bool:
    """Whether the relationship goes by that key, where it says which."""
    said = re.findall(r"\w+", back.options.get("foreign_keys", ""))
    return not said or key.column in said


def _plurals(one: ModelClass, owner: ModelClass) -> set[str]:
    """course_ratings and ratings for the CourseRating of a Course."""
    stem = snake(one.name)
    found = {stem, one.table.rpartition(".")[2], *(stem + end for end in ("s", "es")), f"{stem.removesuffix('y')}ies"}
    return found | {each.removeprefix(f"{snake(owner.name)}_") for each in found}


def _same_table(table: str, key: str) -> bool:
    """Whether the key leads to the table; a schema that only one of them names is the metadata's own."""
    if not table or not key or ("." in table and "." in key):
        return bool(table) and table == key
    return table.rpartition(".")[2] == key.rpartition(".")[2]


def _across(owner: ModelClass, name: str, other: ModelClass, back: Relationship, models: Models) -> Fresh:
    """The other side of a relationship through a table of its own, which may stand further down in the file: it is
    named by the text that SQLAlchemy looks up."""
    through = back.options["secondary"].strip("\"'")
    options = {"secondary": f'"{through}"', "back_populates": f'"{back.name}"'}
    return _fresh(owner.name, name, other.name, options, models, many=True, null=False)


def _to_many(owner: ModelClass, name: str, other: ModelClass, key: ForeignKey, models: Models) -> list[Fresh]:
    back = _back(other, owner, name) or next(
        (relationship for relationship in other.relationships if _is_plain(relationship, owner)), None
    )
    siblings = [one for one in _all(models) if "cascade" in one.options or "passive_deletes" in one.options]
    options: dict[str, str] = {}
    both = _both_sides(models)
    if back and "back_populates" in back.options:
        options["back_populates"] = f'"{back.name}"'
    elif not back and both:
        options["back_populates"] = f'"{snake(owner.name)}"'
    if sum(_same_table(owner.table, key.table) for key in other.keys) > 1:
        options["foreign_keys"] = f'"{other.name}.{key.column}"'
    # Without a cascade SQLAlchemy would set the key of a deleted owner's rows to null, which the column refuses.
    if key.ondelete == "CASCADE" or not key.null:
        options["cascade"] = '"all, delete-orphan"'
    if key.ondelete == "CASCADE" and any("passive_deletes" in sibling.options for sibling in siblings):
        options["passive_deletes"] = "True"
    made = [_fresh(owner.name, name, other.name, options, models, many=not key.unique, null=key.unique)]
    if not back and both:
        back_options = {"back_populates": f'"{name}"'}
        there = snake(owner.name)
        made.append(_fresh(other.name, there, owner.name, back_options, models, many=False, null=key.null))
    return made


def _is_plain(one: Relationship, owner: ModelClass) -> bool:
    """A relationship to the owner that names no other side."""
    return one.target == owner.name and "back_populates" not in one.options


def _to_one(owner: ModelClass, name: str, other: ModelClass, key: ForeignKey, models: Models) -> list[Fresh]:
    options: dict[str, str] = {}
    for relationship in other.relationships:
        if relationship.options.get("back_populates", "").strip("\"'") == name and relationship.target == owner.name:
            options["back_populates"] = f'"{relationship.name}"'
    return [_fresh(owner.name, name, other.name, options, models, many=False, null=key.null)]


def _all(models: Models) -> list[Relationship]:
    return [one for known in models.classes for one in known.relationships]


def _both_sides(models: Models) -> bool:
    known = _all(models)
    return bool(known) and sum("back_populates" in one.options for one in known) * 2 > len(known)


def _fresh(
    owner: str, name: str, target: str, options: dict[str, str], models: Models, *, many: bool, null: bool
) -> Fresh:
    if models.kind == "sqlmodel":
        return Fresh(owner, name, _of_sqlmodel(name, target, options, many=many, null=null))
    if models.kind in ("dataclass", "decorated"):
        options = {"init": "False", **options}  # else every call of the class would have to give it
    words = [f"{key}={value}" for key, value in options.items()]
    if not models.typed:
        words = [f'"{target}"', *words] + (["uselist=False"] if not many and null and not words else [])
        return Fresh(owner, name, f"{name} = relationship({', '.join(words)})")
    inner = f'"{target}"'
    shape = f"list[{inner}]" if many else f'"{target} | None"' if null else inner
    return Fresh(owner, name, f"{name}: Mapped[{shape}] = relationship({', '.join(words)})")


def _of_sqlmodel(name: str, target: str, options: Mapping[str, str], *, many: bool, null: bool) -> str:
    """The relationship as SQLModel has it, whose annotations are no ``Mapped[…]`` and no quoted unions."""
    words = [f"back_populates={options['back_populates']}"] if "back_populates" in options else []
    words += ["cascade_delete=True"] if "cascade" in options else []
    words += ["passive_deletes=True"] if "passive_deletes" in options else []
    more = ", ".join(f'"{key}": {value}' for key, value in options.items() if key in ("secondary", "foreign_keys"))
    words += [f"sa_relationship_kwargs={{{more}}}"] if more else []
    shape = f'list["{target}"]' if many else f'Optional["{target}"]' if null else f'"{target}"'
    return f"{name}: {shape} = Relationship({', '.join(words)})"
