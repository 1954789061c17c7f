"""Alembic's table: as Alembic's own files name it, unless safemig.yaml says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from safemig.planning.collect.gaps import unread_table
from safemig.project.config import Config
from safemig.project.config_schema import DatabaseConfig
from safemig.project.layout import discover


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        (DatabaseConfig(), ("alembic_version", None)),
        (DatabaseConfig(version_table="revisions"), ("revisions", None)),
        (DatabaseConfig(version_table="revisions", version_table_schema="meta"), ("revisions", "meta")),
    ],
)
def test_the_configured_version_table_is_taken(
    tmp_path: Path, configured: DatabaseConfig, expected: tuple[str, str | None]
) -> None:
    (tmp_path / "alembic" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (tmp_path / "Makefile").write_text("migrate:\n\talembic upgrade head\n")
    tree = discover(tmp_path, Config(database=configured)).tree
    assert tree is not None
    assert (tree.version_table, tree.version_table_schema) == expected


CONFIGURE = "context.configure(connection=connection, version_table={table}, version_table_schema={schema})\n"


@pytest.mark.parametrize(
    ("above", "table", "schema", "expected", "unread"),
    [
        ("", "'ours'", "None", ("ours", None), ()),
        ("NAME = 'ours'\n", "NAME", "'meta'", ("ours", "meta"), ()),
        ("S = 'meta'\nNAME = f'{S}_versions'\n", "NAME", "S", ("meta_versions", "meta"), ()),
        ("from app.names import TABLE\n", "TABLE", "None", ("from_app", None), ()),
        ("from app.names import TABLE as T, AGAIN\n", "T + '_x'", "AGAIN", ("from_app_x", "deep"), ()),
        ("from app.names import NOTHING\n", "NOTHING", "None", ("alembic_version", None), ("version_table",)),
        ("NAME = 'a'\nNAME = 'b'\n", "NAME", "None", ("alembic_version", None), ("version_table",)),
        ("if x:\n    NAME = 'a'\n", "NAME", "None", ("alembic_version", None), ("version_table",)),
        ("S = os.getenv('S', 'meta')\n", "f'{S}_v'", "S", ("alembic_version", None),
         ("version_table", "version_table_schema")),
        ("", "settings.table", "'meta'", ("alembic_version", "meta"), ("version_table",)),
    ],
)  # fmt: skip
def test_env_py_is_read_as_far_as_it_says_constants_and_the_rest_is_named(
    tmp_path: Path, above: str, table: str, schema: str, expected: tuple[str, str | None], unread: tuple[str, ...]
) -> None:
    (tmp_path / "alembic" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "names.py").write_text("from .deep import AGAIN\nTABLE = 'from_app'\n")
    (tmp_path / "app" / "deep.py").write_text("AGAIN = 'deep'\n")
    (tmp_path / "alembic" / "env.py").write_text(above + CONFIGURE.format(table=table, schema=schema))
    tree = discover(tmp_path, Config()).tree
    assert tree is not None
    assert (tree.version_table, tree.version_table_schema) == expected
    line = above.count("\n") + 1
    assert tree.unread == tuple((name, f"alembic/env.py:{line}") for name in unread)
    if unread:
        keys = " and ".join(f"database.{name}" for name in unread)
        assert unread_table(tree).endswith(f"name them: set {keys} in safemig.yaml")
    told = DatabaseConfig(version_table="mine", version_table_schema="own")
    settled = discover(tmp_path, Config(database=told)).tree
    assert settled is not None
    assert (settled.version_table, settled.version_table_schema, settled.unread) == ("mine", "own", ())
