"""Alembic's table: as Alembic's own files name it, unless safemig.yaml says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

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
