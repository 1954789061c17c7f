"""The downgrade that follows from an upgrade, where one does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from safemig.migrations.change import Wanted
from safemig.migrations.fragments import parse
from safemig.migrations.from_python import argument, literal
from safemig.sql.text import Statement, Token, qualified, statements

_DROPPED = ("TABLE", "INDEX", "VIEW", "TYPE", "SEQUENCE", "SCHEMA", "EXTENSION", "DOMAIN", "PUBLICATION")
_CONSTRAINTS = {
    "create_unique_constraint": "unique",
    "create_foreign_key": "foreignkey",
    "create_check_constraint": "check",
    "create_primary_key": "primary",
}


class NoUndo(Exception):
    """No downgrade follows from a statement. ``line`` is 1-based in the upgrade's text."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(f"line {line}: nothing takes back {text!r}")
        self.line, self.text = line, text


def derive(wanted: Wanted, known: Mapping[int, str] | None = None) -> str:
    """The statements that take the upgrade back, the last first. NoUndo where one of them loses what was there.

    ``known`` has the way back of some statements of SQL, by their 0-based number (``put_back``).
    """
    if wanted.kind == "sql":
        found, ways = list(statements(wanted.upgrade)), known or {}
        parts = [
            ways[number] if number in ways else "" if _validates(one, found) else _sql(one, wanted.tables)
            for number, one in enumerate(found)
        ]
        return "\n".join(part for part in reversed(parts) if part)
    tree = parse(wanted.upgrade)
    if tree is None:
        raise NoUndo(1, wanted.upgrade.split("\n", 1)[0])
    lines = [line for node in tree.body for line in _python(node)]
    return "\n".join(reversed(lines))


def _python(node: ast.stmt) -> Iterator[str]:
    value = node.value if isinstance(node, ast.Expr | ast.Assign) else None
    if isinstance(node, ast.Assign) and not isinstance(value, ast.Call):
        return
    call = value if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) else None
    if call is None or not isinstance(call.func, ast.Attribute) or ast.unparse(call.func.value) != "op":
        if isinstance(node, ast.Assign | ast.Import | ast.ImportFrom):
            return
        raise _none(node)
    method = call.func.attr
    schema = argument(call, -1, "schema") or argument(call, -1, "source_schema")
    tail = f", schema={ast.unparse(schema)}" if schema is not None else ""
    if method == "create_table":
        yield from _enums(call)
        yield f"op.drop_table({_shown(call, 0, 'table_name', node)}{tail})"
    elif method == "create_index":
        table = _shown(call, 1, "table_name", node)
        yield f"op.drop_index({_name(call, 0, 'index_name', node)}, table_name={table}{tail})"
    elif method in _CONSTRAINTS:
        table = _shown(call, 1, "source_table" if method == "create_foreign_key" else "table_name", node)
        name = _name(call, 0, "constraint_name", node)
        yield f'op.drop_constraint({name}, {table}, type_="{_CONSTRAINTS[method]}"{tail})'
    elif method == "add_column":
        yield f"op.drop_column({_shown(call, 0, 'table_name', node)}, {_column(call, node)}{tail})"
    elif method == "rename_table":
        new, old = _shown(call, 1, "new_table_name", node), _shown(call, 0, "old_table_name", node)
        yield f"op.rename_table({new}, {old}{tail})"
    else:
        raise _none(node)


def _none(node: ast.stmt) -> NoUndo:
    return NoUndo(node.lineno, ast.unparse(node).split("\n", 1)[0][:120])


def _shown(call: ast.Call, place: int, name: str, node: ast.stmt) -> str:
    found = argument(call, place, name)
    if found is None:
        raise _none(node)
    return ast.unparse(found).replace("'", '"') if literal(found) else ast.unparse(found)


def _name(call: ast.Call, place: int, name: str, node: ast.stmt) -> str:
    """The name of what is dropped; one that was left open is PostgreSQL's to give and not known here."""
    if not literal(argument(call, place, name)):
        raise _none(node)
    return _shown(call, place, name, node)


def _column(call: ast.Call, node: ast.stmt) -> str:
    column = argument(call, 1, "column")
    name = argument(column, 0, "name") if isinstance(column, ast.Call) else None
    if not literal(name):
        raise _none(node)
    return f'"{literal(name)}"'


def _enums(call: ast.Call) -> Iterator[str]:
    """Types that create_table makes on its way and drop_table leaves behind."""
    for node in ast.walk(call):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".Enum", ".ENUM")):
            name, made = literal(argument(node, -1, "name")), argument(node, -1, "create_type")
            if name and not (isinstance(made, ast.Constant) and made.value is False):
                # Statements are turned round afterwards: the type goes after its table.
                yield f"op.execute('DROP TYPE IF EXISTS \"{name}\"')"


