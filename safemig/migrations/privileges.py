"""Privileges that a spec names in GRANT statements, looked up in PostgreSQL."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from checks.evidence import Json
from safemig.migrations.change import Wanted
from safemig.migrations.fragments import parse
from safemig.migrations.from_python import sql_of
from safemig.sql.identifiers import quote_dotted
from safemig.sql.parser import Node, kind_of, nodes, parse_apart, relation
from safemig.sql.parser import Statement as Tree
from safemig.sql.text import Statement, statements

if TYPE_CHECKING:
    import psycopg

# What follows CREATE, ALTER and DROP of objects that a snapshot leaves out.
_UNSEEN = (
    "PUBLICATION", "SUBSCRIPTION", "EVENT TRIGGER", "SERVER", "FOREIGN DATA", "USER MAPPING", "CAST", "OPERATOR",
    "TEXT SEARCH", "COLLATION", "DEFAULT PRIVILEGES", "ROLE", "USER", "GROUP", "DATABASE", "TABLESPACE", "LANGUAGE",
    "CONVERSION", "TRANSFORM", "ACCESS METHOD",
)  # fmt: skip
# Statements whose whole effect a snapshot of the schema shows, or that leave none.
SHOWN = ("CREATE", "ALTER", "DROP", "COMMENT", "SET", "RESET", "BEGIN", "START", "COMMIT", "END")
# Statements without these words name no role.
_NAMING = frozenset(
    {"GRANT", "REVOKE", "OWNER", "OWNED", "AUTHORIZATION", "POLICY", "ROLE", "USER", "PRIVILEGES", "MAPPING"}
)
# What such a statement makes, where PostgreSQL lists it, and what names it in the parse tree.
_NAMED = {
    "CreatePublicationStmt": ("publication", "pg_publication", "pubname", "pubname"),
    "CreateRoleStmt": ("role", "pg_roles", "rolname", "role"),
    "CreateForeignServerStmt": ("server", "pg_foreign_server", "srvname", "servername"),
    "CreateEventTrigStmt": ("event trigger", "pg_event_trigger", "evtname", "trigname"),
}
_LONGEST = 120  # letters of a statement that are shown
_TABLE = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
_ALL = {"table": _TABLE, "sequence": ("USAGE", "SELECT", "UPDATE"), "schema": ("USAGE", "CREATE")}


@dataclass(frozen=True)
class Granted:
    """One GRANT: ``privileges`` on ``objects`` (kind table, sequence or schema) to ``roles``, at file and line."""

    privileges: tuple[str, ...]
    kind: str
    objects: tuple[str, ...]
    roles: tuple[str, ...]
    place: tuple[str, int]


@dataclass(frozen=True)
class Lacking:
    """A privilege that the spec grants, or a thing beside the schema that it makes (``kind``), and that PostgreSQL does
    not show; ``sql`` gives it."""

    text: str
    sql: str
    place: tuple[str, int]
    kind: str = "privilege"

    @property
    def words(self) -> str:
        """What is missing, with its kind."""
        return f"{self.kind} {self.text}"


def shown(one: Lacking) -> dict[str, Json]:
    """A privilege or thing that is missing, as a difference."""
    said, _, found = one.text.partition(": ")
    return {"object": f"{one.kind} {said}", "aspect": "missing", "wanted": said, "found": found}


@dataclass(frozen=True)
class Wider:
    """Privileges that a role has on ``name`` beyond what the spec grants it; ``sql`` takes them away."""

    text: str
    sql: str
    place: tuple[str, int]
    name: str


def granted(wanted: Wanted) -> tuple[Granted, ...]:
    """The GRANTs of the upgrade on whole tables, sequences and schemas."""
    found = (_grant(tree, wanted.place(line)) for _, tree, line in _parsed(wanted))
    return tuple(grant for grant in found if grant)


def unread(wanted: Wanted) -> tuple[tuple[str, tuple[str, int]], ...]:
    """The statements whose effect neither a snapshot nor ``lacking`` sees, with their file and line: rows, privileges
    on single columns, functions or all tables of a schema, REVOKE, owners, publications, roles and the like."""
    found = []
    for statement, tree, line in _parsed(wanted):
        place = wanted.place(line)
        if beside_schema(statement) and _grant(tree, place) is None:
            text = " ".join(statement.text.split())
            found.append((text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…", place))
    return tuple(found)


def beside_schema(statement: Statement) -> bool:
    """Whether the statement does what no snapshot of a schema shows."""
    if statement.head not in SHOWN:
        return True
    words = " ".join(token.upper for token in statement.tokens)
    kind = " ".join(token.upper for token in statement.tokens[1:3])
    return statement.head in ("CREATE", "ALTER", "DROP") and (
        kind.startswith(_UNSEEN) or "OWNER TO" in words or "TABLESPACE" in words
    )


def roles_of(steps: Iterable[Wanted]) -> frozenset[str]:
    """The roles that those upgrades name."""
    return frozenset(role for step in steps for role in roles(step))


def roles(wanted: Wanted) -> frozenset[str]:
    """The roles that the change and its way back name (in GRANT, OWNER TO, POLICY … TO and others); they have to exist
    before it can be made. Those that it makes itself are none of them."""
    both = (*_statements(wanted), *_statements(replace(wanted, upgrade=wanted.downgrade)))
    own = [one for one, _ in both if _NAMING & {token.upper for token in one.tokens}]
    trees = _trees(tuple(dict.fromkeys(one.text for one in own))).values()
    named = (node for tree in trees for _, node in nodes(tree.node) if node.get("roletype") == "ROLESPEC_CSTRING")
    made = {str(tree.node.get("role")) for tree in trees if tree.kind == "CreateRoleStmt"}
    return frozenset(str(node["rolename"]) for node in named) - made


def wider(connection: psycopg.Connection[Any], grants: tuple[Granted, ...]) -> tuple[Wider, ...]:
    """What roles have on the named objects beyond what the spec grants them. psycopg.Error is the caller's."""
    asked: dict[tuple[str, str, str], set[str]] = {}
    places: dict[tuple[str, str, str], tuple[str, int]] = {}
    for grant in grants:
        for role in grant.roles:
            for name in grant.objects:
                asked.setdefault((grant.kind, name, role), set()).update(grant.privileges)
                places.setdefault((grant.kind, name, role), grant.place)
    result = []
    for (kind, name, role), privileges in asked.items():
        more = sorted(_held(connection, kind, name, role) - privileges)
        if more and privileges != set(_ALL[kind]):
            word = "" if kind == "table" else f"{kind.upper()} "
            sql = f"REVOKE {', '.join(more)} ON {word}{quote_dotted(name)} FROM {quote_dotted(role)};"
            result.append(Wider(f"{', '.join(more)} on {name} for {role}", sql, places[kind, name, role], name))
    return tuple(result)


