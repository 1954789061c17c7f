"""A snapshot of 2,000 tables and its comparison with another, against pg_dump --schema-only of the same database.

Usage: python bench/snapshot.py [TABLES]. Prints "name ratio limit ok|over" and exits 1 when the limit is passed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 0.8
ROUNDS = 5
FILL = """
DO $$ BEGIN FOR n IN {first}..{last} LOOP
  EXECUTE format('CREATE TABLE t%s (id serial PRIMARY KEY, name varchar(80) NOT NULL UNIQUE, kind text DEFAULT ''x'',
    made timestamptz NOT NULL DEFAULT now(), price numeric(10,2) CHECK (price > 0), parent int REFERENCES t%s (id))',
    n, CASE WHEN n > 1 THEN n - 1 ELSE n END);
  EXECUTE format('CREATE INDEX ix_t%s_made ON t%s (made) WHERE kind = ''x''', n, n);
END LOOP; END $$
"""


def main(arguments: list[str]) -> int:
    """Prints one line for the snapshot alone and one for snapshot and comparison; 1 when either is over the limit."""
    import psycopg

    from checks.schema.difference import compare
    from checks.schema.snapshot import take
    from safemig import entry
    from safemig.postgres.binaries import find_binaries
    from safemig.postgres.server import throwaway

    entry.prepare()  # the collector as a run has it
    count = int(arguments[0]) if arguments else 2000
    binaries = find_binaries()
    times: dict[str, list[float]] = {"pg_dump": [], "snapshot": [], "snapshot-compare": []}
    with throwaway(binaries) as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        # In portions: one transaction that makes 2,000 tables needs more locks than the server has.
        for first in range(1, count + 1, 200):
            connection.execute(FILL.format(first=first, last=min(first + 199, count)).encode())
        connection.execute("ANALYZE")
        before = take(connection)
        # One thing differs, so that the comparison has to look at everything.
        connection.execute("ALTER TABLE t1 ADD note text")
        command = [str(binaries.bin / "pg_dump"), "--schema-only", conninfo]
        for _ in range(ROUNDS):
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            dumped = time.perf_counter()
            after = take(connection)
            taken = time.perf_counter()
            differences = compare(before, after)
            compared = time.perf_counter()
            if [difference.key for difference in differences] != ["column public.t1.note"]:
                raise SystemExit(f"the comparison is wrong: {differences[:3]}")
            times["pg_dump"].append(dumped - began)
            times["snapshot"].append(taken - dumped)
            times["snapshot-compare"].append(compared - dumped)
    # The fastest round of each: whatever else the machine does only makes one slower.
    ratios = {name: min(values) / min(times["pg_dump"]) for name, values in times.items() if name != "pg_dump"}
    for name, ratio in ratios.items():
        print(f"{name}:{count}-tables {ratio:.2f} {LIMIT} {'over' if ratio > LIMIT else 'ok'}")
    return 1 if any(ratio > LIMIT for ratio in ratios.values()) else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
