"""The process that parses SQL which is not ours: run as a file of its own, with nothing of safemig in it.

It reads a JSON list of texts from standard input and writes one line of JSON for each, in order: ``{"tree": …}`` or
``{"error": …, "position": …}``. A text that ends the parser ends this process alone, and the number of lines says
which text it was.
"""

from __future__ import annotations

import json
import resource
import sys

MEMORY_BYTES = 1 << 30  # parsing 1 MB of INSERT takes about 250 MB
CPU_SECONDS = 20
_DEPTH = 700  # levels of JSON; the reader on the other side refuses more than about 1,000


def _answer(text: str) -> str:
    import pgparse

    try:
        return json.dumps({"tree": pgparse.parse(text)})
    except pgparse.PGQueryError as error:
        return json.dumps({"error": str(error.message), "position": int(error.position or 0)})
    except (RecursionError, UnicodeError, ValueError, MemoryError) as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"[:200], "position": 0})


def main() -> None:
    """Answers the texts on standard input."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    if sys.platform == "linux":  # macOS refuses a limit of the address space
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.setrecursionlimit(_DEPTH)
    for text in json.load(sys.stdin):
        sys.stdout.write(_answer(text) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
