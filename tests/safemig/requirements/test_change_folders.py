"""One change in several files, as spec tools write it: one document with schema and checklist."""

from __future__ import annotations

import pytest

from safemig.plan_document.document import Document, parse
from safemig.requirements.change_folders import joined
from safemig.requirements.selection import Choice, choose
from safemig.requirements.sources import wanted

SQL = "CREATE TABLE berth (id int PRIMARY KEY);"
DESIGN = f"# Design\n\n## Phase 1: Ideas\n\nHow.\n\n### Schema\n\n```sql\n{SQL}\n```\n"
COLUMNS = """### Berth

Table: `berth`

| Field | Type | Constraints |
|---|---|---|
| id | INTEGER | PK |
| pier | TEXT | |
"""
TASKS = """# Tasks

## Phase 1: Setup

- [x] T001 Create the folders

## Phase 2: Foundational

- [ ] T002 [P] Migration for `berth` in `migrations/`
- [ ] T003 Apply it

## Phase 3: Story 1

- [ ] T004 [P] [US1] Model for `berth`
"""
NUMBERED = "## 1. Database\n- [ ] 1.1 Migration for `berth`\n\n## 2. API\n- [ ] 2.1 `GET /berths`\n"
LISTED = """# Implementation Plan

- [ ] 1. Store the berths
  - [ ] 1.1 Create the table `berth`
    - _Requirements: 1.1_
  - [ ]* 1.2 Write tests for the table
- [x] 2. Show them
"""


def _documents(files: dict[str, str]) -> tuple[Document, ...]:
    return joined([parse(text.encode(), path) for path, text in files.items()])


@pytest.mark.parametrize(
    ("files", "number", "origin"),
    [
        (
            {"specs/001-berths/data-model.md": COLUMNS, "specs/001-berths/plan.md": "# Plan\n\nWhy.\n",
             "specs/001-berths/spec.md": "- [ ] No open question\n", "specs/001-berths/tasks.md": TASKS},
            2, ("specs/001-berths/data-model.md", 7),
        ),
        (
            {"openspec/changes/add-berths/proposal.md": "## Why\n\n- `berth`\n",
             "openspec/changes/add-berths/design.md": DESIGN, "openspec/changes/add-berths/tasks.md": NUMBERED},
            1, ("openspec/changes/add-berths/design.md", 10),
        ),
        ({".kiro/specs/berths/design.md": DESIGN, ".kiro/specs/berths/requirements.md": "# R\n",
          ".kiro/specs/berths/tasks.md": LISTED},
         None, (".kiro/specs/berths/design.md", 10)),
        ({".agent-os/specs/2025-05-01-berths/spec.md": "# S\n", ".agent-os/specs/2025-05-01-berths/tasks.md": LISTED,
          ".agent-os/specs/2025-05-01-berths/sub-specs/database-schema.md": DESIGN},
         None, (".agent-os/specs/2025-05-01-berths/sub-specs/database-schema.md", 10)),
        ({"docs/berths/Tasks.md": TASKS, "docs/berths/Database_Schema.md": DESIGN},
         2, ("docs/berths/Database_Schema.md", 10)),
    ],
)  # fmt: skip
def test_the_folder_of_a_spec_tool_is_one_change(
    files: dict[str, str], number: int | None, origin: tuple[str, int]
) -> None:
    found = _documents(files)
    assert len(found) == 1
    chosen = choose(found, frozenset())
    assert isinstance(chosen, Choice)
    assert chosen.document.path.casefold().endswith("/tasks.md")
    assert chosen.phase.number == number
    source = wanted(chosen.document, chosen.phase, ())
    assert source is not None
    assert (source.tables, source.origin, source.problems) == (("berth",), origin, ())
    assert source.place(1) == origin
    assert {one.path for one in chosen.document.beside} == {path for path in files if path != chosen.document.path}


@pytest.mark.parametrize(
    "name", ["berths", "001-berths", "specs/001_berths", "001", "data-model", "001-berths/tasks.md"]
)
def test_a_change_is_meant_by_its_folder_and_by_each_of_its_files(name: str) -> None:
    folder = "specs/001-berths" if name != "berths" else ".kiro/specs/berths"
    files = {f"{folder}/data-model.md": COLUMNS, f"{folder}/tasks.md": TASKS, "docs/plan.md": f"```sql\n{SQL}\n```\n"}
    found = choose(_documents(files), frozenset(), spec=name)
    assert isinstance(found, Choice)
    assert (found.document.path, found.phase.number) == (f"{folder}/tasks.md", 2)


