"""SQL of a spec in Alembic's own operations, where those say it without loss; every other statement stays as it is."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from safemig.migrations.change import Wanted
from safemig.migrations.evaluator import needs_autocommit
from safemig.migrations.fragments import parse, reindent
from safemig.migrations.from_sql_table import CLAUSES, TableShape, column_type
from safemig.migrations.render import INDENT, WIDTH, Code, Lossy, closing, escaped, names_in, parted, string
from safemig.sql.text import Statement, Token, qualified, statements, table_elements, tokens

# What may follow, deeper by one, for a table in use.
_CONCURRENTLY = f"{INDENT}, postgresql_concurrently=True"


def in_operations(wanted: Wanted, quote: str = '"') -> Wanted:
    """``wanted`` as Python, its plain tables, columns, indexes and drops as operations of Alembic, with strings in
    those quotes. The schema that results is the same; where no statement of it can be written so, it stays as it is."""
    if wanted.kind != "sql" or wanted.problems:
        return wanted
    tables = {
        one.tokens[_index_name(one)].name: qualified(one.tokens, _index_name(one) + 2)[0]
        for one in statements(wanted.upgrade) if _index_name(one)
    }  # fmt: skip
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
    for statement in statements(text):
        table, column, kind = _retyped(statement)
        if column:
            yield (table, column), " ".join(token.text for token in kind)


def _retyped(statement: Statement) -> tuple[str, str, Sequence[Token]]:
    """Table, column and new type of a plain ALTER TABLE … ALTER COLUMN … TYPE; "" for every other statement."""
    table, at = qualified(statement.tokens, 2)
    own = statement.tokens[at:]
    words = [token.upper for token in own]
    place = 2 if words[1:2] == ["COLUMN"] else 1
    begin = place + (3 if words[place + 1 : place + 3] == ["SET", "DATA"] else 1)
    plain = statement.head == "ALTER" and words[:1] == ["ALTER"] and words[begin : begin + 1] == ["TYPE"]
    if not plain or "USING" in words or "COLLATE" in words:
        return "", "", ()
    return table, own[place].name, own[begin + 1 :]


def _side(
    text: str, places: Sequence[int], tables: Mapping[str, str], types: Mapping[tuple[str, str], str]
) -> tuple[str, tuple[int, ...], bool]:
    """One direction as Python, the spec's line for each of its lines, and whether any statement became an operation."""
    lines: list[str] = []
    numbers: list[int] = []
    some = False
    comments = [token for token in tokens(text) if token.kind == "comment"]
    end = 0
    for statement in statements(text):
        own = [token for token in comments if end <= token.start < statement.tokens[-1].end]
        end = statement.tokens[-1].end
        try:
            found = _Reading(text, statement, own, tables, types).lines()
            some = True
        except Lossy:
            found = executed(statement).split("\n")
        lines += found
        place = places[statement.line - 1] if statement.line <= len(places) else 0
        numbers += [place] * len(found)
    return "\n".join(lines), tuple(numbers) if places else (), some


def _index_name(statement: Statement) -> int:
    """The place of the name in a plain CREATE INDEX name ON, 0 for every other statement."""
    words = [token.upper for token in statement.tokens]
    at = 3 if words[1:2] == ["UNIQUE"] else 2
    plain = words[:1] == ["CREATE"] and words[at - 1 : at] == ["INDEX"] and words[at + 1 : at + 2] == ["ON"]
    return at if plain and statement.tokens[at].name else 0


def _remark(comment: Token) -> str:
    if not comment.text.startswith("--"):
        raise Lossy
    return f"# {comment.text.lstrip('-').strip()}".rstrip()


