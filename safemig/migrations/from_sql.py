"""SQL of a spec in Alembic's own operations, where those say it without loss; every other statement stays as it is."""

from __future__ import annotations

import io
import re
import tokenize
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from safemig.migrations.change import Wanted
from safemig.migrations.evaluator import needs_autocommit
from safemig.migrations.fragments import parse, reindent
from safemig.migrations.from_sql_table import TableShape, column_type
from safemig.migrations.render import INDENT, WIDTH, Code, Lossy, closing, escaped, listed, string
from safemig.migrations.trees import trees
from safemig.sql.opposites import type_text
from safemig.sql.parser import Node, kind_of, relation, strings
from safemig.sql.parser import Statement as Tree
from safemig.sql.text import Statement, Token, table_elements, tokens

# What may stand behind a type or an expression in the definition of a column.
CLAUSES = frozenset({
    "NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT", "GENERATED", "COLLATE",
    "DEFERRABLE", "INITIALLY", "USING",
})  # fmt: skip
# What may follow, deeper by one, for a table in use.
_CONCURRENTLY = f"{INDENT}, postgresql_concurrently=True"


def in_operations(wanted: Wanted, quote: str = '"') -> Wanted:
    """``wanted`` as Python, its plain tables, columns, indexes and drops as operations of Alembic, with strings in
    those quotes. The schema that results is the same; where no statement of it can be written so, it stays as it is."""
    if wanted.kind != "sql" or wanted.problems:
        return wanted
    made = [tree.node for _, tree in trees(wanted.upgrade) if tree is not None and tree.kind == "IndexStmt"]
    tables = {str(node.get("idxname")): str(node["relation"]["relname"]) for node in made}
    before = {(table, column): kind for table, column, kind in wanted.types}
    up, up_lines, some = _side(wanted.upgrade, wanted.upgrade_lines, tables, before)
    after = dict(_new_types(wanted.upgrade)) if before else {}
    down, down_lines, _ = _side(wanted.downgrade, wanted.downgrade_lines, tables, after)
    if not some or parse(up) is None or parse(down) is None:
        return wanted
    if quote == "'":
        up, down = _in_single_quotes(up), _in_single_quotes(down)
    return replace(
        wanted, kind="op", upgrade=up, upgrade_lines=up_lines, downgrade=down, downgrade_lines=down_lines
    )  # fmt: skip


def _in_single_quotes(code: str) -> str:
    """The code with single quotes around every string that needs no double ones."""
    lines = code.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.STRING and re.fullmatch(r'"[^"\'\\\n]+"', token.string):
            (row, begin), (_, end) = token.start, token.end
            lines[row - 1] = f"{lines[row - 1][:begin]}'{token.string[1:-1]}'{lines[row - 1][end:]}"
    return "\n".join(lines)


def executed(statement: Statement) -> str:
    """One statement in ``op.execute``, its text exactly as the spec has it."""
    plain = escaped(statement.text)
    call = f'op.execute("{plain}")'
    if "\n" in plain or '"' in plain or "\\" in plain or len(call) > WIDTH + 8:
        call = "op.execute(\n" + _quoted(plain, statement) + "\n)"
    if not needs_autocommit(statement):
        return call
    return "with op.get_context().autocommit_block():\n" + reindent(call, 0, INDENT)


def _quoted(text: str, statement: Statement) -> str:
    inside = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    inside = inside[:-1] + '\\"' if inside.endswith('"') and not inside.endswith('\\"') else inside
    if "\n" not in inside:
        return f'{INDENT}"""{inside}"""'
    # White space counts inside strings, such as the body of a function: then no line may move.
    if any("\n" in token.text for token in statement.tokens):
        return f'{INDENT}"""{inside}"""'
    moved = "\n".join(INDENT * 2 + line if line.strip() else "" for line in inside.split("\n"))
    return f'{INDENT}"""\n{moved}\n{INDENT * 2}"""'


def _new_types(text: str) -> Iterator[tuple[tuple[str, str], str]]:
    """The types that columns have after the statements, by table and column."""
    for _, tree in trees(text):
        for action in (kind_of(command)[1] for command in tree.node.get("cmds", ())) if tree else ():
            if tree and action.get("subtype") == "AT_AlterColumnType":
                named = kind_of(action["def"])[1].get("typeName")
                yield (relation(tree.node["relation"]), action["name"]), type_text(named)