def _held(connection: psycopg.Connection[Any], kind: str, name: str, role: str) -> set[str]:
    """The privileges that were given to that role itself; an owner's own are none."""
    catalog, acl, owner = (
        ("pg_namespace", "nspacl", "nspowner") if kind == "schema" else ("pg_class", "relacl", "relowner")
    )
    lookup = "to_regnamespace" if kind == "schema" else "to_regclass"
    query = (
        f"SELECT a.privilege_type FROM {catalog} c CROSS JOIN LATERAL aclexplode(c.{acl}) a "
        f"LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE c.oid = {lookup}(%s) AND a.grantee <> c.{owner} "
        "AND coalesce(r.rolname, 'public') = %s"
    )
    return {str(row[0]) for row in connection.execute(query.encode(), (quote_dotted(name), role)).fetchall()}


def lacking(connection: psycopg.Connection[Any], grants: tuple[Granted, ...]) -> tuple[Lacking, ...]:
    """The named privileges that the database does not give. psycopg.Error is the caller's."""
    result = []
    for grant in grants:
        for role in grant.roles:
            for name in grant.objects:
                for privilege in grant.privileges:
                    why = _why_not(connection, grant.kind, role, name, privilege)
                    if why:
                        kind = "" if grant.kind == "table" else f"{grant.kind.upper()} "
                        sql = f"GRANT {privilege} ON {kind}{quote_dotted(name)} TO {quote_dotted(role)};"
                        result.append(Lacking(f"{privilege} on {name} for {role}: {why}", sql, grant.place))
    return tuple(result)


