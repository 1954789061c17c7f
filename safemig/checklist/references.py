"""What the code spans of checklist items name. Only code is read, whatever language the words around it are in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from safemig.plan_document.document import Item

# Words that SQL and its types own: as a code span they name nothing that a run makes.
_SQL_WORDS = frozenset({
    "add", "alter", "and", "array", "as", "asc", "bigint", "bigserial", "boolean", "bytea", "cascade", "char",
    "character", "check", "column", "constraint", "create", "current_timestamp", "date", "default", "delete", "desc",
    "drop", "false", "foreign", "foreign key", "index", "int", "integer", "interval", "json", "jsonb", "key", "no",
    "not", "null", "numeric", "on", "precision", "double", "primary", "real", "references", "restrict", "serial",
    "set", "smallint", "smallserial", "table", "text", "time", "timestamp", "timestamptz", "true", "unique", "update",
    "uuid", "varchar", "varying", "with", "without", "zone", "action",
})  # fmt: skip
_TOOLS = frozenset({
    "make", "alembic", "pytest", "docker", "docker-compose", "uv", "python", "python3", "poetry", "psql", "pip", "curl",
    "ruff", "mypy",
})  # fmt: skip
ALONE = frozenset({"pytest", "tox"})
_WORD = r"[\w.…<>{}\[\]*#-]+"
_SUFFIX = (
    r"py|pyi|sql|toml|ya?ml|md|rst|txt|ini|cfg|json|sh|mako|html|css|jsx?|tsx?|vue|csv|conf|service|lock|Dockerfile"
)
_BARE = r"(?:GNUm|M|m)akefile|Dockerfile|Containerfile|Procfile|\.env(?:\.\w+)?|\.(?:git|docker)ignore"
_PATH = re.compile(rf"(?:\./|\.)?{_WORD}(?:/{_WORD})+/?|{_WORD}/|{_WORD}\.(?:{_SUFFIX})|{_BARE}")
_KNOWN_FILE = re.compile(rf".*\.(?:{_SUFFIX})|(?:.*/)?(?:{_BARE})", re.S)
_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*){0,4}")
_DEFINITION = re.compile(r"(class|def|async\s+def)\s+([^\W\d]\w*)\s*(?:\(.*\))?\s*(?:->.*)?:?", re.S)
_CALL = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)\(\s*\)")
_IN_FILE = re.compile(rf"({_WORD}(?:/{_WORD})*\.py)::?([^\W\d]\w*(?:(?:::|\.)[^\W\d]\w*)*)(?:\(\))?")
_ENDPOINT = re.compile(r"(?:(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\s+)?(?:https?://[^/\s]+)?(/[^\s?#]*)(?:[?#]\S*)?")
_PACKAGE = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[\w,. -]+\])?\s*(?:===|==|>=|~=|<=|!=|<|>|\^)\s*\d[\w.*, <>=!~]*")
_MAYBE_PACKAGE = re.compile(r"[A-Za-z0-9][\w.-]*(?:\[[\w,. -]+\])?")
_DESCRIBE = re.compile(r"\\d[a-zA-Z]*\+?\s+(\S+)")
_INSTALL = re.compile(r"\b(?:uv\s+add|uv\s+pip\s+install|poetry\s+add|pip3?\s+install)\s+(.+)")
_CLAUSE = re.compile(r"(?:UNIQUE|PRIMARY\s+KEY|FOREIGN\s+KEY|CHECK)\s*\(.+", re.I | re.S)


@dataclass(frozen=True)
class Thing:
    """One thing that can be looked up.

    ``kind``: file, folder, name (a database object, column or symbol), symbol, object, clause, endpoint, target,
    package or revision. ``where`` are the Python files to look in ("" all), ``beside`` the other names of the item.
    """

    kind: str
    name: str
    where: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What the thing is called among the places of one moment."""
        return " ".join((self.kind, self.name, *(f"in:{one}" for one in self.where), *(f"by:{b}" for b in self.beside)))


