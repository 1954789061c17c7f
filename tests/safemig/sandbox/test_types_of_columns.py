"""A column of any type is changed, or refused in PostgreSQL's words; never an error of safemig's own."""

from __future__ import annotations

from functools import partial

import pytest

from safemig.plan_document.document import parse
from safemig.requirements.sources import wanted
from safemig.sandbox.desired import SpecFails, desire, restated
from tests.conftest import fresh_database

# A type of each kind of pg_type: base, composite, domain, enum, pseudo in arrays, range, multirange; one without a
# name in SQLAlchemy, as PostGIS has them.
DUMP = """CREATE SCHEMA other;
CREATE TYPE other.mood AS ENUM ('a');
CREATE DOMAIN public.pos AS int CHECK (VALUE > 0);
CREATE DOMAIN other.tags AS text[];
CREATE TYPE public.pair AS (a int, b text);
CREATE TYPE public.span AS RANGE (subtype = int4);
CREATE TYPE public.shape;
CREATE FUNCTION public.shape_in(cstring) RETURNS public.shape LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION public.shape_out(public.shape) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE public.shape (INPUT = public.shape_in, OUTPUT = public.shape_out);
CREATE TABLE public.users (id serial PRIMARY KEY, extra {type});
"""
TYPES = (
    "jsonb", "text[]", "other.mood", "other.mood[]", "public.pos", "other.tags", "int4range", "uuid", "inet", "xml",
    "public.pair", "public.span", "public.shape", "public.shape[]",
)  # fmt: skip


def _restated(server: str, type_: str, now: str) -> str:
    model = (
        f"class U(Base):\n    __tablename__ = 'users'\n    id = Column(Integer, primary_key=True)\n    extra = {now}"
    )
    document = parse(f"# P\n```python\n{model}\n```\n".encode(), "plan.md")
    found = wanted(document, document.phases[0], [])
    assert found is not None
    dump, scratch = DUMP.format(type=type_), partial(fresh_database, server)
    change = restated(dump, found, scratch).wanted
    assert not change.problems
    desired = desire(dump, change, scratch, stated=False)
    assert desired.wanted != desired.base
    return change.upgrade


@pytest.mark.parametrize("type_", TYPES)
def test_it_is_changed(postgres_server: str, type_: str) -> None:
    assert "extra" in _restated(postgres_server, type_, "Column(Text)")


@pytest.mark.parametrize("type_", TYPES[1:])
def test_it_is_refused_in_postgresqls_words(postgres_server: str, type_: str) -> None:
    with pytest.raises(SpecFails, match="cannot cast type"):
        _restated(postgres_server, type_, "Column(JSON)")


def test_jsonb_becomes_json(postgres_server: str) -> None:
    assert "TYPE json" in _restated(postgres_server, "jsonb", "Column(JSON)")


def test_a_plain_type_is_changed_by_an_operation(postgres_server: str) -> None:
    assert "op.alter_column" in _restated(postgres_server, "integer", "Column(BigInteger)")
