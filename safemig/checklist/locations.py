"""Where the things that items name are found at one moment: facts, taken alike before the change and after it.

The places of a thing map an id ("table course_rating", "app/models.py: Course.ratings") to a definition, so that what
is new can be told from what was there and from what changed. None says "could not look", {} says "looked, not there".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from checks.schema.snapshot import LONGEST_NAME, Snapshot
from checks.source import symbols
from safemig.checklist.definitions import squeezed
from safemig.checklist.references import Thing

Places = dict[str, str]
World = dict[str, Places | None]

USED = "used in "  # before the id of a place that only uses a name
IMPORTED = "import"  # what is shown of such a place where the file imports the name
ELSEWHERE = "elsewhere "  # before the id of a column whose table the item does not name
_BLANK = r"(?:x{2,}|<[^>]+>|\{[^}]+\}|\[[^\]]+\]|\.{3}|…|\*|#+|rev(?:ision)?(?:_id)?|hash|y{4}[ymdhs_-]*|n{3,}|0{3,})"
TESTS = re.compile(r"(?:^|/)(?:tests?/|test_[^/]*$|conftest\.py$)|_test\.py$")
_MAKEFILE = re.compile(r"(?:^|/)(?:GNUm|M|m)akefile$|\.mk$")
_COMPUTED = re.compile(r"^(?!\s)[^#:=\n]*[$%][^#:=\n]*:(?!=)|^-?include\s", re.M)  # rules that only make can name
_PACKAGES = re.compile(r"(?:^|/)(?:pyproject\.toml|requirements[^/]*\.(?:txt|in)|requirements/[^/]+\.(?:txt|in))$")
_LAST = re.compile(r'(?:"(?:[^"]|"")*"|[^".]+)$')
_SHOWN_WITH = frozenset({"column", "constraint", "trigger", "policy"})  # with its table, by `\\d`
_OWNED = frozenset({"constraint", "trigger", "policy", "rule"})  # their keys have the table in front of the name
_SINGLE = re.compile(r"(?P<kind>PRIMARY KEY|UNIQUE|FOREIGN KEY) \((?P<column>[^,()]+)\)(?P<rest>.*)", re.S)
_PREFIX = re.compile(r"(?:/api)?(?:/v\d+)?")


@dataclass(frozen=True)
class Sources:
    """What is looked into. ``schema``, ``operations`` and ``heads`` are None when they could not be read; ``heads`` are
    the code's heads where the database is at them, () where it is not."""

    tree: symbols.Tree
    schema: Snapshot | None = None
    operations: tuple[str, ...] | None = None
    heads: tuple[str, ...] | None = None
    revisions: Mapping[str, str] = field(default_factory=dict)


def look(things: Sequence[Thing], sources: Sources) -> World:
    """The places of every thing, by its key."""
    looker = _Looker(sources)
    kinds: Mapping[str, Callable[[Thing], Places | None]] = {
        "file": looker.files,
        "folder": looker.folders,
        "name": looker.names,
        "symbol": looker.symbols_of,
        "object": looker.relations,
        "clause": looker.clauses,
        "endpoint": looker.endpoints,
        "target": looker.targets,
        "package": looker.packages,
        "revision": looker.revisions,
    }
    return {thing.key: kinds[thing.kind](thing) for thing in things}


def same_file(said: str, made: str) -> bool:
    """Whether the path of an item means that file: the same end, placeholders for what only the run could know."""
    own, other = PurePosixPath(said.removeprefix("./")), PurePosixPath(made)
    folders = own.parts[:-1]
    if folders and other.parts[-len(own.parts) : -1] != folders:
        return False
    if own.name == other.name:
        return True
    blank = re.match(rf"{_BLANK}(?:[-_]{_BLANK})*[-_]", own.name, re.I)
    if not blank or own.suffix != other.suffix:
        return False
    slug = own.stem[blank.end() :]
    return bool(slug) and re.search(rf"[-_]{re.escape(slug)}\Z", other.stem) is not None


def definition(value: Mapping[str, object]) -> str:
    """One catalog object in a line, in PostgreSQL's words: "smallint not null default 5"."""
    words = [str(value.get("type", ""))] if "type" in value else []
    words += ["not null"] if value.get("not_null") else []
    words += [f"default {value['default']}"] if "default" in value else []
    left = {key: each for key, each in value.items() if key not in {"type", "not_null", "default", "position"}}
    return " ".join([*words, *(f"{each}" if key == "definition" else f"{key} {each}" for key, each in left.items())])