def _sql(statement: Statement, made: tuple[str, ...]) -> str:
    own = statement.tokens
    words = [token.upper for token in own]
    found = ""
    if statement.head == "CREATE":
        found = _dropped(own, words) or _hanging(own, words) or _routine(own, words)
    elif statement.head == "COMMENT":
        return _comment(own, words, made)
    elif _on(own, words) in made:
        return ""  # rows and privileges go with their table
    elif words[0] == "GRANT" and "WITH" not in words and "ON" in words:
        to = len(words) - 1 - words[::-1].index("TO") if "TO" in words else 0
        found = f"REVOKE {_text(own[1:to])} FROM {_text(own[to + 1 :])};" if to else ""
    elif statement.head == "ALTER" and words[-3:-1] == ["RENAME", "TO"]:
        found = _renamed(own)
    elif words[:2] == ["ALTER", "TABLE"]:
        return _alter(statement, own)
    elif words[:2] == ["ALTER", "SEQUENCE"] and "OWNED" in words:
        _, end = qualified(own, 2)
        found = f"ALTER SEQUENCE {_text(own[2:end])} OWNED BY NONE;" if words[end] == "OWNED" else ""
    if not found:
        raise NoUndo(statement.line, _first_line(statement))
    return found


def _validates(statement: Statement, others: Sequence[Statement]) -> bool:
    """Whether it validates a constraint that one of those statements adds: it is gone when that is taken back."""
    own, words = statement.tokens, [token.upper for token in statement.tokens]
    if words[:2] != ["ALTER", "TABLE"] or words[-3:-1] != ["VALIDATE", "CONSTRAINT"]:
        return False
    table, at = qualified(own, 2)
    return at == len(own) - 3 and any(_adds(other, table, own[-1].name) for other in others)


def _adds(statement: Statement, table: str, constraint: str) -> bool:
    own, words = statement.tokens, [token.upper for token in statement.tokens]
    name, at = qualified(own, 2)
    adds = words[:2] == ["ALTER", "TABLE"] and name == table and words[at : at + 2] == ["ADD", "CONSTRAINT"]
    return adds and len(own) > at + 2 and own[at + 2].name == constraint


def _on(own: tuple[Token, ...], words: list[str]) -> str:
    """The table whose rows or privileges a statement changes; "" for any other statement."""
    mark = {"INSERT": "INTO", "DELETE": "FROM", "UPDATE": "UPDATE", "GRANT": "ON"}.get(words[0], "")
    at = words.index(mark) + 1 if mark and mark in words else len(words)
    return qualified(own, at + 1 if words[at : at + 1] in (["TABLE"], ["ONLY"]) else at)[0]


def _comment(own: tuple[Token, ...], words: list[str], made: tuple[str, ...]) -> str:
    """None instead of the comment; "" where it goes with the table that it describes.

    Whether there was another comment before is seen when the revision is proved.
    """
    if "IS" not in words[2:]:
        return ""
    end = len(words) - 1 - words[::-1].index("IS")
    table = qualified(own, words.index("ON", 3) + 1 if "ON" in words[3:] else 3)[0]
    if words[2] == "COLUMN":
        table = table.rpartition(".")[0]
    if table in made:
        return ""
    return f"{_text(own[:end])} IS NULL;"


def _renamed(own: tuple[Token, ...]) -> str:
    """ALTER … name RENAME TO other, the other way; a schema stays in front, arguments and ON table behind."""
    head = next(at for at, token in enumerate(own) if at > 1 and token.upper not in ("IF", "EXISTS", "ONLY", "VIEW"))
    _, end = qualified(own, head)
    if own[end].upper not in ("RENAME", "ON") and own[end].text != "(":
        return ""
    behind = f" {_text(own[end:-3])}" if own[end].upper == "ON" else _text(own[end:-3])
    kind = [token for token in own[1:head] if token.upper not in ("IF", "EXISTS")]
    return f"ALTER {_text(kind)} {_text((*own[head : end - 1], own[-1]))}{behind} RENAME TO {own[end - 1].text};"


def _text(own: Sequence[Token]) -> str:
    """The tokens with the space that they need: none at dots and brackets."""
    return re.sub(r" ?([.,()]) ?", lambda found: ", " if found[1] == "," else found[1], " ".join(t.text for t in own))


def _first_line(statement: Statement) -> str:
    """Of the statement itself, without the comments before it."""
    lines = [line for line in statement.text.split("\n") if line.strip() and not line.lstrip().startswith("--")]
    return (lines[0].strip() if lines else statement.text)[:120]


def _hanging(own: tuple[Token, ...], words: list[str]) -> str:
    """A trigger, a policy or a rule is dropped from its table."""
    kind = next((word for word in words[1:3] if word in ("TRIGGER", "POLICY", "RULE")), "")
    mark = "TO" if kind == "RULE" else "ON"
    if not kind or "REPLACE" in words[:3] or mark not in words:
        return ""
    _, end = qualified(own, words.index(mark) + 1)
    return f"DROP {kind} {own[words.index(kind) + 1].text} ON {_text(own[words.index(mark) + 1 : end])};"


