"""Which files of a project are specs: every form that the reader understands, named ones, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.project.config import parse, template
from safemig.project.layout import Project, discover
from safemig.requirements import spec_documents
from safemig.requirements.spec_documents import SpecMissing, read_named, read_specs, with_specs

BOXES = "# Later\n\n- [ ] Look at it\n"
PROSE = "# Words\n\nNothing that anybody could do. We create what we like.\n\n- a list\n- of words\n"


def _project(root: Path, files: dict[str, str], specs: str = "") -> Project:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return discover(root, parse(specs, root / "safemig.yaml"), root=root, environ={})


def _paths(project: Project) -> list[str]:
    return [document.path for document in read_specs(project).documents]


@pytest.mark.parametrize(
    "text",
    [
        BOXES,
        "- [ ]* 1.2 What may be left out\n",
        "## Table `shelf`\n\n| Column | Type | Constraints |\n|---|---|---|\n| id | integer | PK |\n| row | text | |\n",
        "## Table `shelf`\n\nColumn | Type\n--- | ---\nid | integer, primary key\nrow | text\n",
        "Table `shelf`:\n\n- `id` integer, primary key\n- `row` text, not null\n",
        "Table `shelf`:\n\n1. `id`: integer, primary key\n2. `row`: text\n",
        "```python\nclass Shelf(Base):\n    __tablename__ = 'shelf'\n    id = Column(Integer, primary_key=True)\n```\n",
        "```python\nclass Shelf(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n```\n",
        "```python\nop.add_column('shelf', sa.Column('row', sa.Text()))\n```\n",
        "    op.drop_column('shelf', 'row')\n",
        "```sql\nCREATE INDEX ix_row ON shelf (row);\n```\n",
        "```\nalter table shelf add column row text;\n```\n",
        "```sql\n-- more\ndrop view rows;\n```\n",
        "```sql\nGRANT SELECT ON shelf TO reader;\n```\n",
        "```sql\nCOMMENT ON TABLE shelf IS 'where it lies';\n```\n",
        "```sql\nBEGIN; CREATE TYPE size AS ENUM ('s', 'm');\nCOMMIT;\n```\n",
        "> - [ ] quoted\n",
    ],
)
def test_every_form_that_the_reader_understands_is_found(tmp_path: Path, text: str) -> None:
    assert _paths(_project(tmp_path, {"notes/shelf.md": text, "notes/other.md": PROSE})) == ["notes/shelf.md"]


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "| Role | May read |\n|---|---|\n| guest | yes |\n",
        '```json\n{"field": [1]}\n```\n',
        "```sql\nSELECT 1;\n```\n",
        "- `make test` runs the tests\n- `make start` starts it\n",
    ],
)
def test_what_asks_for_nothing_is_none(tmp_path: Path, text: str) -> None:
    assert _paths(_project(tmp_path, {"notes/shelf.md": text})) == []


def test_what_tools_and_projects_keep_beside_their_plans_is_none(tmp_path: Path) -> None:
    beside = ("README.md", "docs/CHANGELOG.md", ".specify/templates/tasks-template.md", "docs/archive/2024.md")
    plans = ("docs/plan.md", ".agent-os/specs/2025-03-01-shelves/notes.md", ".kiro/specs/shelves/work.md")
    assert sorted(_paths(_project(tmp_path, dict.fromkeys((*beside, *plans), BOXES)))) == sorted(plans)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (".plans", [".plans/deep/er/a.md", ".plans/README.md"]),
        (".plans/deep", [".plans/deep/er/a.md"]),
        (".plans/README.md", [".plans/README.md"]),
        ("er", [".plans/deep/er/a.md"]),
        ("deep/er", [".plans/deep/er/a.md"]),
        ("WORK", ["work.txt"]),
        ("work.txt", ["work.txt"]),
        ("docs/archive", ["docs/archive/old.md"]),
        ("docs", ["docs/first_plan.md"]),
        ("First-Plan", ["docs/first_plan.md"]),
        ("first", ["docs/first_plan.md"]),
    ],
)
def test_an_entry_of_specs_takes_files_and_folders_of_any_name_by_path_or_name(
    tmp_path: Path, entry: str, expected: list[str]
) -> None:
    names = (".plans/deep/er/a.md", ".plans/README.md", "work.txt", "docs/archive/old.md", "docs/first_plan.md")
    files = dict.fromkeys(names, BOXES)
    if entry == "WORK":  # a name without its extension is looked for among Markdown
        expected, files = ["WORK.md"], {**files, "WORK.md": BOXES}
    project = _project(tmp_path, files, f"specs: [{entry}]")
    assert sorted(_paths(project)) == sorted(expected)
    assert sorted(one.path for one in read_named(project, entry)) == sorted(expected)


@pytest.mark.parametrize(
    ("entry", "lacks"),
    [
        ("plans", "'plans': no file, and no folder with Markdown, is called so"),
        ("words.md", "'words.md': it holds nothing that safemig reads; write a checklist, a table"),
        ("empty", "'empty': no file, and no folder with Markdown"),
        ("prose", "'prose': its 2 files hold nothing"),
    ],
)
def test_an_entry_that_leads_to_nothing_is_an_error_that_says_what_it_lacks(
    tmp_path: Path, entry: str, lacks: str
) -> None:
    (tmp_path / "empty").mkdir()
    files = {"words.md": PROSE, "prose/a.md": PROSE, "prose/b.md": PROSE, "docs/plan.md": BOXES}
    project = _project(tmp_path, files, f"specs: [docs, {entry}]")
    with pytest.raises(SpecMissing) as error:
        read_specs(project)
    assert lacks in str(error.value)


def test_a_link_that_leads_out_of_the_project_is_no_spec(tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text(BOXES, encoding="utf-8")
    root = tmp_path / "project"
    root.mkdir()
    (root / "plan.md").symlink_to(tmp_path / "outside.md")
    with pytest.raises(SpecMissing, match="no file, and no folder"):
        read_specs(_project(root, {}, "specs: [plan.md]"))


def test_what_is_beyond_the_limits_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = _project(tmp_path, {f"docs/{number}.md": BOXES for number in range(5)})
    monkeypatch.setattr(spec_documents, "_PARSED", 2 * len(BOXES))
    found = read_specs(project)
    assert [one.path for one in found.documents] == ["docs/0.md", "docs/1.md", "docs/2.md"]
    assert found.unread.startswith("2 Markdown files, from docs/3.md on, were not looked at")
    monkeypatch.setattr(spec_documents, "_FILES", 1)
    assert read_specs(project).unread.startswith("4 Markdown files, from docs/1.md on")


def test_the_configuration_that_is_written_names_where_the_specs_are_and_no_other_place(tmp_path: Path) -> None:
    files = {"plan.md": BOXES, "words.md": PROSE, "docs/words.md": PROSE, "plans/one.md": BOXES}
    assert "specs: [plan.md, plans]\n" in template(with_specs(_project(tmp_path, files)))
