"""A node of safemig.yaml, read with the line that an error names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from checks.evidence import Json
from safemig.project.config_schema import ConfigError

if TYPE_CHECKING:
    import yaml

T = TypeVar("T")


@dataclass(frozen=True)
class Node:
    """A node with the dotted name it stands under. ``mistakes`` are those of the whole file: what is wrong in one
    place does not keep the reader from the others."""

    path: Path
    name: str
    node: yaml.Node
    mistakes: list[ConfigError] = field(default_factory=list, compare=False, repr=False)

    def read(self, read: Callable[[Node], T], default: T) -> T:
        """What ``read`` makes of it; ``default``, and the mistake kept, where that is none."""
        try:
            return read(self)
        except ConfigError as error:
            self.mistakes.append(error)
            return default

    def fail(self, message: str) -> ConfigError:
        """The error with this node's line."""
        return ConfigError(self.path, self.node.start_mark.line + 1, message)

    def wrong(self, wanted: str) -> ConfigError:
        """The error that it must be something else."""
        return self.fail(f"{self.name or 'the file'} must be {wanted}, not {kind_of(self.node)}")

    def keys(self, known: tuple[str, ...]) -> dict[str, Node]:
        """The mapping's values by key; unknown and double keys are mistakes (``known`` empty: any key)."""
        import yaml

        if kind_of(self.node) == "nothing":
            return {}
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("a mapping of keys to values")
        found: dict[str, Node] = {}
        for key_node, value_node in self.node.value:
            key = Node(self.path, self.name, key_node, self.mistakes)
            name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            full = f"{self.name}.{name}" if self.name else name
            if known and name not in known:
                self.mistakes.append(key.fail(f"unknown key {full!r}{nearest(name, known)}"))
            elif name in found:
                self.mistakes.append(key.fail(f"{full!r} stands here twice: keep one of them"))
            else:
                found[name] = Node(self.path, full, value_node, self.mistakes)
        return found

    def items(self) -> list[Node]:
        """The values of a list."""
        import yaml

        if kind_of(self.node) == "nothing":
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("a list")
        named = ((f"{self.name}[{place}]", node) for place, node in enumerate(self.node.value))
        return [Node(self.path, name, node, self.mistakes) for name, node in named]

    def text(self) -> str:
        """A text, also one that looks like a number."""
        if kind_of(self.node) not in ("text", "a number"):
            raise self.wrong("text")
        return str(self.node.value)

    def flag(self) -> bool:
        """True or false."""
        if kind_of(self.node) != "true or false":
            raise self.wrong("true or false")
        return str(self.node.value).lower() in ("true", "yes", "on")

    def number(self, low: float, high: float) -> float:
        """A number between those two."""
        if kind_of(self.node) != "a number":
            raise self.wrong("a number")
        try:
            value = float(str(self.node.value).replace("_", ""))
        except ValueError:
            raise self.wrong("a decimal number") from None
        if not low <= value <= high:
            raise self.fail(f"{self.name} must lie between {low:g} and {high:g}, not {value:g}")
        return value

    def one_of(self, choices: tuple[str, ...]) -> str:
        """One of these words."""
        word = self.text()
        if word not in choices:
            raise self.fail(f"{self.name} must be one of {', '.join(choices)}, not {word!r}{nearest(word, choices)}")
        return word

    def plain(self) -> Json:
        """Whatever it is, as JSON would hold it."""
        import yaml

        loader = yaml.SafeLoader("")
        try:
            value: Json = loader.construct_document(self.node)
        except (yaml.YAMLError, ValueError) as error:
            raise self.wrong("plain JSON-like data") from error
        finally:
            loader.dispose()
        return value


def kind_of(node: yaml.Node) -> str:
    """What the node is, in a word for the person."""
    tag = node.tag.rsplit(":", 1)[-1]
    names = {
        "str": "text",
        "int": "a number",
        "float": "a number",
        "bool": "true or false",
        "null": "nothing",
        "map": "a mapping",
        "seq": "a list",
        "timestamp": "a date",
    }
    return names.get(tag, tag)


def nearest(word: str, known: tuple[str, ...]) -> str:
    """The end of a sentence about an unknown word: the known one that is most like it, or all of them."""
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else f"; known here: {', '.join(known)}"


def read_key(keys: Mapping[str, Node], name: str, read: Callable[[Node], T], default: T) -> T:
    """What ``read`` makes of that key's value; ``default`` where it is not given."""
    value = keys.get(name)
    return default if value is None or kind_of(value.node) == "nothing" else value.read(read, default)