def _side(
    text: str, places: Sequence[int], tables: Mapping[str, str], types: Mapping[tuple[str, str], str]
) -> tuple[str, tuple[int, ...], bool]:
    """One direction as Python, the spec's line for each of its lines, and whether any statement became an operation."""
    lines: list[str] = []
    numbers: list[int] = []
    some = False
    comments = [token for token in tokens(text) if token.kind == "comment"]
    end = 0
    for statement, tree in trees(text):
        own = [token for token in comments if end <= token.start < statement.tokens[-1].end]
        end = statement.tokens[-1].end
        try:
            if tree is None:
                raise Lossy
            found = _Reading(text, statement, tree, own, tables, types).lines()
            some = True
        except Lossy:
            found = executed(statement).split("\n")
        lines += found
        place = places[statement.line - 1] if statement.line <= len(places) else 0
        numbers += [place] * len(found)
    return "\n".join(lines), tuple(numbers) if places else (), some


def _remark(comment: Token) -> str:
    if not comment.text.startswith("--"):
        raise Lossy
    return f"# {comment.text.lstrip('-').strip()}".rstrip()


@dataclass(frozen=True)
class _Reading:
    """One statement of a text with its tree, the comments before and in it, the tables of the upgrade's indexes, and
    the types that columns have before it."""

    text: str
    statement: Statement
    tree: Tree
    comments: Sequence[Token]
    tables: Mapping[str, str]
    types: Mapping[tuple[str, str], str]

    def lines(self) -> list[str]:
        own = self.statement.tokens
        if any("\\" in token.text or "%" in token.text for token in own):
            raise Lossy  # drivers and sqlalchemy.text read them otherwise
        inside = [token for token in self.comments if token.start > own[0].start]
        before = [_remark(token) for token in self.comments if token.start < own[0].start]
        if self.tree.kind == "CreateStmt":
            return [*before, *self._table(inside)]
        maker = {"IndexStmt": self._index, "AlterTableStmt": self._altered, "DropStmt": self._dropped}
        if inside or self.tree.kind not in maker:
            raise Lossy
        call = maker[self.tree.kind](self.tree.node)
        room = len(_CONCURRENTLY) if "_index" in call.name else 0
        return [*before, *call.lines(len(INDENT) + room)]

    def slice(self, own: Sequence[Token]) -> str:
        """Those tokens as the spec has them, on one line."""
        if not own or any("\n" in token.text for token in own):
            raise Lossy
        return re.sub(r"\s*\n\s*", " ", self.text[own[0].start : own[-1].end])

    def sql(self, own: Sequence[Token]) -> Code:
        return Code("sa.text", (string(escaped(self.slice(own))),))

    def type(self, offset: int) -> str:
        return self.slice(self._until_clause(self._from(offset)))

    def default(self, offset: int) -> Code:
        own = self._from(offset)[1:]
        expression = self._until_clause(own)
        behind = [token.upper for token in own[len(expression) :][:2]]
        if behind[:1] == ["NOT"] and behind != ["NOT", "NULL"]:
            raise Lossy  # IS NOT DISTINCT FROM
        return self.sql(expression)

    def check(self, offset: int) -> Code:
        own = self._from(offset)
        begin = next(at for at, token in enumerate(own) if token.text == "(")
        end = closing(own, begin)
        return self.sql(own[begin + 1 : end])

    def _from(self, offset: int) -> Sequence[Token]:
        """The tokens from that byte of the statement."""
        own, bare = self.statement.tokens, self.statement.bare
        at = own[0].start + (offset if bare.isascii() else len(bare.encode()[:offset].decode(errors="ignore")))
        return own[bisect_left(own, at, key=lambda token: token.start) :]

    @staticmethod
    def _until_clause(own: Sequence[Token]) -> Sequence[Token]:
        depth = 0
        for at, token in enumerate(own):
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
            if depth < 0 or (not depth and at and (token.text == "," or token.upper in CLAUSES)):
                return own[:at]
        return own

    def _table(self, inside: Sequence[Token]) -> list[str]:
        node, elements = self.tree.node, table_elements(self.statement)
        table, schema = _relation(node)
        if set(node) != {"relation", "tableElts", "oncommit"} or len(elements) != len(node["tableElts"]):
            raise Lossy
        shape = TableShape(self, table)
        columns = [whole for whole, one in zip(elements, node["tableElts"], strict=True) if shape.read(one)]
        lines = ["op.create_table(", f"{INDENT}{string(table)},"]
        shown = 0
        for whole, code in zip(columns, shape.columns, strict=True):
            above = [_remark(token) for token in inside if self._above(token, whole, elements)]
            beside = [_remark(token) for token in inside if self._beside(token, whole)]
            found = code.lines(2 * len(INDENT))
            lines += [INDENT + line for line in (*above, *found[:-1])]
            lines.append(f"{INDENT}{found[-1]}," + (f"  {' '.join(beside)}" if beside else ""))
            shown += len(above) + len(beside)
        if shown < len(inside):
            raise Lossy  # a comment on a constraint has no place among the columns
        for code in (*shape.constraints(), *(Code("", (one,)) for one in schema)):
            lines += [INDENT + line for line in _argument(code)]
        return [*lines, ")"]

    def _row(self, at: int) -> int:
        return self.text.count("\n", 0, at)

    def _beside(self, comment: Token, element: Sequence[Token]) -> bool:
        return comment.start > element[-1].start and self._row(comment.start) == self._row(element[-1].start)

    def _above(self, comment: Token, element: Sequence[Token], elements: Sequence[Sequence[Token]]) -> bool:
        last = max((one[-1].end for one in elements if one[-1].end < element[0].start), default=0)
        alone = all(not self._beside(comment, element) for element in elements)
        return last < comment.start < element[0].start and alone

    def _index(self, node: Node) -> Code:
        known = {"idxname", "relation", "accessMethod", "indexParams", "whereClause", "unique"}
        items = [kind_of(parameter)[1] for parameter in node["indexParams"]]
        plain = {"name": "", "ordering": "SORTBY_DEFAULT", "nulls_ordering": "SORTBY_NULLS_DEFAULT"}
        if set(node) - known or "idxname" not in node or any({**item, "name": ""} != plain for item in items):
            raise Lossy
        table, schema = _relation(node)
        method = node.get("accessMethod", "btree")
        options = [f"unique={bool(node.get('unique'))}", *schema]
        options += [f"postgresql_using={string(method)}"] if method != "btree" else []
        parts = [string(node["idxname"]), string(table), listed([item["name"] for item in items]), *options]
        if "whereClause" not in node:
            return Code("op.create_index", tuple(parts))
        own = self.statement.tokens
        at = max(place for place, token in enumerate(own) if token.upper == "WHERE")
        return Code("op.create_index", (*parts, _keyword("postgresql_where", self.sql(own[at + 1 :]))))

    def _altered(self, node: Node) -> Code:
        table, schema = _relation(node)
        action = kind_of(node["cmds"][0])[1]
        one = len(node["cmds"]) == 1 and node.get("objtype") == "OBJECT_TABLE" and "missing_ok" not in node
        if not one or "missing_ok" in action or action.get("behavior") == "DROP_CASCADE":
            raise Lossy
        match action.get("subtype"):
            case "AT_DropColumn":
                return Code("op.drop_column", (string(table), string(action["name"]), *schema))
            case "AT_AlterColumnType":
                return self._type(table, schema, action)
            case "AT_AddColumn":
                shape = TableShape(self, table)
                shape.read(action["def"])
                if not shape.constraints() and not shape.serial:
                    return Code("op.add_column", (string(table), shape.columns[0], *schema))
        raise Lossy

    def _type(self, table: str, schema: tuple[str, ...], action: Node) -> Code:
        """The new type beside the one before, where both have a name in SQLAlchemy: then it is told what is lost."""
        definition = kind_of(action["def"])[1]
        if set(definition) - {"typeName", "location"}:
            raise Lossy
        old = column_type(self.types.get((relation(self.tree.node["relation"]), action["name"]), ""))
        new = column_type(self.type(int(definition["typeName"]["location"])))
        types = (f"existing_type={old}", f"type_={new}")
        return Code("op.alter_column", (string(table), string(action["name"]), *types, *schema))

    def _dropped(self, node: Node) -> Code:
        names = [strings(kind_of(object_)[1].get("items")) for object_ in node["objects"]]
        plain = set(node) == {"objects", "removeType", "behavior"} and node["behavior"] == "DROP_RESTRICT"
        if not plain or len(names) != 1 or len(names[0]) not in (1, 2):
            raise Lossy
        last = names[0][-1]
        where = tuple(f"schema={string(one)}" for one in names[0][:-1] if one != "public")
        if node["removeType"] == "OBJECT_TABLE":
            return Code("op.drop_table", (string(last), *where))
        if node["removeType"] == "OBJECT_INDEX" and last in self.tables:
            return Code("op.drop_index", (string(last), f"table_name={string(self.tables[last])}", *where))
        raise Lossy


def _relation(node: Node) -> tuple[str, tuple[str, ...]]:
    """The table of a statement, and its schema as an argument."""
    table = node["relation"]
    if "inh" not in table or table.get("relpersistence") != "p" or "catalogname" in table:
        raise Lossy
    schema = table.get("schemaname", "public")
    return table["relname"], () if schema == "public" else (f"schema={string(schema)}",)


def _keyword(name: str, code: Code) -> Code:
    return Code(f"{name}={code.name}", code.parts)


def _argument(code: Code) -> list[str]:
    found = [str(code.parts[0])] if not code.name else code.lines(2 * len(INDENT))
    return [*found[:-1], f"{found[-1]},"]