@dataclass(frozen=True)
class Span:
    """One code span. ``kind`` is a Thing's, or neutral, command or unknown; ``strict`` says that the code alone makes
    plain what must be there, so that its absence disproves."""

    text: str
    kind: str
    thing: Thing | None = None
    strict: bool = False


@dataclass(frozen=True)
class Named:
    """What one item names."""

    item: Item
    spans: tuple[Span, ...]

    @property
    def things(self) -> tuple[Thing, ...]:
        """Everything of it that can be looked up."""
        return tuple(span.thing for span in self.spans if span.thing)


def named(item: Item) -> Named:
    """What the item's code spans name."""
    codes = [code.strip() for code in item.codes]
    files = tuple(code.removeprefix("./") for code in codes if is_file(code))
    python = tuple(dict.fromkeys(file for file in files if file.endswith(".py")))
    plain = [code for code in codes if _NAME.fullmatch(code) and not is_neutral(code) and not is_file(code)]
    names = tuple(dict.fromkeys(_plain(code) for code in plain))
    alembic = any(is_command(code) and "alembic" in code for code in codes)
    spans = []
    for code in codes:
        others = tuple(name for name in names if name != _plain(code))
        spans.append(_span(code, files, python, others, alembic=alembic))
    return Named(item, tuple(spans))


def things_of(items: Iterable[Item]) -> tuple[Thing, ...]:
    """Everything that these items name and that can be looked up, each once."""
    return tuple({thing.key: thing for item in items for thing in named(item).things}.values())


def is_file(code: str) -> bool:
    """Whether the code is a path of a file that a project could hold."""
    return bool(_PATH.fullmatch(code)) and bool(_KNOWN_FILE.fullmatch(code)) and not code.startswith("/")


def is_neutral(code: str) -> bool:
    """Whether the code is made of SQL's own words and literals: it names nothing by itself."""
    words = [word for word in re.split(r"[\s(),]+", code.lower()) if word]
    return all(word in _SQL_WORDS or re.fullmatch(r"[\d.'\"+-]+|\[[ x]\]", word) for word in words)


def is_command(code: str) -> bool:
    """Whether the code is a command line."""
    words = code.lower().split()
    return bool(words) and (words[0] in _TOOLS | ALONE | {"cd"} or "&&" in words)


def _plain(code: str) -> str:
    return code.removeprefix("public.")


def _span(
    code: str, files: tuple[str, ...], python: tuple[str, ...], others: tuple[str, ...], *, alembic: bool = False
) -> Span:
    if not code or is_neutral(code):
        return Span(code, "neutral")
    if alembic and re.fullmatch(r"\(?heads?\)?|[0-9a-f]{12}", code):
        return Span(code, "revision", Thing("revision", code.strip("()")))
    manifest = any(file.rpartition("/")[2] == "pyproject.toml" or "requirements" in file for file in files)
    if code in _TOOLS | ALONE and manifest:
        return Span(code, "package", Thing("package", _distribution(code)), strict=True)
    if is_command(code):
        return _command(code)
    if match := _DESCRIBE.fullmatch(code):
        return Span(code, "object", Thing("object", _plain(match[1].strip('";'))), strict=True)
    match = _PACKAGE.fullmatch(code)
    if match and (manifest or " " not in code):  # `rating >= 1` is a condition
        return Span(code, "package", Thing("package", _distribution(match[1])), strict=manifest)
    if match := _ENDPOINT.fullmatch(code):
        return Span(code, "endpoint", Thing("endpoint", f"{match[1] or ''} {match[2]}".strip()), strict=bool(match[1]))
    return _code(code, python, others) or _place(code, files, manifest=manifest) or _name(code, python, others)