def _routine(own: tuple[Token, ...], words: list[str]) -> str:
    """A function or a procedure is dropped by its name and arguments: others may have the same name."""
    if words[1] not in ("FUNCTION", "PROCEDURE"):
        return ""
    _, end = qualified(own, 2)
    if own[end].text != "(":
        return ""
    depth, kept, default = 0, list[Token](), False
    for token in own[end:]:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if depth == 0 or (depth == 1 and token.text == ","):
            default = False
        elif depth == 1 and (token.upper == "DEFAULT" or token.text in ("=", ":=")):
            default = True
        kept += [] if default else [token]
        if depth == 0:
            break
    return f"DROP {words[1]} {_text(own[2:end])}{_text(kept)};"


def _dropped(own: tuple[Token, ...], words: list[str]) -> str:
    kind = next((word for word in words[1:5] if word in _DROPPED), "")
    if not kind or "REPLACE" in words[:3]:
        return ""
    at = words.index(kind) + 1
    concurrently = " CONCURRENTLY" if words[at] == "CONCURRENTLY" else ""
    while words[at] in ("IF", "NOT", "EXISTS", "CONCURRENTLY"):
        at += 1
    name, end = qualified(own, at)
    if not name or words[at] == "ON":
        return ""
    shown = "".join(token.text for token in own[at:end])
    before = "MATERIALIZED " if "MATERIALIZED" in words[:4] and kind == "VIEW" else ""
    schema = _schema_of_index(own, words) if kind == "INDEX" else ""
    return f"DROP {before}{kind}{concurrently} {schema}{shown};"


def _schema_of_index(own: tuple[Token, ...], words: list[str]) -> str:
    """An index lies in the schema of its table."""
    at = words.index("ON") + 1 if "ON" in words else len(own)
    at += 1 if at < len(own) and words[at] == "ONLY" else 0
    return f"{own[at].text}." if at + 1 < len(own) and own[at + 1].text == "." else ""


def _alter(statement: Statement, own: tuple[Token, ...]) -> str:
    """ALTER TABLE … ADD COLUMN and ADD CONSTRAINT; a list of several is taken back as a list."""
    at = 2
    while own[at].upper in ("IF", "EXISTS", "ONLY"):
        at += 1
    _, end = qualified(own, at)
    table = "".join(token.text for token in own[at:end])
    changes: list[list[Token]] = [[]]
    depth = 0
    for token in own[end:]:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            changes.append([])
        else:
            changes[-1].append(token)
    undone = [_change(change, statement) for change in changes]
    return f"ALTER TABLE {table} {', '.join(reversed(undone))};"


def _change(change: list[Token], statement: Statement) -> str:
    words = [token.upper for token in change]
    turned = _turned(change, words)
    if turned:
        return turned
    rest = [token for token in change[1:] if token.upper not in ("COLUMN", "IF", "NOT", "EXISTS")]
    unnamed = ("UNIQUE", "CHECK", "PRIMARY", "FOREIGN", "EXCLUDE", "CONSTRAINT")
    if words[:2] == ["ADD", "CONSTRAINT"] and len(change) > 2:
        return f"DROP CONSTRAINT {change[2].text}"
    if words[:1] == ["ADD"] and rest and rest[0].name and rest[0].upper not in unnamed:
        return f"DROP COLUMN {rest[0].text}"
    raise NoUndo(statement.line, _first_line(statement))


_SWITCHES = {"ENABLE": "DISABLE", "DISABLE": "ENABLE"}


def _turned(change: list[Token], words: list[str]) -> str:
    """The change that is the opposite of one that loses nothing; "" for any other."""
    if words[:2] == ["ATTACH", "PARTITION"]:
        end = next((at for at, word in enumerate(words) if word in ("FOR", "DEFAULT")), len(words))
        return f"DETACH PARTITION {_text(change[2:end])}"
    if words[0] in _SWITCHES and words[1:2] in (["ROW"], ["TRIGGER"]):
        return _text([replace(change[0], text=_SWITCHES[words[0]]), *change[1:]])
    if words[-3:] == ["ROW", "LEVEL", "SECURITY"]:
        return "NO FORCE ROW LEVEL SECURITY" if words[0] == "FORCE" else "FORCE ROW LEVEL SECURITY"
    if words[0] == "ALTER" and words[-2:] == ["NOT", "NULL"] and words[-3] in ("SET", "DROP"):
        other = "DROP" if words[-3] == "SET" else "SET"
        return f"{_text(change[:-3])} {other} NOT NULL"
    name = 2 if words[1:2] == ["COLUMN"] else 1
    # What was there before, if anything, is seen when the revision is proved.
    for added, dropped in ((["SET", "DEFAULT"], "DEFAULT"), (["ADD", "GENERATED"], "IDENTITY")):
        if words[0] == "ALTER" and words[name + 1 : name + 3] == added:
            return f"{_text(change[: name + 1])} DROP {dropped}"
    if words[0] == "RENAME" and "TO" in words[2:] and len(change) >= 4:
        at = words.index("TO", 2)
        return _text([*change[: at - 1], change[at + 1], change[at], change[at - 1]])
    return ""
