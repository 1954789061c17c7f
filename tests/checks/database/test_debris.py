"""What a failed change has left is found, with what it does to writes."""

from __future__ import annotations

import psycopg
import pytest

from checks.database.debris import read_debris


def test_what_is_left_is_found_with_the_way_out(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE course (slug text, n int); INSERT INTO course VALUES ('a', 1), ('a', 1)")
        connection.execute("CREATE INDEX fine ON course (slug); ALTER TABLE course ADD CONSTRAINT good CHECK (n > 0)")
        connection.execute("CREATE TABLE part (id int) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (2)")
        connection.execute("CREATE INDEX waits ON ONLY part (id)")
        assert read_debris(connection) == ()
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute('CREATE UNIQUE INDEX CONCURRENTLY "Odd name" ON course (slug)')
        connection.execute("ALTER TABLE course ADD CONSTRAINT late CHECK (n > 5) NOT VALID")
        index, constraint = read_debris(connection)
        assert (index.kind, index.name, index.rejects) == ("index", 'public."Odd name"', False)
        assert '`DROP INDEX CONCURRENTLY public."Odd name";`' in index.words
        assert "REJECTS WRITES" not in index.words, "it failed before it was written to"
        connection.execute("INSERT INTO course VALUES ('a', 9)")
        assert (constraint.kind, constraint.name, constraint.rejects) == ("constraint", "late", True)
        assert "VALIDATE CONSTRAINT late" in constraint.words
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO course VALUES ('b', 2)")


def test_a_unique_index_whose_build_was_cut_off_at_an_old_snapshot_rejects_writes(dsn: str) -> None:
    """A short lock_timeout also bounds how long CREATE INDEX CONCURRENTLY waits for old snapshots."""
    with psycopg.connect(dsn, autocommit=True) as connection, psycopg.connect(dsn) as old:
        connection.execute("CREATE TABLE course (slug text); INSERT INTO course VALUES ('a'); CREATE TABLE other ()")
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT * FROM other")
        connection.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY ix ON course (slug)")
        old.rollback()
        (index,) = read_debris(connection)
        assert (index.name, index.rejects) == ("public.ix", True)
        assert "REJECTS WRITES to public.course" in index.words
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO course VALUES ('a')")
