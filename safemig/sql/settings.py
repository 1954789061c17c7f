"""What setting something for the session, and beginning or ending its transaction, means for what runs in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from safemig.sql.parser import Node, kind_of

Meaning = Literal["weakens access", "transaction", "unknown"]

# Who may do what, and whether triggers and foreign keys act; going back to the default is such a change as well.
_ACCESS = frozenset({"role", "session_authorization", "session_replication_role", "row_security", "all"})
# Settings of speed, time limits and spelling. search_path is not told apart: a revision may name its schema so.
_HARMLESS = frozenset({
    "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout",
    "transaction_timeout", "deadlock_timeout", "search_path", "timezone", "datestyle", "intervalstyle",
    "client_min_messages", "application_name", "check_function_bodies", "work_mem", "maintenance_work_mem",
    "temp_buffers", "max_parallel_workers", "max_parallel_workers_per_gather", "max_parallel_maintenance_workers",
    "default_tablespace", "temp_tablespaces", "default_table_access_method", "default_toast_compression", "xmloption",
    "extra_float_digits", "bytea_output", "lc_messages", "jit", "synchronous_commit", "constraint_exclusion",
    "effective_io_concurrency", "random_page_cost", "default_text_search_config", "escape_string_warning",
    "default_with_oids", "transaction", "transaction_isolation", "transaction_deferrable",
})  # fmt: skip
# With another value strings are read in another way than they were judged.
_ONLY = {"standard_conforming_strings": ("on", "true"), "client_encoding": ("utf8", "utf-8", "unicode")}
# Said where there is a transaction already, these two do nothing; where there is none, what follows hangs on an end.
_ENDS = {
    "TRANS_STMT_BEGIN": "begins a transaction of its own",
    "TRANS_STMT_START": "begins a transaction of its own",
    "TRANS_STMT_COMMIT": "commits in the middle of the revision, so that an error behind it leaves half of the change",
}
_HARMLESS_ENDS = ("TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE")


def setting(name: str, values: Collection[str] = (), *, resets: bool = False) -> tuple[Meaning, str] | None:
    """What it means that a setting gets these values, or its default again; None where it changes no outcome."""
    name = name.lower()
    if name in _ACCESS:
        what = "every setting" if name == "all" else name
        return "weakens access", f"{'resets' if resets else 'sets'} {what} for the session"
    if resets or name in _HARMLESS or name.startswith("enable_"):
        return None
    if name in _ONLY and values and all(value.lower() in _ONLY[name] for value in values):
        return None
    if name == "session characteristics" or name.startswith(("default_transaction_", "transaction_")):
        return "transaction", "changes how the transactions that follow run"
    if "." in name:
        return "weakens access", f"sets {name}, which policies and triggers may go by"
    return "unknown", f"sets {name or 'something'} for the session, and what that changes is not known"


def meaning_of_set(node: Node) -> tuple[Meaning, str] | None:
    """The same for a statement: SET, SET LOCAL, RESET, SET … TO DEFAULT."""
    kind = str(node.get("kind", ""))
    resets = kind.startswith("VAR_RESET") or kind == "VAR_SET_DEFAULT"
    name = "all" if kind == "VAR_RESET_ALL" else str(node.get("name", ""))
    return setting(name, tuple(_values(node)), resets=resets)


def _values(node: Node) -> Iterator[str]:
    for argument in node.get("args", ()):
        constant = kind_of(argument)[1]
        yield str(constant.get("sval", {}).get("sval", ""))


def meaning_of_transaction(node: Node) -> tuple[Meaning, str] | None:
    """What BEGIN, COMMIT, ROLLBACK, a savepoint or a prepared transaction means inside of a revision."""
    kind = str(node.get("kind", ""))
    if kind in _HARMLESS_ENDS:
        return None
    if kind in _ENDS:
        return "transaction", _ENDS[kind]
    return "unknown", "takes back what the revision and those before it have done, or leaves it hanging"
