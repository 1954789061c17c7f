"""A running service of which no session is seen, in a project whose settings agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.safemig.bad_projects import write
from tests.safemig.engine import test_same_database
from tests.safemig.engine.test_same_database import Servers, Way, make, proofs, reset, run, versions

servers = test_same_database.servers  # the fixture


@pytest.mark.slow
@pytest.mark.parametrize(
    ("front", "config", "code", "proof"),
    [
        ("", "", 4, "unknown"),
        ("", "database: {confirm: shop}\n", 0, "unknown"),
        ("DB_URL={own} ", "", 0, "same"),
    ],
)
def test_a_service_of_which_no_session_is_seen_is_asked_about_unless_its_variables_name_the_database(
    front: str, config: str, code: int, proof: str, servers: Servers, tmp_path: Path
) -> None:
    """Whatever names a database here names this one: that is no proof that the service uses it."""
    reset(servers)
    make(tmp_path, servers, Way(front=front.format(own=servers.url())))
    service = (tmp_path / "service.py").read_text(encoding="utf-8")
    write(
        tmp_path,
        "service.py",
        service.replace("    with psycopg", "    if False:\n      with psycopg").replace(
            "connection.execute", "  connection.execute"
        ),
    )
    write(tmp_path, "safemig.yaml", (tmp_path / "safemig.yaml").read_text(encoding="utf-8") + config)
    with run(tmp_path) as (ended, document, reason):
        pass
    assert ended == code, reason
    assert proofs(document)["service"].startswith(proof)
    if code:
        assert "not proved that everything uses shop" in reason
        assert versions(servers) == {"1a2b3c4d5e6f"}
