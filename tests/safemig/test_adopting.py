"""The operation that makes an enum type where it is missing is Python, whatever the type and its labels are called."""

from __future__ import annotations

import ast

import pytest

from safemig.sandbox.adopt_table import _enum


@pytest.mark.parametrize(
    ("name", "labels", "written"),
    [
        ("mood", ("good", "bad"), "postgresql.ENUM('good', 'bad', name='mood')"),
        ("public.mood", ("it's",), "postgresql.ENUM(\"it's\", name='mood')"),
        ("app.Mood", ("a",), "postgresql.ENUM('a', name='Mood', schema='app')"),
        ('app."My Mood"', ("a",), "postgresql.ENUM('a', name='My Mood', schema='app')"),
        ('"My ""good"" Mood"', ('"',), "postgresql.ENUM('\"', name='My \"good\" Mood')"),
        ('"a.b".mood', ("\\",), "postgresql.ENUM('\\\\', name='mood', schema='a.b')"),
    ],
)
def test_a_type_is_written_by_its_name(name: str, labels: tuple[str, ...], written: str) -> None:
    made = ast.unparse(ast.parse(_enum(name, labels)))
    assert made == f"{written}.create(op.get_bind(), checkfirst=True)"
