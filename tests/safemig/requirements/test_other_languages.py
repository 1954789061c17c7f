"""Tables of columns in languages that safemig does not know: an open point with the key, and read once it is given."""

from __future__ import annotations

import pytest

from safemig.migrations.change import Wanted
from safemig.plan_document.document import parse
from safemig.plan_document.vocabulary import Vocabulary, vocabulary
from safemig.project.config import parse as parse_config
from safemig.requirements.selection import Choice, choose
from safemig.requirements.sources import wanted

DANISH = """# Bedømmelser
## Fase 1: Database
Tabel `rating`:

| Kolonne | Datatype | Regler | Påkrævet |
|---|---|---|---|
| id | INTEGER | PRIMARY KEY | ja |
| stars | SMALLINT | CHECK (stars > 0) | nej |

- [ ] Opret tabellen
"""
SWEDISH = """# Betyg
### Tabell rating
| Fält | Datatyp | Nyckel |
|---|---|---|
| id | serial | PK |
| stars | smallint | |
"""
VIETNAMESE = """# Đánh giá
## Bảng `rating`
| Cột | Kiểu dữ liệu | Ràng buộc |
|---|---|---|
| id | integer | primary key |
| stars | smallint | not null |
"""
FINNISH = """# Arvostelut
## Taulu rating
| Sarake | Tyyppi | Pakollinen |
|---|---|---|
| id | BIGINT (PK) | kyllä |
| stars | SMALLINT | ei |
"""
TURKISH = """# Puanlar
## `rating` kütüğü
| Öznitelik | Biçim | Sınırlar |
|---|---|---|
| id | INTEGER | PRIMARY KEY |
| stars | SMALLINT | NOT NULL |
"""
CASES = [
    (
        DANISH,
        "plan.md:5: ",
        "vocabulary: {header: {column: [Kolonne], constraints: [Regler], required: [Påkrævet]}, cell: {no: [nej]}}",
    ),
    (
        SWEDISH,
        "plan.md:3: ",
        "vocabulary: {header: {column: [Fält], type: [Datatyp], constraints: [Nyckel]}, table: {table: [Tabell]}}",
    ),
    (
        VIETNAMESE,
        "plan.md:3: ",
        "vocabulary: {header: {column: [Cột], type: [Kiểu dữ liệu], constraints: [Ràng buộc]}}",
    ),
    (
        FINNISH,
        "plan.md:3: ",
        "vocabulary: {header: {column: [Sarake], type: [Tyyppi], required: [Pakollinen]}, table: {table: [Taulu]},"
        " cell: {yes: [kyllä], no: [ei]}}",
    ),
    (
        TURKISH,
        "plan.md:3: ",
        "vocabulary: {header: {column: [Öznitelik], type: [Biçim], constraints: [Sınırlar]}}",
    ),
]


def _wanted(text: str, words: Vocabulary | None = None) -> Wanted | None:
    document = parse(text.encode(), "plan.md", words)
    return wanted(document, document.phases[0], [])


@pytest.mark.parametrize(("text", "place", "key"), CASES)
def test_an_unknown_language_is_an_open_point_and_the_key_settles_it(text: str, place: str, key: str) -> None:
    unread = _wanted(text)
    assert unread is not None
    assert len(unread.problems) == 1
    assert unread.problems[0].startswith(place)
    assert "vocabulary: {header: {column: [" in unread.problems[0]
    assert unread.upgrade == ""
    read = _wanted(text, parse_config(key).words)
    assert read is not None
    assert (read.problems, read.tables) == ((), ("rating",))
    assert ("primary_key=True" in read.upgrade, '"stars", sa.SmallInteger()' in read.upgrade) == (True, True)


def test_the_message_gives_the_entry_for_safemig_yaml() -> None:
    unread = _wanted(SWEDISH)
    assert unread is not None
    assert 'vocabulary: {header: {column: ["Fält"], type: ["Datatyp"]}}' in unread.problems[0]
    assert parse_config('vocabulary: {header: {column: ["Fält"], type: ["Datatyp"]}}').vocabulary == (
        ("header.column", ("Fält",)),
        ("header.type", ("Datatyp",)),
    )


