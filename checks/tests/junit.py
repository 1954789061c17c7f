"""A JUnit XML file read as what it is: untrusted, streamed, without document type or entities."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from checks.text import plain

LARGEST = 64 * 1024 * 1024  # bytes; pytest writes about 200 a test that passed
NAMES = 2000


class _Parser(Protocol):
    def feed(self, data: bytes) -> None: ...
    def close(self) -> object: ...


@dataclass
class Junit:
    """The counts of all <testcase> elements, and the failed ones as classname::name."""

    tests: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    failed_tests: list[str] = field(default_factory=list)
    error_places: list[tuple[str, str]] = field(default_factory=list)


class Refused(ValueError):
    """The file is no JUnit XML that may be read; the text says why."""


def read_junit(path: Path) -> Junit:
    """Read the file at ``path``. Raises OSError, or Refused when it is too large, malformed or declares a type."""
    from xml.etree.ElementTree import ParseError, XMLParser

    size = path.stat().st_size
    if size > LARGEST:
        raise Refused(f"{size} bytes, more than {LARGEST}")
    target = _Target()
    parser: _Parser = XMLParser(target=target)
    try:
        with path.open("rb") as file:
            while piece := file.read(65536):
                parser.feed(piece)
        parser.close()
    except (ParseError, LookupError, ValueError) as wrong:
        raise Refused(plain(str(wrong), 200)) from wrong
    if target.root not in ("testsuite", "testsuites"):
        raise Refused(f"the root element is <{plain(target.root, 40)}>, not <testsuites>")
    return target.read


class _Target:
    """What the parser calls: keeps counts and names, no tree."""

    def __init__(self) -> None:
        self.read = Junit()
        self.root = ""
        self._case = ""

    def doctype(self, *_: object) -> None:
        # Called before any entity could be declared, let alone expanded.
        raise Refused("it declares a document type")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.root = self.root or tag
        read = self.read
        if tag == "testcase":
            read.tests += 1
            owner, name = attributes.get("classname", ""), attributes.get("name", "")
            self._case = plain(f"{owner}::{name}" if owner else name, 500)
        elif not self._case:
            return
        elif tag == "failure":
            read.failed += 1
            if len(read.failed_tests) < NAMES:
                read.failed_tests.append(self._case)
        elif tag == "error":
            read.errors += 1
            if len(read.error_places) < NAMES:
                read.error_places.append((self._case, plain(attributes.get("message", ""), 800)))
        elif tag == "skipped":
            read.skipped += 1

    def end(self, tag: str) -> None:
        if tag == "testcase":
            self._case = ""

    def data(self, data: str) -> None:
        """Texts are not needed."""

    def close(self) -> None:
        """Nothing is built."""
