"""Relationships that a phase names or that its models need on the other side, written as the project writes its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from safemig.models.reading import ForeignKey, ModelClass, Models, Relationship, snake


@dataclass(frozen=True)
class Fresh:
    """An attribute to be added to a class: the code of its statement, without indentation."""

    owner: str
    name: str
    code: str


def relationships(
    relations: Sequence[tuple[str, str]], fresh: Sequence[ModelClass], models: Models
) -> tuple[tuple[Fresh, ...], tuple[str, ...]]:
    """The attributes for the (class, attribute) pairs, and for each ``back_populates`` of the new classes that has no
    other side yet; and what could not be written, with why."""
    everything = {one.name: one for one in (*models.classes, *fresh)}
    found: dict[tuple[str, str], Fresh] = {}
    problems: list[str] = []
    for owner, name in (*relations, *_other_sides(fresh, everything)):
        known = everything.get(owner)
        if (known and name in known.attributes) or (owner, name) in found:
            continue
        made = _attributes(known, name, fresh, everything, models) if known else []
        if made:
            found |= {(one.owner, one.name): one for one in made}
        else:
            problems.append(f"relationship {owner}.{name}: no single foreign key says what it leads to; write it out")
    return tuple(found.values()), tuple(problems)


def _other_sides(fresh: Sequence[ModelClass], everything: dict[str, ModelClass]) -> list[tuple[str, str]]:
    return [
        (one.target, one.options["back_populates"].strip("\"'"))
        for new in fresh
        for one in new.relationships
        if "back_populates" in one.options and one.target in everything
    ]


def _attributes(
    owner: ModelClass, name: str, fresh: Sequence[ModelClass], everything: dict[str, ModelClass], models: Models
) -> list[Fresh]:
    """The relationship, with its other side where the project always writes both."""
    many = [(one, key) for one in fresh for key in one.keys if owner.table and key.table == owner.table]
    if len(many) == 1:
        return _to_many(owner, name, *many[0], models)
    ones = [(one, key) for key in owner.keys for one in everything.values() if one.table == key.table]
    named = [(one, key) for one, key in ones if snake(one.name) == name or key.column in (f"{name}_id", f"{name}_fk")]
    if len(named) == 1 or len(ones) == 1:
        return _to_one(owner, name, *(named or ones)[0], models)
    return []


def _to_many(owner: ModelClass, name: str, other: ModelClass, key: ForeignKey, models: Models) -> list[Fresh]:
    back = next((one for one in other.relationships if one.target == owner.name), None)
    siblings = [one for one in _all(models) if "cascade" in one.options or "passive_deletes" in one.options]
    options: dict[str, str] = {}
    both = _both_sides(models)
    if back and "back_populates" in back.options:
        options["back_populates"] = f'"{back.name}"'
    elif not back and both:
        options["back_populates"] = f'"{snake(owner.name)}"'
    # Without a cascade SQLAlchemy would set the key of a deleted owner's rows to null, which the column refuses.
    if key.ondelete == "CASCADE" or not key.null:
        options["cascade"] = '"all, delete-orphan"'
    if key.ondelete == "CASCADE" and any("passive_deletes" in one.options for one in siblings):
        options["passive_deletes"] = "True"
    made = [_fresh(owner.name, name, other.name, options, models, many=not key.unique, null=key.unique)]
    if not back and both:
        back_options = {"back_populates": f'"{name}"'}
        there = snake(owner.name)
        made.append(_fresh(other.name, there, owner.name, back_options, models, many=False, null=key.null))
    return made


def _to_one(owner: ModelClass, name: str, other: ModelClass, key: ForeignKey, models: Models) -> list[Fresh]:
    options: dict[str, str] = {}
    for one in other.relationships:
        if one.options.get("back_populates", "").strip("\"'") == name and one.target == owner.name:
            options["back_populates"] = f'"{one.name}"'
    return [_fresh(owner.name, name, other.name, options, models, many=False, null=key.null)]


def _all(models: Models) -> list[Relationship]:
    return [one for known in models.classes for one in known.relationships]


def _both_sides(models: Models) -> bool:
    known = _all(models)
    return bool(known) and sum("back_populates" in one.options for one in known) * 2 > len(known)


def _fresh(
    owner: str, name: str, target: str, options: dict[str, str], models: Models, *, many: bool, null: bool
) -> Fresh:
    words = [f"{key}={value}" for key, value in options.items()]
    if not models.typed:
        words = [f'"{target}"', *words] + (["uselist=False"] if not many and null and not words else [])
        return Fresh(owner, name, f"{name} = relationship({', '.join(words)})")
    inner = f'"{target}"'
    shape = f"list[{inner}]" if many else f'"{target} | None"' if null else inner
    return Fresh(owner, name, f"{name}: Mapped[{shape}] = relationship({', '.join(words)})")