@dataclass
class _Looker:
    """One look: each file is read and parsed at most once."""

    sources: Sources
    parsed: dict[str, symbols.Module | None] = field(default_factory=dict)
    texts: dict[str, str | None] = field(default_factory=dict)

    def files(self, thing: Thing) -> Places | None:
        tree = self.sources.tree
        places = {file: tree.digest(file) for file in tree.files if same_file(thing.name, file)}
        found = {file: digest for file, digest in places.items() if digest}
        return found if found or tree.complete else None

    def folders(self, thing: Thing) -> Places | None:
        wanted = PurePosixPath(thing.name).parts
        found: Places = {}
        for file in self.sources.tree.files:
            parts = PurePosixPath(file).parts[:-1]
            for end in range(len(wanted), len(parts) + 1):
                if parts[end - len(wanted) : end] == wanted:
                    found["/".join(parts[:end]) + "/"] = ""
        return found if found or self.sources.tree.complete else None

    def names(self, thing: Thing) -> Places | None:
        """A database object, a column beside its table, or a symbol: what a plain name may mean."""
        looked = self.symbols_of(thing) if _is_symbol(thing) else {}
        objects = self._objects(thing)
        if looked and (not objects or any(not place.startswith(USED) for place in looked)):
            return {**looked, **(objects or {})}
        if objects or (objects is not None and looked is not None):
            return objects
        return looked if _is_class(thing.name) and objects is None else None

    def _objects(self, thing: Thing) -> Places | None:
        exact = _is_class(thing.name)  # `Course` is not the table course
        # PostgreSQL cuts longer names.
        wanted = (thing.name if exact else thing.name.lower()).encode()[:LONGEST_NAME].decode(errors="ignore")
        wanted = thing.name.lower() if "." in thing.name else wanted
        columns = {f"{beside.lower()}.{wanted}" for beside in thing.beside}

        def fits(kind: str, name: str) -> bool:
            plain = name if exact else name.lower()
            if kind == "column":
                return plain == wanted if "." in wanted else plain in columns
            last = _LAST.search(plain)
            own = last is not None and last[0].strip('"') == wanted
            return plain == wanted or (kind in _OWNED and own) or plain.partition("(")[0] == wanted

        found = self._catalog(fits)
        if found or found is None or exact:
            return found
        others = self._catalog(lambda kind, name: kind == "column" and name.lower().rpartition(".")[2] == wanted)
        return {f"{ELSEWHERE}{place}": shown for place, shown in (others or {}).items()}

    def relations(self, thing: Thing) -> Places | None:
        """A relation of that name, and behind it what stands on it, as ``\\d`` shows both."""
        wanted = thing.name.lower()
        found = self._catalog(lambda kind, name: kind not in {"column", *_OWNED} and name.lower() == wanted)
        if not found:
            return found
        own = self._catalog(lambda kind, name: kind in _SHOWN_WITH and name.lower().rpartition(".")[0] == wanted) or {}
        indexes = self._catalog(lambda kind, _: kind == "index") or {}
        on = re.compile(rf" ON (?:\w+\.)?\"?{re.escape(wanted)}\"? ", re.I)
        return {**found, **own, **{place: shown for place, shown in indexes.items() if on.search(shown)}}

    def clauses(self, thing: Thing) -> Places | None:
        wanted = squeezed(thing.name)
        whole = wanted.startswith("check")  # one condition more is another check
        schema = self.sources.schema
        if schema is None:
            return None
        return {
            identity: shown
            for identity, shown in (self._catalog(lambda kind, _: kind == "constraint") or {}).items()
            if (squeezed(shown) == wanted if whole else squeezed(shown).startswith(wanted))
        }

    def _catalog(self, fits: Callable[[str, str], bool]) -> Places | None:
        schema = self.sources.schema
        if schema is None:
            return None
        found: Places = {}
        for key, value in schema.objects.items():
            kind, _, name = key.partition(" ")
            plain = name.removeprefix("public.")
            if fits(kind, plain):
                found[f"{kind} {plain}"] = definition(value)
        columns = {place.removeprefix("column "): place for place in found if place.startswith("column ")}
        for name, clause in _of_one_column(schema) if columns else ():
            if name in columns:
                found[columns[name]] += f" {clause}"
        return found

    def symbols_of(self, thing: Thing) -> Places | None:
        """Where the symbol is defined, or only used, in the files that the item names (else outside the tests)."""
        module, bare = _module(thing.name)
        found: Places = {}
        unread = False
        last = thing.name.rpartition(".")[2]
        word = re.compile(rf"\b{re.escape(last)}\b")
        for file in self._searched(thing):
            text = self._text(file)
            if text is not None and not (last in text and word.search(text)):
                continue
            known = self._parsed(file)
            if known is None:
                unread = True
                continue
            inside = bool(module) and file.removesuffix(".py").endswith(module)
            for name, kind in known.defined.items():
                if _means(thing, name, kind) or (inside and name == bare):
                    found[f"{file}: {name}"] = kind
            # Types and the like are used everywhere; a lower-case name that is only used is simply not there.
            if _is_class(last) and last in known.used and not any(place.startswith(f"{file}: ") for place in found):
                found[f"{USED}{file}: {last}"] = IMPORTED if last in known.imported else ""
        return found if found or not (unread or not self.sources.tree.complete) else None

    def _searched(self, thing: Thing) -> list[str]:
        """The Python files in which the symbol is looked for."""
        python = [file for file in self.sources.tree.files if file.endswith(".py")]
        if thing.where:
            return [file for file in python if any(same_file(name, file) for name in thing.where)]
        return [file for file in python if not TESTS.search(file)]

    def _text(self, file: str) -> str | None:
        if file not in self.texts:
            self.texts[file] = self.sources.tree.text(file)
        return self.texts[file]

    def _parsed(self, file: str) -> symbols.Module | None:
        if file not in self.parsed:
            text = self._text(file)
            self.parsed[file] = None if text is None else symbols.module(text)
        return self.parsed[file]

    def endpoints(self, thing: Thing) -> Places | None:
        if self.sources.operations is None:
            return None
        method, _, path = thing.name.rpartition(" ")
        return {operation: "" for operation in self.sources.operations if _same_operation(method, path, operation)}

    def targets(self, thing: Thing) -> Places | None:
        found = self._declared(_MAKEFILE, thing.name, lambda _, text: symbols.make_targets(text))
        makefiles = (self._text(file) or "" for file in self.sources.tree.files if _MAKEFILE.search(file))
        computed = not found and any(_COMPUTED.search(text) for text in makefiles)
        return None if computed else found

    def packages(self, thing: Thing) -> Places | None:
        return self._declared(_PACKAGES, thing.name, symbols.packages)

    def _declared(
        self, files: re.Pattern[str], name: str, read: Callable[[str, str], frozenset[str] | None]
    ) -> Places | None:
        found: Places = {}
        unread = False
        for file in (each for each in self.sources.tree.files if files.search(each)):
            text = self._text(file)
            names = None if text is None else read(file, text)
            unread = unread or names is None
            if names and name in names:
                found[f"{file}: {name}"] = ""
        return found if found or not unread else None

    def revisions(self, thing: Thing) -> Places | None:
        if thing.name == "files":
            return {f"revision {revision}": file for revision, file in self.sources.revisions.items()}
        heads = self.sources.heads
        if heads is None:
            return None
        named = (head for head in heads if thing.name in (head, "head", "heads"))
        return {f"revision {head}": "" for head in named}


