"""YAML from a stranger: plain values under text keys, of a bounded size."""

from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..errors import ConfigError, first_line

MAX_BYTES = 2**18
MAX_DEPTH = 30
MAX_VALUES = 10_000
_MAX_NUMBER = 100  # letters of one; converting more takes time that grows with their square
_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}
_TEXT = "tag:yaml.org,2002:str"


def read_yaml(path: Path, name: str | None = None) -> dict[str, Any]:
    """The options in a YAML file: text, numbers, true, false and null, under text keys.

    Anchors and aliases are followed as long as the result stays small. Nothing is imported,
    constructed or included.

    Args:
        path: The file.
        name: Of the file in the messages of errors; by default its path.

    Raises:
        ConfigError: It cannot be read, is too large or too deep, is no YAML, gives an option
            twice, or holds a tag or something else than options.
    """
    name = str(path) if name is None else name
    try:
        other = path.exists() and not path.is_file()  # reading a pipe might wait without end
        content = b"" if other else _first_bytes(path)
    except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{name}: {reason}; name a YAML file") from error
    if other:
        raise ConfigError(f"{name} is no file; name a YAML file")
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{name} is longer than {MAX_BYTES} bytes; a configuration is short")
    try:
        loaded = _Loader(content.decode(), name).get_single_data()
    except ConfigError:  # which is a ValueError
        raise
    except (yaml.YAMLError, ValueError) as error:  # some malformed numbers are ValueErrors
        raise ConfigError(f"{name} is not YAML ({first_line(error)}); correct the file") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{name} holds no options; write `option: value` lines")
    return loaded


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


class _Loader(yaml.SafeLoader):
    """Checks the nodes of the file before it constructs values of them."""

    def __init__(self, content: str, name: str) -> None:
        super().__init__(content)
        self._name, self._depth, self._values = name, 0, 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:  # noqa: ANN401
        self._depth += 1
        self._values += 1
        if self._values > 2 * MAX_VALUES:  # names of options are counted here as well
            raise self._refusal(self.peek_event(), f"it holds more than {MAX_VALUES} values")
        if self._depth > MAX_DEPTH:
            raise self._too_deep()
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def get_single_node(self) -> Node | None:
        node = super().get_single_node()
        if node is not None:
            self._size(node, {})
        return node

    def compose_scalar_node(self, anchor: Any) -> ScalarNode:  # noqa: ANN401
        self._refuse_tag()
        node = super().compose_scalar_node(anchor)
        if node.tag not in _PLAIN and node.tag != "tag:yaml.org,2002:merge":
            raise self._refusal(node, f"'{node.value}' is neither text, a number, true, false nor "
                                "null; put it into quotes if it is text")  # fmt: skip
        if node.tag != _TEXT and len(node.value) > _MAX_NUMBER:
            raise self._refusal(node, f"a number has more than {_MAX_NUMBER} letters")
        return node

    def compose_sequence_node(self, anchor: Any) -> SequenceNode:  # noqa: ANN401
        self._refuse_tag()
        return super().compose_sequence_node(anchor)

    def compose_mapping_node(self, anchor: Any) -> MappingNode:  # noqa: ANN401
        self._refuse_tag()
        node = super().compose_mapping_node(anchor)
        keys = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise self._refusal(key, "`<<` merges options; write them out")
            if not isinstance(key, ScalarNode) or key.tag != _TEXT:
                raise self._refusal(key, "the name of an option is no text; put it into quotes")
            if key.value in keys:
                raise self._refusal(key, f"'{key.value}' is given twice; keep one of them")
            keys.add(key.value)
        return node

    def _refuse_tag(self) -> None:
        event = self.peek_event()
        if event.tag is not None:
            raise self._refusal(event, f"the tag {event.tag} asks for an object; leave it out")

    def _size(self, node: Node, known: dict[Node, tuple[int, int] | None]) -> tuple[int, int]:
        """How many values a node has once its aliases are written out, and how deep it is."""
        if node in known:
            found = known[node]
            if found is None:
                raise self._refusal(node, "an anchor holds itself; write it out")
            return found
        known[node] = None
        children: list[Node] = []
        if isinstance(node, SequenceNode):
            children = list(node.value)
        elif isinstance(node, MappingNode):
            children = [value for _, value in node.value]
        below = [self._size(child, known) for child in children]
        size = 1 + sum(size for size, _ in below)
        depth = 1 + max((depth for _, depth in below), default=0)
        if size > MAX_VALUES:
            raise self._refusal(node, f"it stands for more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:
            raise self._too_deep()
        known[node] = size, depth
        return size, depth

    def _too_deep(self) -> ConfigError:
        return ConfigError(f"{self._name} is nested deeper than {MAX_DEPTH} levels; flatten it")

    def _refusal(self, where: Any, what: str) -> ConfigError:  # noqa: ANN401
        return ConfigError(f"{self._name}, line {where.start_mark.line + 1}: {what}")
