"""A shell line as simple commands, read by the grammar of Bash, or a doubt: what is not known here is never guessed.

The kinds of node that are read stand in one short list; every other kind, every error of the grammar and every
construct that Bash and a POSIX shell read differently is a doubt. Text that only the shell knows (variables, globs,
braces, substitutions) stands in a word as HOLE, so that no comparison with a known word succeeds by accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from safemig.shell.quoting import HOLE, Doubt, between_quotes, unquoted

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LONGEST = 8_000
# Writing to these changes nothing.
SINKS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})
_DEEPEST = 60


def names(text: str) -> frozenset[str]:
    """The words of ``text`` as a set: how the tables of known names are written."""
    return frozenset(text.split())


_GROUPS = names(
    "program list pipeline subshell compound_statement if_statement elif_clause else_clause while_statement do_group"
    " negated_command"
)
_TOKENS = names("; & && || | ( ) { } if then elif else fi while until do done ! for in") | {"\n"}
_WORDS = names("word number string raw_string concatenation simple_expansion expansion command_substitution") | names(
    "arithmetic_expansion variable_name test_operator"
)
_TEST_OPERATORS = names("= == != ! < > ( ) -a -o")
_ON_ONE_LINE = names(
    "command file_redirect redirected_statement test_command declaration_command unset_command negated_command"
)
_TEXT_TESTS = names("-f -d -e -s -r -w -x -z -n")
_OVERWRITES = names("> >| <>")
# ${NAME}, ${#NAME}, a default or a cut without further expansions; nothing that assigns or evaluates.
_PARAMETER = re.compile(
    r"\$\{(?:\#?\w+|[A-Za-z_]\w*:?[-+?][\w./:@\ %,~-]*|[A-Za-z_]\w*(?:\#\#?|%%?)[\w./:@*-]*|[@*\#?])\}"
)
_ARITHMETIC = re.compile(r"\$\(\([\w\s+*/%<>=!-]*\)\)")
# Commands whose answer is one word without blanks.
_SHORT_ANSWER = re.compile(
    r"\$\((?:nproc|whoami|id -u|id -g|hostname|uname -[msr]|git rev-parse|git describe|date \+%|docker compose ps -q"
    r"|basename|which)[\w ./:@%+=-]*\)"
)
_GAP = re.compile(r"(?:[ \t\n]|\\\n)*")
_VISIBLE_SPACE = frozenset("\n\t")


@dataclass(frozen=True)
class Write:
    """A file that a redirection writes; ``appends`` keeps what is in it."""

    target: str
    appends: bool = False


@dataclass(frozen=True)
class Part:
    """One simple command: its words without quotes, the files it writes by redirection, and the commands of the
    substitutions in its words (these run first; they are parts of the line on their own as well)."""

    words: tuple[str, ...]
    writes: tuple[Write, ...] = ()
    inner: tuple[Part, ...] = ()


def parts(line: str) -> tuple[Part, ...]:
    """The simple commands of a shell line, substitutions included. Raises Doubt where it cannot be read."""
    if len(line) > LONGEST:
        raise Doubt(f"the line has more than {LONGEST} characters")
    if any(not (c.isprintable() or c in _VISIBLE_SPACE) for c in line):
        raise Doubt("the line holds control characters or invisible ones")
    raw = line.encode("utf-8", "surrogatepass")
    return tuple(_Reader(raw).read())


@lru_cache(maxsize=1)
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


class _Reader:
    """Walks the tree of one line; the text between two nodes must be blank, for the grammar skips some of it."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.counts: set[str] = set()
        self.values: set[str] = set()
        self.calculated: set[str] = set()
        self.several: set[str] = set()
        self.bare: set[str] = set()

    def read(self) -> Iterator[Part]:
        root = _parser().parse(self.raw).root_node
        if root.has_error:
            raise Doubt("the grammar of the shell does not know this line")
        self._only_blank(0, root.start_byte)
        self._only_blank(root.end_byte, len(self.raw))
        found = list(self._statement(root, 0))
        # Bash evaluates what such a variable holds, and that may be a command: only what was counted here is known.
        if self.calculated - (self.counts - self.values):
            raise Doubt("an arithmetic expansion of a variable whose value is not known")
        # Outside of quotes the shell makes several words of it, options among them.
        if self.bare & self.several:
            raise Doubt("an unquoted variable that the line itself sets to what may be several words")
        yield from found

    def _statement(self, node: Node, depth: int) -> Iterator[Part]:
        if depth > _DEEPEST:
            raise Doubt("commands nested too deep to read")
        if node.is_error or node.is_missing:
            raise Doubt("the grammar of the shell does not know this line")
        if node.type in _GROUPS:
            for child in self._children(node):
                if child.is_named:
                    yield from self._statement(child, depth + 1)
                elif child.type not in _TOKENS:
                    raise Doubt(f"`{child.type}` is not read here")
        elif node.type == "comment":
            return
        elif node.type == "for_statement":
            yield from self._loop(node, depth)
        elif node.type == "redirected_statement":
            yield from self._redirected(node, depth)
        elif node.type in ("command", "test_command", "declaration_command", "unset_command", "variable_assignment"):
            yield from self._command(node, depth)
        else:
            raise Doubt(f"a {node.type.replace('_', ' ')} is not read here")

    def _children(self, node: Node) -> list[Node]:
        """The children of a statement, with nothing but blanks between them."""
        children = node.children
        place = node.start_byte
        for end, after in [*((child.start_byte, child.end_byte) for child in children), (node.end_byte, 0)]:
            self._only_blank(place, end)
            # A line break ends a command for the shell, whatever the grammar still takes for a part of it.
            if node.type in _ON_ONE_LINE and b"\n" in self.raw[place:end].replace(b"\\\n", b""):
                raise Doubt("a command that goes on in the next line")
            place = after
        return children

    def _only_blank(self, start: int, end: int) -> None:
        text = self.raw[start:end].decode("utf-8", "replace")
        # A line that goes on in the middle of a word is one word for the shell, and two for the grammar.
        joined = text and not text.replace("\\\n", "")
        if not _GAP.fullmatch(text) or (joined and self._inside_a_word(start, end)):
            raise Doubt(f"cannot read the line at {text[:20]!r}")

    def _inside_a_word(self, start: int, end: int) -> bool:
        around = self.raw[start - 1 : start] if start else b" ", self.raw[end : end + 1] or b" "
        return not any(each in b" \t\n;|&()" for each in around)

    def _loop(self, node: Node, depth: int) -> Iterator[Part]:
        words: list[str] = []
        inner: list[Part] = []
        bodies: list[Node] = []
        for child in self._children(node):
            if child.type == "do_group":
                bodies.append(child)
            elif child.is_named:
                words.append(self._word(child, inner, depth))
            elif child.type not in _TOKENS:
                raise Doubt(f"`{child.type}` is not read here")
        if not words or not bodies:
            raise Doubt("a loop without a list")
        self.values.add(words[0])
        if any(re.search(r"\s", word) for word in words[1:]):
            self.several.add(words[0])
        yield from inner
        yield Part((f"{words[0]}={HOLE}",), (), tuple(inner))
        for body in bodies:
            yield from self._statement(body, depth + 1)

    def _redirected(self, node: Node, depth: int) -> Iterator[Part]:
        body: list[Part] = []
        written: list[Write] = []
        inner: list[Part] = []
        for child in self._children(node):
            if child.type == "file_redirect":
                written += self._redirect(child, inner, depth)
            else:
                body += self._statement(child, depth + 1)
        yield from inner
        last = body.pop() if body else Part(())
        yield from body
        yield replace(last, writes=(*last.writes, *written), inner=(*last.inner, *inner))

    def _redirect(self, node: Node, inner: list[Part], depth: int) -> list[Write]:
        before = self.raw[node.start_byte - 1 : node.start_byte] if node.start_byte else b" "
        operator, targets = "", []
        for child in self._children(node):
            if child.type == "file_descriptor":
                if not child.text or not child.text.isdigit():
                    raise Doubt("a redirection of a named descriptor")
            elif not child.is_named:
                operator += child.type
            else:
                targets.append(self._word(child, inner, depth))
        if before.isdigit():
            raise Doubt("a number glued to a word before a redirection")
        if len(targets) != 1:
            raise Doubt("a redirection whose target is not clear")
        return _written(operator, targets[0])

    def _command(self, node: Node, depth: int) -> Iterator[Part]:
        words: list[str] = []
        inner: list[Part] = []
        written: list[Write] = []
        if node.type == "variable_assignment":
            words.append(self._assignment(node, inner, depth))
        else:
            for child in self._children(node):
                self._take(node, child, words, inner, written, depth)
        if "read" in words:
            # What is read is no number that was counted here, whatever the variable held before.
            self.values.update(words)
        yield from inner
        yield Part(tuple(words), tuple(written), tuple(inner))

    def _take(
        self, node: Node, child: Node, words: list[str], inner: list[Part], written: list[Write], depth: int
    ) -> None:
        """Adds what one child of a command is to its words or redirections."""
        if child.type == "command_name":
            (only,) = self._children(child) if child.child_count == 1 else (child,)
            words.append(self._word(only, inner, depth))
        elif child.type == "variable_assignment":
            words.append(self._assignment(child, inner, depth))
        elif child.type == "file_redirect":
            written += self._redirect(child, inner, depth)
        elif node.type == "test_command" and (child.type not in ("[[", "]]") or _is_plain_test(node)):
            words += self._test(child, inner, depth)
        elif child.is_named:
            words.append(self._word(child, inner, depth))
        elif child.type in ("export", "unset", "local", "readonly", "declare", "typeset"):
            words.append(child.type)
        elif child.type == "$":
            words.append("$")
        else:
            raise Doubt(f"`{child.type}` is not read here")

    def _test(self, node: Node, inner: list[Part], depth: int) -> Iterator[str]:
        """The words of `[ … ]`, which the grammar reads as an expression."""
        if node.type in ("[", "]", "[[", "]]"):
            yield node.type
        elif node.type in ("unary_expression", "binary_expression", "negated_expression"):
            for child in self._children(node):
                yield from self._test(child, inner, depth)
        elif node.is_named:
            yield self._word(node, inner, depth)
        elif node.type in _TEST_OPERATORS:
            yield node.type
        else:
            raise Doubt(f"`{node.type}` is not read in a test")

    def _assignment(self, node: Node, inner: list[Part], depth: int) -> str:
        name, value, calculated = "", "", False
        for place, child in enumerate(node.children):
            if place == 0 and child.type == "variable_name":
                name = _text(child)
            elif place == 1 and child.type == "=":
                continue
            elif place == 2:
                calculated = child.type == "arithmetic_expansion"
                value = self._word(child, inner, depth)
            else:
                raise Doubt("an assignment that is not plain")
        if node.child_count < 2 or node.end_byte - node.start_byte != sum(
            child.end_byte - child.start_byte for child in node.children
        ):
            raise Doubt("an assignment that is not plain")
        (self.counts if calculated or value.isdigit() else self.values).add(name)
        if re.search(r"[\s*?\[]", value) or (HOLE in value and not (calculated or _is_short_answer(node))):
            self.several.add(name)
        return f"{name}={value}"

    def _word(self, node: Node, inner: list[Part], depth: int) -> str:
        if depth > _DEEPEST:
            raise Doubt("commands nested too deep to read")
        if node.is_error or node.is_missing or node.type not in _WORDS:
            raise Doubt(f"a {node.type.replace('_', ' ')} is not read here")
        text = _text(node)
        if node.type == "raw_string":
            return text[1:-1]
        if node.type == "string":
            return self._string(node, inner, depth)
        if node.type in ("simple_expansion", "expansion"):
            if node.type == "expansion" and not _PARAMETER.fullmatch(text):
                raise Doubt(f"cannot read the expansion {text[:20]!r}")
            if node.parent is None or node.parent.type not in ("string", "variable_assignment"):
                self.bare |= set(re.findall(r"[A-Za-z_]\w*", text)[:1])
            return HOLE
        if node.type == "arithmetic_expansion":
            if not _ARITHMETIC.fullmatch(text):
                raise Doubt(f"cannot read the expansion {text[:20]!r}")
            self.calculated |= set(re.findall(r"[A-Za-z_]\w*", text))
            return HOLE
        if node.type == "command_substitution":
            return self._substitution(node, inner, depth)
        if node.type == "concatenation":
            return self._concatenation(node, inner, depth)
        if node.child_count:
            raise Doubt(f"cannot read {text[:20]!r}")
        return unquoted(text)

    def _concatenation(self, node: Node, inner: list[Part], depth: int) -> str:
        out, place, bare = "", node.start_byte, ""
        for child in node.children:
            if child.start_byte != place:
                raise Doubt("a word that is not in one piece")
            place = child.end_byte
            if child.is_named:
                value = node.parent is not None and node.parent.type == "variable_assignment"
                answer = child.type == "command_substitution" and not _SHORT_ANSWER.fullmatch(_text(child))
                if answer and not value:
                    raise Doubt("an unquoted answer inside of a word, which the shell may make several words of")
                out += self._word(child, inner, depth)
            elif child.type == "$":
                out += "$"
            else:
                raise Doubt(f"cannot read {_text(node)[:20]!r}")
            bare += _text(child) if child.type == "word" else ""
        braced = re.search(r"(?<!\\)[\[{]", bare) is not None
        return out + HOLE if braced and not out.endswith(HOLE) else out

    def _string(self, node: Node, inner: list[Part], depth: int) -> str:
        """Between double quotes: what is no expansion is text, also where the grammar gives it no node."""
        out: list[str] = []
        place = node.start_byte + 1
        children = [child for child in node.children if child.is_named and child.type != "string_content"]
        for child in children:
            out.append(between_quotes(self.raw[place : child.start_byte].decode("utf-8", "replace")))
            out.append(self._word(child, inner, depth))
            place = child.end_byte
        out.append(between_quotes(self.raw[place : node.end_byte - 1].decode("utf-8", "replace")))
        return "".join(out)

    def _substitution(self, node: Node, inner: list[Part], depth: int) -> str:
        children = self._children(node)
        if children[0].type != "$(" or children[-1].type != ")":
            raise Doubt("a command inside the command (backquotes)")
        for child in children[1:-1]:
            if child.is_named:
                inner += self._statement(child, depth + 1)
            elif child.type not in _TOKENS:
                raise Doubt(f"`{child.type}` is not read here")
        return HOLE


