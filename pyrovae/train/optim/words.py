"""Names with options as one text: "sgd(momentum=0.9)"."""

import ast
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from ...errors import ConfigError


def name_and_options(words: str, what: str) -> tuple[str, dict[str, Any]]:
    """The name and the options of "name" or "name(option=value, ...)"; literals only.

    Args:
        words: The text.
        what: The argument that it is given for, for the messages of errors.

    Raises:
        ConfigError: The options cannot be read.
    """
    name, opened, rest = words.strip().partition("(")
    if not opened:
        return name, {}
    try:
        node = ast.parse(f"f({rest}", mode="eval").body
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
            found = {option.arg or "": ast.literal_eval(option.value) for option in node.keywords}
            if "" not in found:
                return name.strip(), found
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    raise ConfigError(
        f"{what}={words!r}: cannot read its options; write them as '{name}(option=1.0)'"
    )


def simplified(name: str) -> str:
    """A name without what people spell in different ways."""
    return name.strip().lower().replace("_", "").replace("-", "")


def unknown_name(what: str, name: str, known: Iterable[str], others: str) -> ConfigError:
    """The error of a name that is not known, with the nearest and all that are."""
    names = {simplified(each): each for each in known}
    near = get_close_matches(simplified(name), names, n=1)
    meant = f"did you mean '{names[near[0]]}'? Or choose" if near else "choose"
    return ConfigError(
        f"{what}={name[:60]!r} is unknown: {meant} one of {', '.join(names.values())}; {others}"
    )