@dataclass(frozen=True)
class _Reading:
    """One statement of ``text``, the comments before and in it, the tables of the upgrade's indexes, and the types that
    columns have before it."""

    text: str
    statement: Statement
    comments: Sequence[Token]
    tables: Mapping[str, str]
    types: Mapping[tuple[str, str], str]

    def lines(self) -> list[str]:
        own = self.statement.tokens
        words = [token.upper for token in own]
        if any("\\" in token.text or "%" in token.text for token in own):
            raise Lossy  # drivers and sqlalchemy.text read them otherwise
        inside = [token for token in self.comments if token.start > own[0].start]
        before = [_remark(token) for token in self.comments if token.start < own[0].start]
        if words[:2] == ["CREATE", "TABLE"]:
            return [*before, *self._table(inside)]
        if inside:
            raise Lossy
        if _index_name(self.statement):
            call = self._index(_index_name(self.statement))
        elif words[:2] == ["ALTER", "TABLE"]:
            call = self._altered()
        elif words[:1] == ["DROP"]:
            call = self._dropped(words)
        else:
            raise Lossy
        room = len(_CONCURRENTLY) if "_index" in call.name else 0
        return [*before, *call.lines(len(INDENT) + room)]

    def slice(self, own: Sequence[Token]) -> str:
        """Those tokens as the spec has them, on one line."""
        if not own or any("\n" in token.text for token in own):
            raise Lossy
        return re.sub(r"\s*\n\s*", " ", self.text[own[0].start : own[-1].end])

    def sql(self, own: Sequence[Token]) -> Code:
        return Code("sa.text", (string(escaped(self.slice(own))),))

    def _table(self, inside: Sequence[Token]) -> list[str]:
        own = self.statement.tokens
        name, at = qualified(own, 2)
        table, schema = parted(name)
        elements = table_elements(self.statement)
        if at >= len(own) or own[at].text != "(" or not elements or own[-1] is not closing(own, at):
            raise Lossy
        shape = TableShape(self, table)
        for element in elements:
            shape.read(element)
        lines = ["op.create_table(", f"{INDENT}{string(table)},"]
        shown = 0
        for whole, code in shape.columns:
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
        alone = all(not self._beside(comment, one) for one in elements)
        return last < comment.start < element[0].start and alone

    def _index(self, at: int) -> Code:
        own = self.statement.tokens
        name, after = qualified(own, at + 2)
        table, schema = parted(name)
        parts = [string(own[at].name), string(table)]
        options = [f"unique={own[1].upper == 'UNIQUE'}", *schema]
        if own[after + 1 :] and own[after].upper == "USING":
            options.append(f"postgresql_using={string(own[after + 1].name)}")
            after += 2
        columns, after = names_in(own, after)
        rest = own[after:]
        if rest and rest[0].upper == "WHERE":
            return Code(
                "op.create_index", (*parts, columns, *options, _keyword("postgresql_where", self.sql(rest[1:])))
            )
        if rest:
            raise Lossy
        return Code("op.create_index", (*parts, columns, *options))

    def _altered(self) -> Code:
        own = self.statement.tokens
        name, at = qualified(own, 2)
        table, schema = parted(name)
        words = [token.upper for token in own[at:]]
        column = words[1:2] == ["COLUMN"]
        rest = own[at + 1 + column :]
        if words[:1] == ["DROP"] and column and len(rest) == 1 and rest[0].name:
            return Code("op.drop_column", (string(table), string(rest[0].name), *schema))
        if _retyped(self.statement)[1]:
            return self._type(table, schema)
        if words[:1] != ["ADD"] or not rest or not (column or rest[0].upper not in CLAUSES | {"FOREIGN", "EXCLUDE"}):
            raise Lossy
        shape = TableShape(self, table)
        shape.read(rest)
        if shape.constraints() or len(shape.columns) != 1 or shape.serial:
            raise Lossy
        return Code("op.add_column", (string(table), shape.columns[0][1], *schema))

    def _type(self, table: str, schema: tuple[str, ...]) -> Code:
        """The new type beside the one before, where both have a name in SQLAlchemy: then it is told what is lost."""
        name, column, kind = _retyped(self.statement)
        old, new = column_type(self.types.get((name, column), "")), column_type(self.slice(kind))
        return Code(
            "op.alter_column", (string(table), string(column), f"existing_type={old}", f"type_={new}", *schema)
        )  # fmt: skip

    def _dropped(self, words: Sequence[str]) -> Code:
        own = self.statement.tokens
        name, at = qualified(own, 2)
        last, schema = parted(name)
        if at != len(own):
            raise Lossy
        if words[1] == "TABLE":
            return Code("op.drop_table", (string(last), *schema))
        if words[1] == "INDEX" and last in self.tables:
            table, _ = parted(self.tables[last])
            return Code("op.drop_index", (string(last), f"table_name={string(table)}", *schema))
        raise Lossy


def _keyword(name: str, code: Code) -> Code:
    return Code(f"{name}={code.name}", code.parts)


def _argument(code: Code) -> list[str]:
    found = [str(code.parts[0])] if not code.name else code.lines(2 * len(INDENT))
    return [*found[:-1], f"{found[-1]},"]
