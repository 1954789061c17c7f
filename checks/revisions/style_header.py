"""What the newest revision file looks like around its two functions."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from checks.files import beginning
from checks.revisions.reader import IDENTIFIERS, LARGEST

# What Alembic's generic template writes: the pattern of a project that has no revision yet.
DOCSTRING = (
    "${message}",
    "",
    "Revision ID: ${up_revision}",
    "Revises: ${down_revision}",
    "Create Date: ${create_date}",
    "",
)
IMPORTS = ("from typing import Sequence, Union", "", "from alembic import op", "import sqlalchemy as sa")
# Empty lines between docstring and imports, and between imports and ids.
GAPS = (0, 2)
MARKER = "# revision identifiers, used by Alembic."
IDENTIFIERS_OF_ALEMBIC = (
    ("revision", "str"),
    ("down_revision", "Union[str, Sequence[str], None]"),
    ("branch_labels", "Union[str, Sequence[str], None]"),
    ("depends_on", "Union[str, Sequence[str], None]"),
)
# Imports of the project's own modules belong to what one revision did, not to how revisions are written.
_COMMON = {"__future__", "typing", "collections", "alembic", "sqlalchemy"}

DowngradeStyle = Literal["written", "pass", "raises", "absent"]


@dataclass(frozen=True)
class Header:
    """The facts of one file; the fields are those of ``pattern.Pattern``."""

    preamble: tuple[str, ...] = ()
    docstring: tuple[str, ...] = DOCSTRING
    docstring_quotes: str = '"""'
    imports: tuple[str, ...] = IMPORTS
    gaps: tuple[int, int] = GAPS
    marker: str = MARKER
    identifiers: tuple[tuple[str, str], ...] = IDENTIFIERS_OF_ALEMBIC
    quote: str = "'"
    upgrade: str = "def upgrade() -> None:"
    upgrade_docstring: str = ""
    downgrade: str = "def downgrade() -> None:"
    downgrade_docstring: str = ""


def read_sources(files: Sequence[str]) -> dict[str, str]:
    """File -> text, of those that can be read; an encoding cookie is honoured."""
    sources: dict[str, str] = {}
    for file in files:
        try:
            raw = beginning(file, LARGEST)
            encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
            sources[file] = raw.decode(encoding).replace("\r\n", "\n")
        except (OSError, SyntaxError, UnicodeDecodeError, LookupError):
            continue
    return sources


def facts(source: str) -> Header:
    """How the file with that text is written; Alembic's own way when it cannot be parsed."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Header()
    lines = source.split("\n")
    document = _docstring(tree)
    identifiers, first = _identifiers(tree)
    marker = _comment_above(lines, first)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    upgrade, downgrade = functions.get("upgrade"), functions.get("downgrade")
    return Header(
        preamble=_preamble(tree, lines),
        docstring=_template(document),
        docstring_quotes=_quotes(document, source) if document else '"""',
        imports=_imports(tree, lines),
        gaps=_gaps(tree, lines, document, first - bool(marker)),
        marker=marker,
        identifiers=identifiers,
        quote=_preferred_quote(source),
        upgrade=_signature(upgrade) or Header.upgrade,
        upgrade_docstring=_own_docstring(upgrade, source),
        downgrade=_signature(downgrade),
        downgrade_docstring=_own_docstring(downgrade, source),
    )