def _of_one_column(schema: Snapshot) -> Iterator[tuple[str, str]]:
    """("course_rating.id", "primary key"): constraints of one column, which people write as the column's own."""
    for key, value in schema.objects.items():
        kind, _, name = key.partition(" ")
        match = _SINGLE.match(str(value.get("definition", ""))) if kind == "constraint" else None
        if match:
            table = name.removeprefix("public.").rpartition(".")[0]
            yield f"{table}.{match['column']}", f"{match['kind'].lower()}{match['rest']}".replace("foreign key ", "")


def _is_class(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last[:1].isupper() and not last.isupper()


def _is_symbol(thing: Thing) -> bool:
    """Whether a plain name may be looked for in Python: any in a named file, else a class or what is beside one."""
    return bool(thing.where) or any(_is_class(part) for name in (thing.name, *thing.beside) for part in name.split("."))


def _module(name: str) -> tuple[str, str]:
    """ "app.models.Course" -> ("app/models", "Course")."""
    head, _, last = name.rpartition(".")
    return head.replace(".", "/"), last


def _means(thing: Thing, name: str, kind: symbols.Kind) -> bool:
    """Whether an item's symbol is the one that a file defines as ``name``."""
    if "." in thing.name:
        return name == thing.name or name.endswith(f".{thing.name}")
    owner, _, last = name.rpartition(".")
    if last != thing.name:
        return False
    if not owner:
        return bool(thing.where) or thing.kind == "symbol" or (_is_class(name) and kind != "variable")
    # A member counts for the class that is named beside it, if one is.
    classes = [beside.rpartition(".")[2] for beside in thing.beside if _is_class(beside)]
    return owner.rpartition(".")[2] in classes if classes else bool(thing.where) or kind in {"class", "method"}


def _same_operation(method: str, path: str, operation: str) -> bool:
    known, _, template = operation.partition(" ")
    if method and method != known:
        return False
    wanted, found = _shape(path), _shape(template)
    if wanted == found:
        return True
    return wanted != "/" and found.endswith(wanted) and bool(_PREFIX.fullmatch(found.removesuffix(wanted)))


def _shape(path: str) -> str:
    """The path with its parameters nameless, however they are written: {id}, :id, <int:id>."""
    parts: Iterator[str] = (re.sub(r"^(?:\{[^}]*\}|:\w+|<[^>]*>|\[[^\]]*\])$", "{}", part) for part in path.split("/"))
    return "/".join(parts).rstrip("/") or "/"
