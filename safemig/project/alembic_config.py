"""Finds Alembic's migration trees: ini files, pyproject.toml, Flask-Migrate's folder. Executes nothing."""

from __future__ import annotations

import ast
import configparser
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from safemig.base.files import head
from safemig.project.constants import Constants
from safemig.project.files import Found, find_files

_DUMMY = re.compile(r"^driver://|^\s*$")
_ENV_SIZE = 262_144
_REPLACED = 1_000
_OWN_TABLE = ("version_table", "version_table_schema")


@dataclass(frozen=True)
class AlembicTree:
    """One tree of revisions.

    ``ini`` is the file that configures it (alembic.ini, pyproject.toml, or env.py itself where no file does);
    ``section`` its section there. ``file_template`` is Alembic's with single %: "%(rev)s_%(slug)s", None when not
    set. ``url`` is the ini's sqlalchemy.url without its password ("" when none or a dummy). ``hooks`` are the names of
    the programs that Alembic runs on each revision file that it writes. ``unread`` are what env.py gives Alembic for
    its own table by expressions that nothing but running it would tell, each with its place: ("version_table",
    "alembic/env.py:12").
    """

    ini: Path
    section: str
    script_location: Path
    versions: tuple[Path, ...]
    recursive: bool = False
    file_template: str | None = None
    timezone: str | None = None
    truncate_slug_length: int = 40
    version_table: str = "alembic_version"
    version_table_schema: str | None = None
    url: str = ""
    hooks: tuple[str, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Environment:
    """What env.py says by literals and by constants of the project; ``unread`` as above."""

    version_table: str = "alembic_version"
    version_table_schema: str | None = None
    unread: tuple[tuple[str, str], ...] = ()


def find_trees(root: Path, found: Found | None = None) -> tuple[AlembicTree, ...]:
    """Every tree below ``root``, those nearest to it first; broken configuration files are passed over."""
    files = found or find_files(root)
    trees: list[AlembicTree] = []
    for path in files.inis:
        for section, options in _sections(path):
            with suppress(OSError):  # a path that is too long for any file
                trees.extend(_tree(path, section, options, root))
    for path in files.pyprojects:
        options = _pyproject(path)
        if options:
            with suppress(OSError):
                trees.extend(_tree(path, "tool.alembic", options, root))
    known = {tree.script_location for tree in trees}
    for path in files.environments:
        if path.parent.resolve() not in known and (path.parent / "versions").is_dir():
            trees.extend(_tree(path, "", {"script_location": "%(here)s"}, root))
    return tuple(_merged(trees))


def _merged(trees: list[AlembicTree]) -> list[AlembicTree]:
    """Trees without doubles: pyproject.toml and an ini may describe the same one (the ini then gives the URL)."""
    kept: dict[tuple[Path, tuple[Path, ...]], AlembicTree] = {}
    for tree in trees:
        key = (tree.script_location, tree.versions)
        old = kept.get(key)
        if old is None:
            kept[key] = tree
        elif tree.ini.name == "pyproject.toml":
            kept[key] = replace(
                old,
                file_template=old.file_template or tree.file_template,
                timezone=old.timezone or tree.timezone,
                recursive=old.recursive or tree.recursive,
            )
    return list(kept.values())


def read_ini(path: Path) -> configparser.RawConfigParser | None:
    """The ini file without interpolation; None when it cannot be read or is broken."""
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(head(path), source=str(path))
    except (configparser.Error, ValueError):
        return None
    return parser


def option(parser: configparser.RawConfigParser, section: str, key: str, here: Path) -> str | None:
    """One option as Alembic reads it: %(here)s and %(other option)s replaced, %% as %."""
    if not parser.has_section(section):
        return None
    options = {**parser.defaults(), **dict(parser.items(section)), "here": str(here)}
    return _interpolated(options.get(key), options)


def _interpolated(
    value: str | None, options: Mapping[str, str], depth: int = 0, steps: Iterator[int] | None = None
) -> str | None:
    """``steps`` bounds the replacements: ten options that each name the next one eight times would be 8 to the 10th."""
    left = iter(range(_REPLACED)) if steps is None else steps
    if value is None or depth > 8:
        return value

    def one(found: re.Match[str]) -> str:
        if found.group() == "%%":
            return "%"
        if next(left, None) is None:
            return found.group()
        given = _interpolated(options.get(found.group(1)), options, depth + 1, left)
        return found.group() if given is None else given

    return re.sub(r"%%|%\(([^)]+)\)s", one, value)


def _sections(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    text = head(path)
    flask = path.name == "alembic.ini" and (path.parent / "env.py").is_file()
    if "script_location" not in text and not ("[alembic]" in text and flask):
        return
    parser = read_ini(path)
    for section in parser.sections() if parser else ():
        assert parser is not None
        keys = dict(parser.items(section))
        if "script_location" in parser.defaults() and section != "alembic" and "version_locations" not in keys:
            continue
        if "script_location" in keys or (section == "alembic" and flask):
            here = path.parent
            read = {key: option(parser, section, key, here) or "" for key in keys}
            # Flask-Migrate gives the folder itself
            hooks = option(parser, "post_write_hooks", "hooks", here) or ""
            yield section, {"script_location": str(here), **read, "hooks": hooks}


def _pyproject(path: Path) -> dict[str, str]:
    text = head(path, 1_000_000)
    if "[tool.alembic" not in text:
        return {}
    import tomllib

    try:
        table = tomllib.loads(text).get("tool", {}).get("alembic", {})
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return {}
    if not isinstance(table, dict) or "script_location" not in table:
        return {}
    options: dict[str, str] = {}
    for key, value in table.items():
        if key == "post_write_hooks":
            given = value if isinstance(value, list) else []
            options["hooks"] = " ".join(str(one.get("name", "")) for one in given if isinstance(one, dict))
        elif isinstance(value, list):
            options[key] = "\n".join(str(each) for each in value)
            options["path_separator"] = "newline"
        else:
            options[key] = str(value).lower() if isinstance(value, bool) else str(value)
    here = {"here": str(path.parent)}
    return {key: _interpolated(value, here) or "" for key, value in options.items()}


def _tree(path: Path, section: str, options: Mapping[str, str], root: Path) -> Iterator[AlembicTree]:
    options = {key: _interpolated(value, {"here": str(path.parent)}) or "" for key, value in options.items()}
    location = _located(options["script_location"], path.parent, root)
    if location is None:
        return
    if not location.is_dir() and (path.parent / "env.py").is_file() and (path.parent / "versions").is_dir():
        # The application gives the location itself (Litestar and others): the file then lies where the revisions are.
        location = path.parent.resolve()
    environment = _environment(location / "env.py", root)
    versions = _versions(options, path.parent, location, root)
    url = options.get("sqlalchemy.url", "").strip()
    real = not _DUMMY.match(url)
    yield AlembicTree(
        ini=path,
        section=section,
        script_location=location,
        versions=versions,
        recursive=_truth(options.get("recursive_version_locations", "")) or _nested(versions),
        file_template=options.get("file_template") or None,
        timezone=options.get("timezone") or None,
        truncate_slug_length=_length(options.get("truncate_slug_length", "")),
        version_table=environment.version_table,
        version_table_schema=environment.version_table_schema,
        url=_shown(url) if real else "",
        hooks=tuple(re.findall(r"[\w.-]+", options.get("hooks", ""))),
        unread=environment.unread,
    )


def _shown(url: str) -> str:
    from safemig.project.env_files import without_password

    return without_password(url) or ""


def _truth(word: str) -> bool:
    return word.strip().lower() in ("1", "true", "yes", "on")


def _length(word: str) -> int:
    return int(word) if word.strip().isdigit() else 40


def _located(word: str, folder: Path, root: Path) -> Path | None:
    """The folder that a script_location means: beside its file, below the root, or in a package."""
    word = word.strip()
    if not word:
        return None
    if ":" in word and not Path(word).is_absolute():
        package, _, inside = word.partition(":")
        tail = Path(*package.split(".")) / inside
        places = [base / tail for base in (folder, folder / "src", root, root / "src", *folder.parents)]
    else:
        places = [folder / word, root / word]
    real = [place.resolve() for place in places]
    below = [place for place in real if place.is_relative_to(root.resolve())]
    return next((place for place in below if place.is_dir()), below[0] if below else None)


def _versions(options: Mapping[str, str], folder: Path, location: Path, root: Path) -> tuple[Path, ...]:
    given = options.get("version_locations", "").strip()
    if not given:
        return (location / "versions",)
    separator = (options.get("path_separator") or options.get("version_path_separator") or "").split("#")[0].strip()
    if separator in ("space", ""):
        words = re.split(r", *|\s+", given)
    else:
        words = given.split({"os": os.pathsep, "newline": "\n"}.get(separator, separator))
    places = (_located(word, folder, root) for word in words if word.strip())
    return tuple(dict.fromkeys(place for place in places if place is not None))


def _nested(versions: tuple[Path, ...]) -> bool:
    """Whether revisions in sub-folders belong to the chain although the ini does not say so (some projects walk
    them in a command of their own). An archive of squashed revisions follows none that lies directly here."""
    for folder in versions:
        direct = {name for path in _python(folder, "*.py") for name in _ids(path, "revision")}
        for path in (*_python(folder, "*/*.py"), *_python(folder, "*/*/*.py")):
            follows = _ids(path, "down_revision")
            if (follows and not direct) or any(name in direct for name in follows):
                return True
    return False


def _python(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.name != "__init__.py")[:2000]


def _ids(path: Path, name: str) -> list[str]:
    match = re.search(rf"^{name}\b[^=\n]*=\s*(.+)$", head(path, 4096), re.M)
    return re.findall(r"[\"']([^\"']+)[\"']", match.group(1)) if match else []


def _environment(path: Path, root: Path) -> _Environment:
    try:
        tree = ast.parse(head(path, _ENV_SIZE))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Environment()
    told: dict[str, str] = {}
    unread: dict[str, str] = {}
    constants = Constants(tree, path, root)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for keyword in node.keywords if name == "configure" else ():
                if keyword.arg not in _OWN_TABLE or _is_none(keyword.value):
                    continue
                if text := constants.text(keyword.value):
                    told[keyword.arg] = text
                else:
                    unread[keyword.arg] = f"{_below(path, root)}:{keyword.value.lineno}"
    table, schema = told.get("version_table", "alembic_version"), told.get("version_table_schema")
    return _Environment(table, schema, tuple(unread.items()))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
