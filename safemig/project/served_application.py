"""The application that a server is to serve: found by its assignment in the code, which is read and never imported."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from safemig.base.files import head
from safemig.project.files import ASIDE
from safemig.project.python_tool import declared_in

_ASGI = frozenset(("FastAPI", "Starlette", "Litestar", "Quart"))
_WSGI = frozenset(("Flask",))
_MADE = re.compile(rf"\b(?:{'|'.join(sorted(_ASGI | _WSGI))})\(")
_UVICORN = re.compile(r"\buvicorn\b|\bfastapi\[(?:[\w,-]*,)?(?:standard|all)\b", re.I)
_FILES = 2_000
_DEPTH = 4


class Unserved(Exception):
    """Nothing decides how the service is started; says what was looked at."""


def server_line(folder: Path, declaring: Path, url: str) -> str:
    """The line that serves the only application below ``folder`` on the port of ``url``. Raises Unserved."""
    where, kind = _application(folder)
    port = urlsplit(url).port or (5000 if kind in _WSGI else 8000)
    if kind in _WSGI:
        return f"flask --app {where} run --port {port}"
    if not any(_UVICORN.search(text) for text in declared_in((folder, declaring))):
        raise Unserved(f"{where} is the application, but no server (uvicorn) is declared that serves it")
    return f"uvicorn {where} --host 127.0.0.1 --port {port}"


def _application(folder: Path) -> tuple[str, str]:
    """``module:name`` of the application and what makes it."""
    if told := _entrypoint(folder):
        return told, "FastAPI"
    found = list(_assigned(folder))
    if len(found) == 1:
        return found[0]
    if not found:
        raise Unserved("no module assigns an application (FastAPI, Starlette, Flask), so what starts it is not known")
    names = ", ".join(where for where, _ in found[:5])
    raise Unserved(f"several modules assign an application ({names}), so which one is served is not known")


def _entrypoint(folder: Path) -> str:
    try:
        tools = tomllib.loads(head(folder / "pyproject.toml", 1_000_000)).get("tool", {})
        return str(tools.get("fastapi", {}).get("entrypoint", ""))
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return ""


def _assigned(folder: Path) -> Iterator[tuple[str, str]]:
    for path in _modules(folder):
        text = head(path)
        if not _MADE.search(text):
            continue
        module = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        found = [pair for node in tree.body for pair in _calls(node)]
        yield from ((f"{module}:{name}", kind) for name, kind in found if kind in _ASGI | _WSGI)


def _calls(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """The names that a statement assigns the result of a call to, with what is called."""
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(node.value, ast.Call):
        return
    kind = ast.unparse(node.value.func).rpartition(".")[2]
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            yield target.id, kind


def _modules(folder: Path) -> Iterator[Path]:
    """The Python files of the service; not its tests, examples, revisions and environments."""
    waiting = [(folder, 0)]
    count = 0
    while waiting:
        place, depth = waiting.pop(0)
        entries = sorted(place.iterdir()) if place.is_dir() else []
        for path in entries:
            if path.is_file() and path.suffix == ".py" and not path.name.startswith("test_"):
                count += 1
                yield path
            elif path.is_dir() and not path.is_symlink() and depth < _DEPTH and _is_code(path):
                waiting.append((path, depth + 1))
            if count >= _FILES:
                return


def _is_code(path: Path) -> bool:
    aside = path.name.startswith(".") or path.name.lower() in ASIDE or not path.name.isidentifier()
    return not (aside or (path / "pyvenv.cfg").exists() or (path / "script.py.mako").exists())
