"""What a change that did not end well has left in a database: indexes that nobody reads, constraints that were never
validated, transactions that wait for their commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import psycopg

_FULL = "quote_ident(n.nspname) || '.' || quote_ident({}.relname)"
# One on a partitioned table waits for its parts; one that is being built has a session that reports its progress.
_INDEXES = f"""
SELECT {_FULL.format("x")}, {_FULL.format("c")}, i.indisunique AND i.indisready
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = x.relnamespace
WHERE NOT i.indisvalid AND x.relkind = 'i'
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid) ORDER BY 1
"""
_CONSTRAINTS = f"""
SELECT quote_ident(k.conname), {_FULL.format("c")}, true
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT k.convalidated AND k.contype IN ('c', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 2, 1
"""
_PREPARED = (
    "SELECT quote_literal(gid), owner, false FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1"
)


@dataclass(frozen=True)
class Debris:
    """``name`` and ``table`` as SQL writes them; of a prepared transaction its owner stands for the table. ``rejects``:
    rows that break it are refused already."""

    kind: Literal["index", "constraint", "prepared transaction"]
    name: str
    table: str
    rejects: bool = False

    @property
    def words(self) -> str:
        """What it is and the way out, for the person."""
        if self.kind == "index":
            loud = (
                f" It is unique and REJECTS WRITES to {self.table} that break it, although no query uses it."
                * self.rejects
            )
            return (
                f"index {self.name} is INVALID: its build did not end well.{loud} Mend what the error says, then "
                f"`DROP INDEX CONCURRENTLY {self.name};` and apply the revision again"
            )
        if self.kind == "constraint":
            alter = f"ALTER TABLE {self.table}"
            return (
                f"constraint {self.name} on {self.table} is NOT VALID: rows of before were never checked, and it "
                f"REJECTS WRITES that break it. `{alter} VALIDATE CONSTRAINT {self.name};` checks them, "
                f"`{alter} DROP CONSTRAINT {self.name};` takes it away"
            )
        return (
            f"prepared transaction {self.name} of {self.table} keeps its locks until `COMMIT PREPARED {self.name};` or "
            f"`ROLLBACK PREPARED {self.name};`"
        )


def read_debris(connection: psycopg.Connection[Any]) -> tuple[Debris, ...]:
    """All of it in the connection's database."""
    kinds: tuple[tuple[Literal["index", "constraint", "prepared transaction"], str], ...] = (
        ("index", _INDEXES), ("constraint", _CONSTRAINTS), ("prepared transaction", _PREPARED),
    )  # fmt: skip
    return tuple(
        Debris(kind, name, table, bool(rejects))
        for kind, query in kinds
        for name, table, rejects in connection.execute(query.encode()).fetchall()
    )
