"""Alembic configuration in all the places it is kept in."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.project.alembic_config import find_trees

ENV = "from alembic import context\ncontext.configure(connection=None)\n"


def _write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _tree(root: Path, ini: str, env: str = ENV, where: str = "alembic") -> None:
    (root / "alembic.ini").write_text(ini)
    folder = root / where
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(env)


def test_plain_ini(tmp_path: Path) -> None:
    _tree(
        tmp_path,
        "[alembic]\nscript_location = alembic\nfile_template = %%(year)d_%%(rev)s_%%(slug)s\ntimezone = UTC\n"
        "truncate_slug_length = 60\nsqlalchemy.url = postgresql+psycopg://u:hunter2@db:5432/shop\n",
        "from alembic import context\ncontext.configure(version_table='revs', version_table_schema='meta')\n",
    )
    (tree,) = find_trees(tmp_path)
    assert tree.ini == tmp_path / "alembic.ini"
    assert tree.section == "alembic"
    assert tree.versions == (tmp_path / "alembic" / "versions",)
    assert tree.file_template == "%(year)d_%(rev)s_%(slug)s"
    assert (tree.timezone, tree.truncate_slug_length) == ("UTC", 60)
    assert (tree.version_table, tree.version_table_schema) == ("revs", "meta")
    assert tree.url == "postgresql+psycopg://u@db:5432/shop"
    assert "hunter2" not in repr(tree)


def test_a_dummy_url_is_none(tmp_path: Path) -> None:
    _tree(
        tmp_path,
        "[alembic]\nscript_location = %(here)s/alembic\nsqlalchemy.url = driver://user:pass@localhost/dbname\n",
    )
    (tree,) = find_trees(tmp_path)
    assert tree.url == ""
    assert tree.script_location == tmp_path / "alembic"


HOOKS_INI = "[alembic]\nscript_location = alembic\n[post_write_hooks]\nhooks = format, lint\nformat.type = exec\n"
HOOKS_TOML = """[tool.alembic]
script_location = "alembic"
post_write_hooks = [{name = "format", type = "exec"}, {name = "lint", type = "module"}]
"""


@pytest.mark.parametrize(("name", "text"), [("alembic.ini", HOOKS_INI), ("pyproject.toml", HOOKS_TOML)])
def test_the_programs_that_alembic_runs_on_new_files(name: str, text: str, tmp_path: Path) -> None:
    _tree(tmp_path, "")
    (tmp_path / "alembic.ini").unlink()
    (tmp_path / name).write_text(text)
    assert [tree.hooks for tree in find_trees(tmp_path)] == [("format", "lint")]


def test_two_sections_in_one_ini(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text(
        "[one]\nscript_location = one\n[two]\nscript_location = two\nsqlalchemy.url = postgresql://u@h/two\n"
        "[loggers]\nkeys = root\n"
    )
    assert [(tree.section, tree.script_location.name) for tree in find_trees(tmp_path)] == [
        ("one", "one"),
        ("two", "two"),
    ]


def test_defaults_do_not_make_every_section_a_tree(tmp_path: Path) -> None:
    (tmp_path / "m" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[DEFAULT]\nscript_location = m\n[alembic]\n[loggers]\nkeys = root\n")
    assert [tree.section for tree in find_trees(tmp_path)] == ["alembic"]


def test_pyproject_only(tmp_path: Path) -> None:
    (tmp_path / "src" / "shop" / "db").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "%(here)s/src/shop/db"\nfile_template = "%%(rev)s"\n'
        'version_locations = ["%(here)s/a", "%(here)s/b"]\nrecursive_version_locations = true\n'
    )
    (tree,) = find_trees(tmp_path)
    assert tree.ini.name == "pyproject.toml"
    assert [path.name for path in tree.versions] == ["a", "b"]
    assert tree.recursive
    assert tree.file_template == "%(rev)s"


def test_flask_migrate(tmp_path: Path) -> None:
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "migrations" / "env.py").write_text(ENV)
    (tmp_path / "migrations" / "alembic.ini").write_text("[alembic]\n# script_location none\n[loggers]\nkeys = root\n")
    (tree,) = find_trees(tmp_path)
    assert tree.script_location == tmp_path / "migrations"
    assert tree.versions == (tmp_path / "migrations" / "versions",)


def test_an_ini_among_the_revisions_of_an_application_that_gives_the_location_itself(tmp_path: Path) -> None:
    folder = tmp_path / "src" / "db" / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = migrations\nfile_template = %%(slug)s\n")
    (tree,) = find_trees(tmp_path)
    assert (tree.versions, tree.file_template) == ((folder / "versions",), "%(slug)s")


def test_no_file_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "app" / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    (folder / "script.py.mako").write_text("")
    (tree,) = find_trees(tmp_path)
    assert (tree.ini, tree.section) == (folder / "env.py", "")


def test_package_location(tmp_path: Path) -> None:
    (tmp_path / "src" / "shop" / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = shop:migrations\n")
    assert find_trees(tmp_path)[0].script_location == tmp_path / "src" / "shop" / "migrations"


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("version_locations = a b", ["a", "b"]),
        ("version_locations = a, b", ["a", "b"]),
        ("version_path_separator = os  # comment\nversion_locations = %(here)s/a:%(here)s/b", ["a", "b"]),
        ("path_separator = newline\nversion_locations =\n  a\n  b c", ["a", "b c"]),
        ("version_path_separator = ;\nversion_locations = a;b", ["a", "b"]),
    ],
)
def test_version_locations(tmp_path: Path, line: str, names: list[str]) -> None:
    _tree(tmp_path, f"[alembic]\nscript_location = alembic\n{line}\n")
    assert [path.name for path in find_trees(tmp_path)[0].versions] == names


def test_sub_folders_that_belong_to_the_chain(tmp_path: Path) -> None:
    _tree(tmp_path, "[alembic]\nscript_location = alembic\n")
    versions = tmp_path / "alembic" / "versions"
    (versions / "first.py").write_text("revision = 'aaa'\ndown_revision = None\n")
    (versions / "archive").mkdir()
    (versions / "archive" / "old.py").write_text("revision = 'old2'\ndown_revision = 'old1'\n")
    assert not find_trees(tmp_path)[0].recursive
    (versions / "next").mkdir()
    (versions / "next" / "second.py").write_text("revision: str = 'bbb'\ndown_revision: str | None = 'aaa'\n")
    assert find_trees(tmp_path)[0].recursive


def test_never_outside_the_root(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    inside = tmp_path / "project"
    inside.mkdir()
    (inside / "alembic.ini").write_text("[alembic]\nscript_location = ../outside\n")
    assert find_trees(inside) == ()


@pytest.mark.parametrize(
    "text", ["script_location", "[alembic\nscript_location = x", "[alembic]\nscript_location = %(x)s\n"]
)
def test_broken_files_are_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "alembic.ini").write_text(text)
    (tmp_path / "pyproject.toml").write_text("[tool.alembic]\nscript_location = 5 5\n")
    find_trees(tmp_path)
