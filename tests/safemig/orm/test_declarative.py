"""Models in a spec as operations: what they say in other places than the column's own line is not lost."""

from __future__ import annotations

import pytest

from safemig.orm.declarative import pieces
from safemig.plan_document.document import Block

MIXIN = """class Owned:
    @declared_attr
    def owner_id(cls) -> Mapped[int]:
        return mapped_column(ForeignKey("person.id"))

    @declared_attr.directive
    def __tablename__(cls) -> str:
        return cls.__name__.lower()
"""
KINDS = """Key = Annotated[int, mapped_column(BigInteger, primary_key=True)]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
Short = Annotated[str, 50]


class Base(DeclarativeBase):
    type_annotation_map = {datetime.datetime: DateTime(timezone=True), dict[str, Any]: JSONB, Short: String(50)}


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Level(enum.Enum):
    LOW = 1
"""


def operations(column: str, before: str = "", bases: str = "Base") -> tuple[str, list[str]]:
    """The code for a table with that one column, without the table's own lines, and the problems."""
    found = pieces(Block("python", f'{before}\n\nclass T({bases}):\n    __tablename__ = "t"\n    {column}\n', 1))
    [piece] = found
    inner = [line.strip().rstrip(",") for line in piece.code.split("\n")[2:-1]]
    return " ".join(inner), [problem for _, problem in piece.problems]


@pytest.mark.parametrize(
    ("column", "made"),
    [
        ("a: Mapped[datetime]", 'sa.Column("a", sa.DateTime(timezone=True), nullable=False)'),
        ("a: Mapped[datetime.datetime | None]", 'sa.Column("a", sa.DateTime(timezone=True), nullable=True)'),
        ("a: Mapped[dict[str, Any]]", 'sa.Column("a", postgresql.JSONB(), nullable=False)'),
        ("a: Mapped[Optional[Short]]", 'sa.Column("a", sa.String(50), nullable=True)'),
        ("a: Mapped[datetime] = mapped_column(DateTime)", 'sa.Column("a", sa.DateTime(), nullable=False)'),
        ("a: Mapped[Key]", 'sa.Column("a", sa.BigInteger(), primary_key=True)'),
        (
            "a: Mapped[Moment | None]",
            'sa.Column("a", sa.DateTime(timezone=True), nullable=True, server_default=sa.func.now())',
        ),
        (
            "a: Mapped[Moment] = mapped_column(server_default=None)",
            'sa.Column("a", sa.DateTime(timezone=True), nullable=False, server_default=None)',
        ),
        ("a: Mapped[Mood]", 'sa.Column("a", sa.Enum("GOOD", "BAD", name="mood"), nullable=False)'),
        (
            "a: Mapped[Mood] = mapped_column(Enum(Mood, values_callable=lambda x: [e.value for e in x], name='m'))",
            'sa.Column("a", sa.Enum("good", "bad", name="m"), nullable=False)',
        ),
        (
            "a = Column(Enum(Mood, native_enum=False, length=9))",
            'sa.Column("a", sa.Enum("GOOD", "BAD", name="mood", native_enum=False, length=9), nullable=True)',
        ),
        ("a = deferred(Column(Text))", 'sa.Column("a", sa.Text(), nullable=True)'),
    ],
)
def test_a_column(column: str, made: str) -> None:
    assert operations(column, KINDS) == (made, [])


def test_columns_of_a_mixins_methods() -> None:
    made, problems = operations("a: Mapped[int]", MIXIN, "Owned, Base")
    assert 'sa.Column("owner_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=False)' in made
    assert problems == []


@pytest.mark.parametrize(
    ("column", "before", "said"),
    [
        ("a: Mapped[list[int]]", KINDS, "the type of column t.a is not said"),
        (
            "a: Mapped[int]",
            MIXIN.replace("return mapped", "x = 1\n        return mapped"),
            "owner_id of table t is comp",
        ),
    ],
)
def test_what_is_not_known_is_said(column: str, before: str, said: str) -> None:
    _, [problem] = operations(column, before, "Owned, Base" if "Owned" in before else "Base")
    assert said in problem


def test_values_that_are_no_text_are_no_labels() -> None:
    made, _ = operations("a: Mapped[Level] = mapped_column(Enum(Level, values_callable=lambda x: [1]))", KINDS)
    assert "sa.Enum(sa.Level" in made  # refused when it is evaluated, with its line
