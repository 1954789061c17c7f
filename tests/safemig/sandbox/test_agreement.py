"""One spec and one database have one answer, whether plan, run or verify is asked."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from checks.schema.difference import Difference, compare
from checks.schema.snapshot import Snapshot
from safemig.cli.verify import unasked
from safemig.sandbox.desired import desire, desire_applied, restated
from safemig.sandbox.drift import Drift
from tests.conftest import fresh_database
from tests.safemig.restating import spec

CREATE = "CREATE TABLE t (id serial PRIMARY KEY, name varchar(20) NOT NULL, mood mood DEFAULT 'ok');"
CODE = f"CREATE TYPE mood AS ENUM ('ok', 'bad');\n{CREATE}\nALTER TABLE other ADD COLUMN note text;"
OTHER = "CREATE TABLE public.other (id integer);"
MADE = (
    OTHER
    + "CREATE TYPE public.mood AS ENUM ('ok', 'bad');"
    + CREATE.replace("TABLE t", "TABLE public.t").replace(
        "mood mood DEFAULT 'ok'", "mood public.mood DEFAULT 'ok'::public.mood"
    )
)
NOTE = "ALTER TABLE public.other ADD COLUMN note text;"
STATES = {
    "absent": (OTHER, ["column public.other.note", "enum public.mood", "table public.t"], 0),
    "equal": (MADE + NOTE, [], 0),
    "different": (MADE.replace("varchar(20) NOT NULL", "varchar(10)"), [
        "column public.other.note", "column public.t.name", "column public.t.name"], 0),
    "label less": (MADE.replace(", 'bad'", ""), ["column public.other.note", "enum public.mood"], 0),
    # A later revision has added what the CREATE does not name, or has changed what it names.
    "added later": (MADE + NOTE + "ALTER TABLE public.t ADD COLUMN seen date;", [], 1),
    "changed later": (MADE + NOTE + "ALTER TABLE public.t ALTER name TYPE varchar(99);", ["column public.t.name"], 0),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_plan_run_and_verify_agree(state: str, postgres_server: str) -> None:
    dump, differences, left = STATES[state]
    asked = spec(CODE)

    def scratch() -> AbstractContextManager[str]:
        return fresh_database(postgres_server)

    if state == "changed later":
        asked = replace(asked, upgrade=asked.upgrade.partition("\nALTER")[0])
    planned = restated(dump, asked, scratch)
    verified = desire_applied(dump, asked, scratch, stated=True)
    found = _found(dump, postgres_server)
    shown = [one.key for one in compare(verified.wanted, found, open_names=verified.open_names)]
    assert shown == differences
    assert bool(planned.wanted.upgrade) == bool(shown)
    assert len(planned.kept) == left
    assert planned.kept == verified.kept
    if shown:
        ran = desire(dump, asked, scratch)
        assert compare(verified.wanted, ran.wanted) == ()
        assert ran.kept == planned.kept


def _found(dump: str, server: str) -> Snapshot:
    from safemig.sandbox.desired import take
    from safemig.sandbox.restore import load

    with fresh_database(server) as conninfo:
        return take(load(dump, conninfo))


def test_what_neither_the_spec_nor_a_revision_asks_for_is_a_difference() -> None:
    objects = {
        "column public.t.more": {"type": "text"}, "index public.ix": {"table": "public.t", "definition": "x"},
        "column public.u.more": {"type": "text"}, "column public.t.less": {"type": "text"},
    }  # fmt: skip
    found = Snapshot(15, objects)
    extra = [Difference(key, "unexpected", None, {}) for key in objects]
    drifted = Drift((*extra, Difference("column public.t.more", "type", "text", "date")), "", found)
    said = unasked(drifted, extra[3:], found, spec("CREATE TABLE t (id int);"))
    assert [one.key for one in said] == ["column public.t.more", "index public.ix"]
    assert unasked(Drift(None, "no revision"), (), found, spec("CREATE TABLE t (id int);")) == ()
