"""Markdown read by position: items, blocks and phases as real specs write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safemig.plan_document.document import Document, Phase, parse, read


def _parse(text: str) -> Document:
    return parse(text.encode(), "plan.md")


def _phase(text: str, number: int | None = None) -> Phase:
    return next(phase for phase in _parse(text).phases if phase.number == number)


def _texts(phase: Phase) -> list[str]:
    return [item.text for item in phase.items]


ITEMS = """# Plan
- [ ] plain `a` and `b.c`
  - [x] nested
    1. [X] numbered
- [~] skipped
* [ ] **Step 2:** bold
1) [ ] T010 [P] [US2] tagged
> - [ ] quoted
- [ ](https://example.org) a link
- [] no box
- [x]no box either
| a |
|---|
| - [ ] cell |

```
- [ ] in a fence
```

    - [ ] in an indented block

<!--
- [ ] in a comment
-->
"""


def test_items_are_found_by_position_and_nothing_else_is() -> None:
    items = _phase(ITEMS).items
    assert [(item.line, item.mark, item.checked) for item in items] == [
        (2, " ", False), (3, "x", True), (4, "X", True), (5, "~", False), (6, " ", False), (7, " ", False),
        (8, " ", False),
    ]  # fmt: skip
    assert items[0].codes == ("a", "b.c")
    assert items[0].text == "plain `a` and `b.c`"
    assert [item.open for item in items] == [True, False, False, False, True, True, True]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_the_offset_is_the_byte_between_the_brackets(end: str, start: str) -> None:
    text = start + ITEMS.replace("Plan", "Plán ✅ 計画").replace("\n", end)
    content = text.encode()
    items = parse(content, "x.md").phases[0].items
    assert len(items) == 7
    for item in items:
        assert content[item.offset - 1 : item.offset + 2] == f"[{item.mark}]".encode()


def test_blocks_carry_language_line_and_heading() -> None:
    blocks = _phase("# A\n\n## B ✅\n```python title=x\nop.f()\n```\n~~~SQL\nSELECT 1\n~~~\n\n    CREATE\n").blocks
    assert [(one.language, one.line, one.heading, one.text) for one in blocks] == [
        ("python", 5, "B ✅", "op.f()\n"), ("sql", 8, "B ✅", "SELECT 1\n"), ("", 11, "B ✅", "CREATE\n"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("## Phase 1: Table", "## Phase 2: Models"),
        ("## ✅ Phase 1 – Table", "## 🚧 Phase 2 – Models [x]"),
        ("### Fase 1: Table", "### Fase 2: Models"),
        ("## Stage 1. Table", "## Stage 2. Models"),
        ("## Step 1 - Table", "## Step 2 - Models"),
        ("## Phase One: Table", "## Phase Two: Models"),
        ("## Phase I: Table", "## Phase II: Models"),
        ("## Этап 1. Table", "## Этап 2. Models"),
        ("## 第一阶段：Table", "## 第二阶段：Models"),
        ("## 1. fázis: Table", "## 2. fázis: Models"),
        ("## Wkrok 1: Table", "## Wkrok 2: Models"),
        ("## 1. Table", "## 2. Models"),
        ("## 1️⃣ Table", "## 2️⃣ Models"),
    ],
)
def test_phases_in_many_words(first: str, second: str) -> None:
    document = _parse(f"# Plan\n\n{first}\n- [ ] one\n\n{second}\n- [ ] two\n\n## Risks\n- [ ] none\n")
    assert [(phase.number, phase.title.strip("：")) for phase in document.phases] == [(1, "Table"), (2, "Models")]
    assert [_texts(phase) for phase in document.phases] == [["one"], ["two"]]


def test_without_phases_the_document_is_one() -> None:
    document = _parse("# Plan\n## 1. Background\ntext\n## 2. Schema\n```sql\nCREATE\n```\n## Checklist\n- [ ] a\n")
    assert [(phase.key, phase.number, phase.title) for phase in document.phases] == [("", None, "Plan")]
    assert _texts(document.phases[0]) == ["a"]
    assert len(document.phases[0].blocks) == 1


FAR = """# Ratings plan, phase 1 first

## Phase 1: Ratings table ✅
```sql
CREATE
```
### Out of scope (see Phase 2)
- [ ] in one

## Phase 2: Models and relations
text

## Phases 1-2: timeline
- [ ] nobody's

# Progress
## {one}
- [ ] far one
## {two}
- [ ] far two
"""


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Phase 1", "Phase 2"),
        ("🚧 Fase 1", "Fase 2"),
        ("Checklist of phase 1", "Checklist of phase 2"),
        ("Ratings table", "Models and relations"),
        ("✅ Ratings table checklist", "Models and relations tasks"),
        ("1. Tables", "2. Rest"),
    ],
)
def test_a_checklist_far_away_is_joined_by_number_or_title(one: str, two: str) -> None:
    text = FAR.format(one=one, two=two)
    assert _texts(_phase(text, 1)) == ["in one", "far one"]
    assert _texts(_phase(text, 2)) == ["far two"]
    assert len(_phase(text, 1).blocks) == 1
    assert _phase(text, 1).lines == (3, 9)


def test_blocks_outside_every_phase_are_kept_apart() -> None:
    document = _parse("# Plan\n## Schema\n```sql\nCREATE\n```\n## Phase 1: A\n- [ ] a\n## Phase 2: B\n- [ ] b\n")
    assert [block.line for block in document.general] == [4]
    assert all(not phase.blocks for phase in document.phases)


def test_read_gives_a_path_relative_to_the_root(tmp_path: Path) -> None:
    file = tmp_path / "specs" / "a.md"
    file.parent.mkdir()
    file.write_bytes(b"# A \xff\n- [ ] \xfe x\n")
    document = read(file, tmp_path)
    assert document.path == "specs/a.md"
    assert document.phases[0].items[0].offset == 9


_PARTS = st.sampled_from(
    [
        "# ",
        "## Phase 1: ",
        "- [ ] ",
        "  1. [x] ",
        "```",
        "\n",
        "\r\n",
        "\t",
        "`a`",
        "> ",
        "<!--",
        "\x00",
        "|",
        "é",
        "[~]",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(_PARTS, max_size=60).map(lambda parts: "".join(parts).encode())))
def test_any_bytes_give_a_document_with_true_offsets(content: bytes) -> None:
    document = parse(content, "x.md")
    assert document.phases
    for phase in document.phases:
        for item in phase.items:
            assert content[item.offset - 1 : item.offset] == b"["
            assert content[item.offset : item.offset + 1] == item.mark.encode("utf-8", "surrogateescape")[:1]


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("Fase 2: Modelos y ORM (2 horas)", "Modelos y ORM (2 horas)"),
        ("Phase 2 - Models [draft]", "Models [draft]"),
        ("(Phase 2: Models & ORM (2 h))", "Models & ORM (2 h)"),
        ("[Phase 2] Models", "Models"),
        ("Phase 2 — Models, views etc.:", "Models, views etc."),
        ("Phase 2 (Models)", "Models"),
        ("Phase 2: ✅ Models)", "Models"),
    ],
)
def test_a_title_is_not_cut(heading: str, title: str) -> None:
    assert _phase(f"# P\n\n## {heading}\n\n- [ ] a\n", 2).title == title
