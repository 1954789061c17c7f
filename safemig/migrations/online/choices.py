"""What is chosen for its locks, and why, in words for the plan; with what both languages need to write it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One form chosen for its locks: ``what`` is done, and ``why``. ``kept``: it stays as the spec writes it, and why
    that holds locks."""

    what: str
    why: str
    kept: bool = False


# Functions that PostgreSQL works out once for all rows, so that a new column with such a default costs nothing.
_STABLE = {"now", "transaction_timestamp", "statement_timestamp", "current_timestamp", "localtimestamp"}
_STABLE |= {"current_time", "localtime", "timezone", "date_trunc"}
# Brackets that call nothing: in a string, and behind a type's or an operator's name.
_NO_CALL = re.compile(
    r"(?i)'(?:[^']|'')*'|::\s*[\w\s.\"]+\(|\b(?:numeric|decimal|varchar|char|character|bit|varying|interval"
    r"|time|timestamp|timestamptz|array|and|or|not|in)\s*\("
)
_CALLED = re.compile(r"([\w.\"]+)\s*\(")


def differs_by_row(default: str) -> bool:
    """Whether PostgreSQL works the default out for each row: any function but the clock of the transaction."""
    called = {name.lower().removeprefix("pg_catalog.") for name in _CALLED.findall(_NO_CALL.sub(" ", default))}
    return bool(called - _STABLE)


@dataclass
class Text:
    """Code that grows line by line, each with its line in the spec."""

    lines: list[str]
    numbers: list[int]

    def add(self, code: str, number: int) -> None:
        """Appends the code, all of its lines from that line of the spec."""
        new = code.split("\n")
        self.lines += new
        self.numbers += [number] * len(new)


def number_at(numbers: tuple[int, ...], at: int, origin: int) -> int:
    """The spec's line of that 0-based line of code."""
    return numbers[at] if 0 <= at < len(numbers) else origin


def short(name: str) -> str:
    """The name cut where PostgreSQL cuts it."""
    return name.encode()[:63].decode(errors="ignore")


def index(name: str, table: str) -> Choice:
    """An index on a table in use."""
    return Choice(
        f"index {name or '(unnamed)'} on {table} is made CONCURRENTLY, in an autocommit block",
        f"CREATE INDEX lets nobody write to {table} until it is done. Outside the transaction: what stands before it "
        "is committed first, and a build that fails leaves an invalid index behind, to be dropped",
    )


def dropped_index(name: str) -> Choice:
    """An index of a table in use that goes."""
    return Choice(
        f"index {name} is dropped CONCURRENTLY, in an autocommit block",
        "DROP INDEX waits for all that read or write its table, and lets nobody read or write it meanwhile. Outside "
        "the transaction: what stands before it is committed first",
    )


def checked(name: str, table: str) -> Choice:
    """A foreign key or CHECK on a table in use."""
    return Choice(
        f"constraint {name} on {table} is added NOT VALID and validated in a transaction of its own",
        f"adding it at once reads all of {table} under a lock that stops writers; VALIDATE lets them go on",
    )


def unique(name: str, table: str) -> Choice:
    """A unique constraint on a table in use."""
    return Choice(
        f"unique constraint {name} on {table} is made from an index built CONCURRENTLY",
        f"ADD CONSTRAINT UNIQUE builds its index while nobody may read or write {table}",
    )


def not_null(column: str, table: str) -> Choice:
    """NOT NULL for a column in use."""
    return Choice(
        f"{table}.{column} gets NOT NULL by way of a CHECK that is added NOT VALID, validated and dropped",
        f"SET NOT NULL alone reads all of {table} while nobody may read or write it",
    )


def three_steps(column: str, table: str) -> Choice:
    """A new NOT NULL column whose default differs from row to row."""
    return Choice(
        f"{table}.{column} is added in three steps: nullable, then filled, then NOT NULL",
        f"its default differs from row to row, so adding it at once rewrites {table} while nobody may read or write it",
    )


def filled(column: str, table: str) -> Choice:
    """A new column that may be null, with a default that differs from row to row."""
    return Choice(
        f"{table}.{column} is added without its default, which is set and filled in afterwards",
        f"its default differs from row to row, so adding it at once rewrites {table} while nobody may read or write it",
    )


def rewrites(column: str, table: str, what: str) -> Choice:
    """A new column that PostgreSQL can only fill while it is added."""
    return Choice(
        f"{table}.{column} is added as the spec writes it",
        f"{what}: PostgreSQL gives every row its value while nobody may read or write {table}, which takes as long as "
        "copying the table; no smaller steps lead to the same column",
        kept=True,
    )


def partitioned_index(what: str, table: str) -> Choice:
    """An index of a partitioned table."""
    return Choice(
        f"{what} of {table} is made or dropped as the spec writes it",
        f"{table} is partitioned, and PostgreSQL takes CONCURRENTLY only for its partitions: nobody may write to any "
        "of them meanwhile. Where that is too long, the spec may say it in steps: CREATE INDEX … ON ONLY the table, "
        "CREATE INDEX CONCURRENTLY on each partition, ALTER INDEX … ATTACH PARTITION",
        kept=True,
    )


def partitioned_unique(name: str, table: str) -> Choice:
    """A unique constraint on a partitioned table."""
    return Choice(
        f"unique constraint {name} on {table} is added as the spec writes it",
        f"{table} is partitioned, and PostgreSQL takes no index that is there for a constraint of it: nobody may read "
        "or write it until the indexes of all partitions are built",
        kept=True,
    )


def partitioned_key(name: str, table: str) -> Choice:
    """A foreign key of a partitioned table."""
    return Choice(
        f"constraint {name} on {table} is added as the spec writes it",
        f"{table} is partitioned, where PostgreSQL before 18 adds no foreign key NOT VALID: all of it is read under a "
        "lock that stops writers",
        kept=True,
    )


def batch(table: str, why: str) -> Choice:
    """A batch that stays one."""
    return Choice(
        f"the batch on {table} stays as the spec writes it",
        f"{why}; it holds its locks on {table} until all of it is done, so apply it when little is written",
        kept=True,
    )
