"""Causes that no waiting mends: told from the line that names them."""

from __future__ import annotations

import pytest

from safemig.engine.known_causes import known_cause, refused


@pytest.mark.parametrize(
    ("text", "words", "following"),
    [
        (
            'LOG: starting\nFATAL:  password authentication failed for user "depot"\nDETAIL: x',
            'password authentication failed for user "depot"',
            "POSTGRES_PASSWORD only when the volume data is made",
        ),
        ('FATAL:  role "shop" does not exist', 'role "shop" does not exist', "the volume data"),
        (
            "Error response from daemon: driver failed: Bind for 0.0.0.0:8000 failed: port is already allocated",
            "0.0.0.0:8000",
            "something else holds that port",
        ),
        ("ERROR: [Errno 98] error while attempting to bind: address already in use", "Errno 98", "holds that port"),
        ("env file /srv/shop/.env not found: stat /srv/shop/.env: no such file", "/srv/shop/.env", "write that file"),
        (
            "error while interpolating services.api.environment.X: required variable X is missing a value: not set",
            "required variable X",
            ".env file beside the compose file",
        ),
    ],
)
def test_the_line_and_what_to_do(text: str, words: str, following: str) -> None:
    found = known_cause(text, "data")
    assert found is not None
    assert words in found.words
    assert following in found.next


@pytest.mark.parametrize(
    "text", ["", "listening on port 8000", 'relation "role" does not exist', "password accepted", "address: env file"]
)
def test_other_lines_name_none(text: str) -> None:
    assert known_cause(text) is None


def test_only_a_refusal_ends_a_wait() -> None:
    assert refused("could not connect: Connection refused") is None
    assert refused("address already in use") is None
    assert refused('FATAL:  password authentication failed for user "a"') is not None