def _command(code: str) -> Span:
    """A command; its thing is the effect by which one that writes is proved."""
    if match := re.search(r"""\\d[a-zA-Z]*\+?\s+([^\s"';]+)""", code) if code.startswith("psql") else None:
        return Span(code, "object", Thing("object", _plain(match[1])), strict=True)
    if re.search(r"\balembic\b.*\b(?:upgrade\s+heads?|current)\b", code):
        return Span(code, "command", Thing("revision", "heads"))
    if re.search(r"\balembic\b.*\b(?:revision|heads)\b", code):
        return Span(code, "command", Thing("revision", "files"))
    if match := _INSTALL.search(code):
        words = [word for word in match[1].split() if not word.startswith("-")]
        if len(words) == 1 and _MAYBE_PACKAGE.match(words[0]):
            return Span(code, "command", Thing("package", _distribution(words[0])))
    words = code.split()
    if len(words) == 2 and words[0] == "make" and re.fullmatch(r"[A-Za-z0-9_][\w.-]*", words[1]):
        return Span(code, "command", Thing("target", words[1]), strict=True)
    return Span(code, "command")


def _distribution(text: str) -> str:
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", text.strip("\"'"))
    return re.sub(r"[-_.]+", "-", match[0] if match else text).lower()


def _code(code: str, python: tuple[str, ...], others: tuple[str, ...]) -> Span | None:
    """A symbol that is written as one: ``class X``, ``def f(a)``, ``f()``, ``app/models.py::X``."""
    if match := _DEFINITION.fullmatch(code):
        return Span(code, "symbol", Thing("symbol", match[2], python, others), strict=True)
    if match := _IN_FILE.fullmatch(code):
        return Span(code, "symbol", Thing("symbol", match[2].replace("::", "."), (match[1],)), strict=True)
    if match := _CALL.fullmatch(code):
        return Span(code, "symbol", Thing("symbol", match[1], python, others), strict=bool(python))
    return None


def _place(code: str, files: tuple[str, ...], *, manifest: bool) -> Span | None:
    """A file or folder, and what an item names beside a Makefile or a list of packages."""
    if is_file(code):
        return Span(code, "file", Thing("file", code.removeprefix("./")), strict=True)
    if _PATH.fullmatch(code) and not code.startswith("/"):
        kind = "folder" if code.endswith("/") else "file"
        return Span(code, kind, Thing(kind, code.removeprefix("./")))
    if any(re.fullmatch(r"(?:GNUm|M|m)akefile", file.rpartition("/")[2]) for file in files):
        return Span(code, "target", Thing("target", code), strict=True) if re.fullmatch(r"[\w.-]+", code) else None
    if manifest and len(files) == 1 and _MAYBE_PACKAGE.fullmatch(code):
        return Span(code, "package", Thing("package", _distribution(code)), strict=True)
    return None


def _name(code: str, python: tuple[str, ...], others: tuple[str, ...]) -> Span:
    if _NAME.fullmatch(code):
        # A class in a file that is named beside it must be there; any other name may be many things.
        strict = bool(python) and code[:1].isupper() and not code.isupper()
        return Span(code, "name", Thing("name", _plain(code), python, others), strict)
    if _CLAUSE.fullmatch(code):
        return Span(code, "clause", Thing("clause", code, (), others))
    return Span(code, "unknown")


_PRINTERS = frozenset({"print", "len", "str", "repr", "sorted", "hasattr"})
_REBINDS = (
    ast.NamedExpr, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Await, ast.Yield,
    ast.YieldFrom, ast.Starred,
)  # fmt: skip


def only_looks(code: str) -> bool:
    """Whether ``python -c`` code does no more than import, assert and print, with no name that means something else."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(body) and all(map(_only_prints, body))


def _only_prints(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    prints = isinstance(call, ast.Call) and ast.unparse(call.func) == "print"
    if not (prints or isinstance(statement, (ast.Import, ast.ImportFrom, ast.Assert))):
        return False
    within = [*ast.walk(statement)]
    calls = [node for node in within if isinstance(node, ast.Call)]
    # A keyword may be a function to call (key=) or a file to write to (file=).
    if any(ast.unparse(node.func) not in _PRINTERS or node.keywords for node in calls):
        return False
    # What the environment holds may be a secret, and the log keeps what is printed.
    if any(isinstance(node, ast.Attribute) and node.attr.startswith("environ") for node in within):
        return False
    bound = {node.asname or node.name for node in within if isinstance(node, ast.alias)}
    taken = bound & {*_PRINTERS, "*", "__builtins__", "environ"}
    return not taken and not any(isinstance(node, _REBINDS) for node in within)
