"""What a revision has made before it touches it: nobody relies on that yet; what it may not have made is in use."""

from __future__ import annotations

import textwrap

import pytest

from safemig.migrations.hazards import risks

HELPER = "def make():\n"
TRIGGER = "op.execute('CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()')"


def _risks(up: str) -> list[tuple[str, bool]]:
    text = (
        "from alembic import op\nimport sqlalchemy as sa\n\n\n"
        f"def upgrade():\n{textwrap.indent(up, '    ')}\n\n\ndef downgrade():\n    op.drop_index('i')\n"
    )
    return [(one.kind, one.loses) for one in risks(text)]


@pytest.mark.parametrize(
    ("up", "kind"),
    [
        (
            "op.execute('CREATE TABLE IF NOT EXISTS t (); CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()')",
            "trigger",
        ),
        ("op.execute('CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()')\nop.create_table('t')", "trigger"),
        (
            "op.create_table('t', schema='s')\nop.execute('CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()')",
            "trigger",
        ),
        ("op.drop_constraint('k', 't')\nop.create_primary_key('k', 't', ['a'])", "constraint dropped"),
        ("op.create_unique_constraint('k', 'u', ['a'])\nop.drop_constraint('k', 't')", "constraint dropped"),
        (f"{HELPER}    return\n    op.create_table('t')\nmake()\n{TRIGGER}", "trigger"),
        (f"{HELPER}    op.create_table('t')\nif a:\n    make()\n{TRIGGER}", "trigger"),
        (f"{HELPER}    yield op.create_table('t')\nmake()\n{TRIGGER}", "trigger"),
        (f"async {HELPER}    op.create_table('t')\nmake()\n{TRIGGER}", "trigger"),
        ("if a:\n    op.create_unique_constraint('k', 't', ['a'])\nop.drop_constraint('k', 't')", "constraint dropped"),
    ],
)
def test_what_may_not_have_been_made_is_asked_about(up: str, kind: str) -> None:
    assert _risks(up) == [(kind, False)]


@pytest.mark.parametrize(
    "up",
    [
        "op.create_table('t')\nop.execute('CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()')",
        f"{HELPER}    op.create_table('t')\nmake()\n{TRIGGER}",
        f"{HELPER}    op.create_table('t')\n    {TRIGGER}\n\ndef all_():\n    make()\nall_()",
        "op.execute('CREATE TABLE s.t (); CREATE TRIGGER g AFTER INSERT ON s.t EXECUTE FUNCTION f()')",
        "op.create_check_constraint('k', 't', 'c IS NOT NULL')\nop.drop_constraint('k', 't')",
        "op.execute('ALTER TABLE t ADD CONSTRAINT k CHECK (c IS NOT NULL) NOT VALID')\n"
        "op.execute('ALTER TABLE t DROP CONSTRAINT k')",
        "op.execute('GRANT SELECT ON t TO app')",
        "op.execute('ALTER INDEX i RENAME TO j')",
        "op.execute('ALTER TABLE t RENAME CONSTRAINT k TO l')",
    ],
)
def test_what_nobody_relies_on_is_not_asked(up: str) -> None:
    assert _risks(up) == []