def absent(connection: psycopg.Connection[Any], wanted: Wanted) -> tuple[Lacking, ...]:
    """The publications, roles, servers and event triggers that the upgrade makes and that are not there. That one is
    there says nothing of what it holds: its statement stays unread. psycopg.Error is the caller's."""
    result = []
    for statement, tree, line in _parsed(wanted):
        kind, catalog, column, field = _NAMED.get(tree.kind, ("", "", "", "")) if tree else ("", "", "", "")
        if not (kind and tree):
            continue
        name = str(tree.node.get(field))
        if connection.execute(f"SELECT 1 FROM {catalog} WHERE {column} = %s".encode(), (name,)).fetchone() is None:
            why = f"{name}: there is no such {kind}"
            result.append(Lacking(why, f"{statement.text};", wanted.place(line), kind))
    return tuple(result)


def _why_not(connection: psycopg.Connection[Any], kind: str, role: str, name: str, privilege: str) -> str:
    if role != "public":
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        if known is None:
            return "there is no such role"
    there = {"table": "to_regclass(%s)", "sequence": "to_regclass(%s)", "schema": "to_regnamespace(%s)"}[kind]
    row = connection.execute(f"SELECT {there} IS NOT NULL".encode(), (quote_dotted(name),)).fetchone()
    if not (row and row[0]):
        return f"there is no such {kind}"
    call = f"SELECT has_{kind}_privilege(%s, %s, %s)".encode()
    row = connection.execute(call, (role, quote_dotted(name), privilege)).fetchone()
    return "" if row and row[0] else "not granted"


def _statements(wanted: Wanted) -> Iterator[tuple[Statement, int]]:
    """The SQL statements with their line in the upgrade."""
    if wanted.kind == "sql":
        yield from ((statement, statement.line) for statement in statements(wanted.upgrade))
        return
    tree = parse(wanted.upgrade)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "op.execute":
            yield from ((statement, node.lineno) for statement in statements(sql_of(node)))


def _parsed(wanted: Wanted) -> tuple[tuple[Statement, Tree | None, int], ...]:
    """The SQL statements with their line in the upgrade, those that give or take privileges, or make what no snapshot
    shows, with their parse tree."""
    found = tuple(_statements(wanted))
    trees = _trees(tuple(one.text for one, _ in found if one.head in ("GRANT", "REVOKE") or _makes_unseen(one)))
    return tuple((statement, trees.get(statement.text), line) for statement, line in found)


def _makes_unseen(statement: Statement) -> bool:
    return statement.head == "CREATE" and beside_schema(statement)


@lru_cache(maxsize=64)
def _trees(texts: tuple[str, ...]) -> Mapping[str, Tree]:
    """The trees of single statements, read in one child process; one that cannot be read has none."""
    read = zip(texts, parse_apart(texts), strict=True) if texts else ()
    return {text: one.statements[0] for text, one in read if len(one.statements) == 1}


_KINDS = {"OBJECT_TABLE": "table", "OBJECT_SEQUENCE": "sequence", "OBJECT_SCHEMA": "schema"}


def _grant(tree: Tree | None, place: tuple[str, int]) -> Granted | None:
    """The GRANT on whole tables, sequences or schemas; None for any other statement."""
    if tree is None or tree.kind != "GrantStmt" or not tree.node.get("is_grant"):
        return None
    node = tree.node
    kind = _KINDS.get(str(node.get("objtype")))
    named = [kind_of(privilege)[1] for privilege in node.get("privileges", ())]
    if kind is None or node.get("targtype") != "ACL_TARGET_OBJECT" or any("cols" in one for one in named):
        return None
    privileges = tuple(str(one["priv_name"]).upper() for one in named) or _ALL[kind]
    objects = tuple(relation(inner) if outer == "RangeVar" else str(inner.get("sval"))
                    for outer, inner in map(kind_of, node.get("objects", ())))  # fmt: skip
    return Granted(privileges, kind, objects, tuple(_role(kind_of(grantee)[1]) for grantee in node["grantees"]), place)


def _role(node: Node) -> str:
    """The role's name, "public" and "current_user" among them."""
    return str(node.get("rolename") or str(node.get("roletype")).removeprefix("ROLESPEC_").lower())
