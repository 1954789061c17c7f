"""What was seen of a command and of the service, and what that proves about the database they use."""

from __future__ import annotations

import pytest

from safemig.engine.session_watch import printed_database
from safemig.planning.database_use import (
    CommandSeen,
    ServiceSeen,
    VariableSeen,
    judge_command,
    judge_service,
    with_further,
)


@pytest.mark.parametrize(
    ("seen", "proof", "words"),
    [
        (CommandSeen(waited=True, status=0), "same", "waited"),
        (CommandSeen(waited=True, status=255, said="Can't locate revision"), "same", "waited"),
        # Somebody else waited too, but the command's own session is in another database.
        (CommandSeen(waited=True, marked=("shop_dev",), status=0), "different", "shop_dev"),
        (CommandSeen(marked=("shop",), status=0), "same", "session"),
        # One env.py for several databases: what it does in the other is not looked at.
        (CommandSeen(waited=True, marked=("shop", "reports"), status=0), "unknown", "reaches reports too"),
        (CommandSeen(marked=("reports", "shop"), status=0), "unknown", "reaches reports too"),
        # It looks first whether its database is there.
        (CommandSeen(waited=True, marked=("postgres", "shop"), status=0), "same", "waited"),
        (CommandSeen(waited=True, marked=("postgres",), status=0), "same", "waited"),
        (CommandSeen(held=True, marked=("postgres",), status=0), "different", "held"),
        (CommandSeen(status=1, said="connection refused"), "unknown", "connection refused"),
        (CommandSeen(status=None), "unknown", "did not end"),
        (CommandSeen(fresh=("shop",), printed="shop", status=0), "same", "came and went"),
        (CommandSeen(fresh=("shop",), status=0), "unknown", "somebody else's"),
        (CommandSeen(fresh=("shop",), printed="shop_dev", status=0), "unknown", "somebody else's"),
        (CommandSeen(printed="shop_dev", status=0), "different", "shop_dev"),
        (CommandSeen(held=True, status=0), "different", "held"),
        # A server elsewhere with a database of the same name: it reads its table although ours is held.
        (CommandSeen(held=True, printed="shop", status=0), "different", "held"),
        (CommandSeen(held=True, crowded=True, printed="shop", status=0), "unknown", "no session"),
        (CommandSeen(printed="shop", status=0), "unknown", "no session"),
    ],
)
def test_a_command(seen: CommandSeen, proof: str, words: str) -> None:
    use = judge_command("`make migrate`", "shop", seen)
    assert use.proof == proof
    assert words in f"{use.database} {use.how}"


HERE, THERE, DARK = (VariableSeen("DB_URL", "shop", same) for same in (True, False, None))


@pytest.mark.parametrize(
    ("seen", "proof", "words"),
    [
        (ServiceSeen(("shop",), variables=(THERE,)), "same", "session"),
        (ServiceSeen(("reports", "shop")), "same", "session"),
        (ServiceSeen(("shop_dev",), variables=(HERE,), agreed=True), "different", "shop_dev"),
        (ServiceSeen(variables=(HERE,)), "same", "variables (DB_URL"),
        (ServiceSeen(variables=(THERE,), agreed=True), "different", "variables (DB_URL"),
        (ServiceSeen(variables=(DARK, HERE)), "unknown", "could not be looked up: DB_URL, DB_URL"),
        (ServiceSeen(variables=(HERE, THERE)), "unknown", "name this database and another one"),
        (ServiceSeen(variables=(THERE, DARK, HERE), agreed=True), "unknown", "name this database and another one"),
        (ServiceSeen(variables=(THERE, DARK)), "unknown", "could not be looked up"),
        (ServiceSeen(variables=(THERE,), fresh=("shop",)), "unknown", "came and went"),
        (ServiceSeen(variables=(DARK,), agreed=True), "unknown", "could not be looked up"),
        (ServiceSeen(elsewhere=("10.0.0.5:5432",), agreed=True), "unknown", "10.0.0.5:5432"),
        # What came and went may be a stranger's, and settings that agree are none that the service was seen to use.
        (ServiceSeen(fresh=("shop",), whole=("shop",), agreed=True), "unknown", "no session of it"),
        (ServiceSeen(fresh=("shop",), whole=("shop",), reached=True), "same", "every session of that"),
        (ServiceSeen(whole=("reports", "shop"), reached=True, agreed=True), "unknown", "this server"),
        (ServiceSeen(whole=("reports", "shop"), asked=("shop",), reached=True), "same", "each round of requests"),
        (ServiceSeen(asked=("shop",), agreed=True), "same", "each round of requests"),
        (ServiceSeen(asked=("reports", "shop"), agreed=True), "unknown", "no session of it"),
        (ServiceSeen(asked=("shop",)), "unknown", "no session of it"),
        (ServiceSeen(fresh=("shop",)), "unknown", "no session"),
        (ServiceSeen(fresh=("shop", "shop_dev"), reached=True), "unknown", "this server"),
        (ServiceSeen(fresh=("shop_dev",), agreed=True), "unknown", "sessions with shop_dev"),
        (ServiceSeen(agreed=True), "unknown", "names this one"),
        (ServiceSeen(), "unknown", "with any database was seen"),
        (ServiceSeen(agreed=True, answers=False), "none", "answers no request"),
        (ServiceSeen(("shop_dev",), answers=False), "different", "shop_dev"),
    ],
)
def test_the_service(seen: ServiceSeen, proof: str, words: str) -> None:
    use = judge_service("the service api", "shop", seen)
    assert use.proof == proof
    assert words in f"{use.database} {use.how}"


@pytest.mark.parametrize(
    ("output", "name"),
    [
        ("Current revision(s) for postgresql+psycopg://shop:***@db:5432/shop_dev:\nRev: a1 (head)\n", "shop_dev"),
        ("INFO x\nCurrent revision(s) for postgresql://u@h/two%20words:\n", "two words"),
        ("a1 (head)\n", ""),
        ("Current revision(s) for sqlite:///shop.db:\n", ""),
    ],
)
def test_what_alembic_says_it_has_read(output: str, name: str) -> None:
    assert printed_database(output) == name


def test_a_command_that_upgrades_more_than_once_is_not_proved_by_its_first_upgrade() -> None:
    same = judge_command("`make migrate`", "shop", CommandSeen(waited=True, status=0))
    assert with_further(same, ()) == same
    more = with_further(same, ("alembic -n two current --verbose",))
    assert (more.proof, "alembic -n two current" in more.how) == ("unknown", True)
    other = judge_command("`make migrate`", "shop", CommandSeen(marked=("other",), status=0))
    assert with_further(other, ("alembic -n two current --verbose",)).proof == "different"