def test_the_tasks_of_kiro_are_items_with_their_sub_tasks_and_those_that_may_be_left_out() -> None:
    items = _documents({"tasks.md": LISTED})[0].phases[0].items
    assert [(item.line, item.checked, item.text) for item in items] == [
        (3, False, "1. Store the berths"),
        (4, False, "1.1 Create the table `berth`"),
        (6, False, "1.2 Write tests for the table"),
        (7, True, "2. Show them"),
    ]


@pytest.mark.parametrize("ticked", ["T002", "T003", "T004", "T00"])
def test_a_tick_moves_nothing_of_the_schema_to_another_phase(ticked: str) -> None:
    tasks = "\n".join(line.replace("[ ]", "[x]") if ticked in line else line for line in TASKS.split("\n"))
    found = _documents({"c/tasks.md": tasks, "c/design.md": DESIGN})[0]
    assert [bool(phase.blocks) for phase in found.phases] == [False, True, False]


@pytest.mark.parametrize(
    ("tasks", "number"),
    [
        (TASKS.replace("`berth`", "it"), 2),  # no item names the table: the one that asks for a migration
        (TASKS.replace("`berth` in `migrations/`", "it").replace("Migration", "Prepare"), 3),  # the one that names it
        (TASKS.replace("`berth`", "it").replace("Migration", "Prepare").replace("migrations", "x"), 1),  # the first
    ],
)
def test_the_schema_belongs_to_the_phase_that_asks_for_it(tasks: str, number: int) -> None:
    found = _documents({"c/tasks.md": tasks, "c/design.md": DESIGN})[0]
    assert [phase.number for phase in found.phases if phase.blocks] == [number]


def test_what_two_files_ask_of_one_phase_is_an_open_point_where_one_of_them_would_be_lost() -> None:
    more = "```sql\nCREATE TABLE berth_log (berth_id int);\n```\n"
    files = {"c/tasks.md": TASKS + "- [ ] `berth_log`\n", "c/design.md": DESIGN, "c/schema.md": more}
    document = _documents({**files, "c/tasks.md": TASKS.replace("`berth` in", "`berth`, `berth_log` in")})[0]
    source = wanted(document, document.phases[1], ())
    assert source is not None
    assert source.problems == (
        "c/design.md:10 asks for more of the schema than c/schema.md:2, and the schema of one phase is taken from one "
        "file; write both into c/schema.md, or name each in a phase of its own",
    )
    apart = _documents(files)[0]  # a phase for each: nothing is lost
    found = [wanted(apart, phase, ()) for phase in apart.phases]
    assert [(one.tables, one.origin[0], one.problems) for one in found if one] == [
        (("berth",), "c/design.md", ()), (("berth_log",), "c/schema.md", ()),
    ]  # fmt: skip


def test_the_same_table_in_two_files_is_taken_from_the_first_and_the_difference_is_told() -> None:
    found = _documents({"c/tasks.md": TASKS, "c/data-model.md": COLUMNS, "c/design.md": DESIGN})[0]
    source = wanted(found, found.phases[1], ())
    assert source is not None
    assert (source.origin, source.problems) == (("c/design.md", 10), ())  # SQL counts before a table of columns
    assert any("c/data-model.md:7" in one and "pier" in one for one in source.differences)


def test_a_file_that_says_no_change_is_needed_is_heard() -> None:
    files = {"c/tasks.md": TASKS, "c/data-model.md": COLUMNS, "c/plan.md": "# Plan\n\nNo schema change is needed.\n"}
    found = _documents(files)[0]
    assert wanted(found, found.phases[1], ()) is None
    coded = _documents({**files, "c/design.md": DESIGN})[0]
    source = wanted(coded, coded.phases[1], ())
    assert source is not None
    assert source.differences[0].startswith("c/plan.md:3 says that no change of the schema is needed")


@pytest.mark.parametrize(
    "files",
    [
        {"docs/tasks.md": TASKS, "docs/other.md": DESIGN},  # a name that says nothing
        {"docs/tasks.md": "# Words\n", "docs/design.md": DESIGN},  # no checklist
        {"docs/tasks.md": TASKS, "docs/plan.md": f"## Phase 1\n```sql\n{SQL}\n```\n- [ ] `berth`\n"},  # a whole plan
        {"docs/tasks.md": TASKS, "docs/sub/design.md": DESIGN},
    ],
)  # fmt: skip
def test_files_that_are_no_change_together_stay_apart(files: dict[str, str]) -> None:
    assert [document.path for document in _documents(files)] == list(files)