def created(file: str) -> str:
    """The "Create Date" that the file's head states, "" when it states none. Alembic's format sorts as text."""
    text = read_sources([file]).get(file, "")[:20_000]
    match = re.search(r"^#?\s*Create Date\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def downgrade_style(sources: Sequence[str]) -> DowngradeStyle:
    """What the downgrades of these files do: written out where any is, else what the first one (the newest) does."""
    styles: list[DowngradeStyle] = []
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        styles.append(_style(tree))
    if not styles or "written" in styles:
        return "written"
    return styles[0]


def _style(tree: ast.Module) -> DowngradeStyle:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "downgrade":
            body = [
                part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
            if not body or all(isinstance(part, ast.Pass) for part in body):
                return "pass"
            return "raises" if isinstance(body[0], ast.Raise) else "written"
    return "absent"


def _docstring(tree: ast.Module) -> ast.Constant | None:
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return node.value
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            return None
    return None


def _template(document: ast.Constant | None) -> tuple[str, ...]:
    """The docstring's lines with placeholders; () without one. What else stands in it is this revision's own text."""
    if document is None:
        return ()
    lines: list[str] = []
    message = False
    for number, line in enumerate(str(document.value).split("\n")):
        known = re.match(r"(\s*)(Revision ID|Revises|Create Date)(\s*:\s*)", line)
        if known:
            value = {"Revision ID": "up_revision", "Revises": "down_revision", "Create Date": "create_date"}[known[2]]
            # The first revision of all follows none: "Revises:" ends its line there.
            space = "" if line[known.end() :] or known[3] != ":" else " "
            lines.append(f"{known[0]}{space}${{{value}}}")
        elif not line.strip():
            if not (lines and not lines[-1].strip() and number > 1):
                lines.append("")
        elif not message and not any("${" in before for before in lines):
            message = True
            lines.append(re.match(r"\s*", line)[0] + "${message}")  # type: ignore[index]
    return tuple(lines)


def _quotes(document: ast.expr, source: str) -> str:
    text = (ast.get_source_segment(source, document) or '"""').lstrip("rRuU")
    return next((quotes for quotes in ('"""', "'''") if text.startswith(quotes)), text[:1])


def _preamble(tree: ast.Module, lines: Sequence[str]) -> tuple[str, ...]:
    """The comment block above the first statement (a licence, a coding line), without what hangs on the statement."""
    end = tree.body[0].lineno - 1 if tree.body else len(lines)
    above = [line.rstrip() for line in lines[:end]]
    while above and not above[-1]:
        above.pop()
    return tuple(above) if all(not line or line.startswith("#") for line in above) else ()


def _imports(tree: ast.Module, lines: Sequence[str]) -> tuple[str, ...]:
    kept: list[str] = []
    last = 0
    for node in tree.body:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        module = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
        end = node.end_lineno or node.lineno
        if module.split(".")[0] in _COMMON and not (isinstance(node, ast.ImportFrom) and node.level):
            if kept and last and any(not line.strip() for line in lines[last : node.lineno - 1]):
                kept.append("")
            kept += [line.rstrip() for line in lines[node.lineno - 1 : end]]
        last = end
    return tuple(kept)


def _gaps(tree: ast.Module, lines: Sequence[str], document: ast.expr | None, first: int) -> tuple[int, int]:
    """The empty lines around the imports, ``first`` being the line where the ids begin; Alembic's own where something
    else stands between."""
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)) and node.lineno < first]
    if not imports:
        return GAPS

    def between(begin: int | None, end: int, usual: int) -> int:
        found = lines[begin : end - 1] if begin is not None else ["x"]
        return min(len(found), 2) if not "".join(found).strip() else usual

    above = document.end_lineno if document else None
    return between(above, imports[0].lineno, GAPS[0]), between(imports[-1].end_lineno, first, GAPS[1])


def _identifiers(tree: ast.Module) -> tuple[tuple[tuple[str, str], ...], int]:
    """The assignments of the ids as (name, annotation) in their order, and the line of the first."""
    found: list[tuple[str, str]] = []
    first = 0
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(target, ast.Name) and target.id in IDENTIFIERS:
            annotation = ast.unparse(node.annotation) if isinstance(node, ast.AnnAssign) else ""
            found.append((target.id, annotation))
            first = first or node.lineno
    return tuple(found) or IDENTIFIERS_OF_ALEMBIC, first


def _comment_above(lines: Sequence[str], line: int) -> str:
    above = lines[line - 2].strip() if line >= 2 else ""
    # A commented "Create Date: …" block directly above belongs to that revision, not to the project.
    return above if above.startswith("#") and ":" not in above else ""


def _signature(function: ast.FunctionDef | None) -> str:
    if function is None:
        return ""
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"def {function.name}({ast.unparse(function.args)}){returns}:"


def _own_docstring(function: ast.FunctionDef | None, source: str) -> str:
    """The function's docstring where it is a set phrase of one line; a text about this revision is not taken over."""
    if function is None or ast.get_docstring(function) is None or not isinstance(function.body[0], ast.Expr):
        return ""
    text = ast.get_source_segment(source, function.body[0]) or ""
    phrase = (ast.get_docstring(function) or "").lower()
    return text if "\n" not in text and re.fullmatch(r"(upgrade|downgrade)\b[\w ]{0,30}\.?", phrase) else ""


def _preferred_quote(source: str) -> str:
    single = double = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.STRING:
                text = token.string.lstrip("rRbBuUfF")
                if not text.startswith(('"""', "'''")):
                    single += text.startswith("'")
                    double += text.startswith('"')
    except (tokenize.TokenError, SyntaxError):
        return "'"
    return '"' if double > single else "'"