def _is_short_answer(assignment: Node) -> bool:
    """Whether the value is the answer of a command that prints one word."""
    return _SHORT_ANSWER.fullmatch(_text(assignment.children[-1]).strip('"')) is not None


def _is_plain_test(node: Node) -> bool:
    """Whether `[[ … ]]` asks only for a file or a text: a shell that does not know it takes it for a command."""
    inner = [child for child in node.children if child.type not in ("[[", "]]")]
    return len(inner) == 1 and inner[0].type == "unary_expression" and _text(inner[0].children[0]) in _TEXT_TESTS


def _written(operator: str, target: str) -> list[Write]:
    """The file that a redirection writes, if it writes any."""
    if target.startswith(("/dev/tcp/", "/dev/udp/")):
        raise Doubt("Bash opens a connection for such a file")
    duplicates = target.isdigit() or target == "-"
    if operator == "<" or (operator in ("<&", ">&") and duplicates):
        return []
    if operator == "&>" and target not in SINKS:
        raise Doubt("`&>` is read differently by Bash and by a POSIX shell")
    # `>& FILE`: Bash writes standard output and errors there, a POSIX shell refuses it.
    if operator not in _OVERWRITES and operator not in (">>", ">&", "&>"):
        raise Doubt(f"the redirection `{operator}` is not read here")
    return [] if target in SINKS else [Write(target, operator == ">>")]


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