@pytest.mark.parametrize(
    "text",
    [
        "## Taulu rating\n| Column | Type |\n|---|---|\n| id | serial |\n| stars | smallint |",
        "## Ændring af `rating`\n| Column | Type |\n|---|---|\n| stars | SMALLINT NOT NULL |",
        "## Tabla `rating`\n| Column | Type | Påkrævet |\n|---|---|---|\n| id | int | ja |\n| stars | int | nej |",
    ],
)
def test_a_word_that_nobody_knows_beside_known_ones_is_an_open_point_too(text: str) -> None:
    unread = _wanted(f"# P\n{text}\n")
    assert unread is not None
    assert any("vocabulary" in problem for problem in unread.problems), unread.problems


@pytest.mark.parametrize(
    "text",
    [
        "## Endepunkter\n| Parameter | Datatype |\n|---|---|\n| page | integer |\n| name | string |",
        "## Nuværende `x`\n| Trin | Formål |\n|---|---|\n| PRIMARY KEY | VARCHAR |\n| id | NOT NULL |",
        "## `make` mål\n| Mål | Beskrivelse |\n|---|---|\n| test | kører alle tests |\n| lint | INTEGER |",
    ],
)
def test_tables_of_other_things_stay_none(text: str) -> None:
    assert _wanted(f"# Plan\n\n{text}\n") is None


def test_beside_code_for_the_same_table_it_asks_for_nothing_and_beside_other_code_it_is_told() -> None:
    code = "```sql\nCREATE TABLE {} (id integer PRIMARY KEY);\n```\n"
    own = _wanted(f"{VIETNAMESE}\n{code.format('rating')}")
    assert own is not None
    assert (own.tables, own.problems, own.differences) == (("rating",), (), ())
    other = _wanted(f"{VIETNAMESE}\n{code.format('course')}")
    assert other is not None
    assert (other.tables, other.problems) == (("course",), ())
    assert other.differences[0].startswith("plan.md:3: this looks like the columns of a table, but 'Cột'")


def test_a_table_outside_of_every_phase_is_told_with_the_first_phase() -> None:
    text = f"{VIETNAMESE}\n## Phase 1: API\n- [ ] `GET /ratings`\n## Phase 2: Docs\n- [ ] write\n"
    document = parse(text.encode(), "plan.md")
    problems = [found.problems if (found := wanted(document, phase, [])) else () for phase in document.phases]
    assert [len(each) for each in problems] == [1, 0]


def test_own_words_for_phases_and_labels_count() -> None:
    made, undone = ("```sql\nCREATE TABLE a (id int);\n```", "```sql\nDROP TABLE b;\n```")
    text = f"# P\n## Osa 1: Database\n{made}\nPeruutus:\n{undone}\n## Osa 2\nx\n"
    assert len(parse(text.encode(), "plan.md").phases) == 1
    words = vocabulary((("phase.phase", ("Osa",)), ("label.back", ("peruutus",))))
    document = parse(text.encode(), "plan.md", words)
    assert [phase.title for phase in document.phases] == ["Database", ""]
    read = wanted(document, document.phases[0], [])
    assert read is not None
    assert (read.upgrade.count("TABLE"), "DROP TABLE b" in read.upgrade) == (1, False)


@pytest.mark.parametrize(
    ("text", "tables", "why"),
    [
        (SWEDISH, (), "what it asks of the schema cannot be read as it stands"),
        (DANISH, ("rating",), "what it asks of the schema cannot be read as it stands"),
        (VIETNAMESE, ("rating",), None),  # without items, and the table is there: it may be a description of it
    ],
)
def test_a_phase_with_such_a_table_is_chosen_so_that_the_open_point_is_told(
    text: str, tables: tuple[str, ...], why: str | None
) -> None:
    chosen = choose([parse(text.encode(), "plan.md")], frozenset(tables))
    assert (chosen.why if isinstance(chosen, Choice) else None) == why
