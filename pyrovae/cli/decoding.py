"""`--decoding`: how the strings of a pair of text are made."""

import inspect
from typing import Any

from jsonargparse import Namespace

from ..errors import ConfigError
from .library import decodings
from .numbers import Count, NotNegative, Positive
from .parser import Parser

_OPTIONS = ("temperature", "top_p", "top_k", "width", "length_penalty")


def add_decoding(parser: Parser) -> None:
    """The options that choose a way of decoding."""
    parser.add_argument("--decoding", choices=sorted(decodings()),
        help="Of text: the likeliest code at each step, codes that are drawn, or the likeliest "
        "string that a search finds; default: what the pair's own method takes.")  # fmt: skip
    parser.add_argument("--temperature", type=Positive,
        help="Of sampling: below 1 more usual codes, above 1 more unusual ones.")  # fmt: skip
    parser.add_argument("--top-p", type=Positive,
        help="Of sampling: only the likeliest codes that have this probability.")  # fmt: skip
    parser.add_argument("--top-k", type=Count, help="Of sampling: only so many likeliest codes.")
    parser.add_argument("--width", type=Count, help="Of beam: beginnings that are kept.")
    parser.add_argument("--length-penalty", type=NotNegative,
        help="Of beam: 0 ranks strings by probability, more favours long ones.")  # fmt: skip


def decoding_of(config: Namespace, pair: Any, method: str) -> dict[str, Any]:  # noqa: ANN401
    """The argument `decoding` of a method of a pair; nothing where none is asked for.

    Args:
        config: The options of the command.
        pair: Whose data they are.
        method: Name of the method, "generate" for one.

    Raises:
        ConfigError: The method takes no decoding, or an option belongs to another way.
    """
    given = {name: config[name] for name in _OPTIONS if config[name] is not None}
    if config.decoding is None and not given:
        return {}
    said = "--decoding" if config.decoding is not None else _written(next(iter(given)))
    made = getattr(pair, method, None)
    if not callable(made) or "decoding" not in inspect.signature(made).parameters:
        raise ConfigError(
            f"{said}: `{method}` of {type(pair).__name__} makes no strings code by code; leave it "
            "out, or take a pair whose method has an argument decoding, such as TextVAE"
        )
    of = {name: [way for way, made in decodings().items() if _takes(made, name)] for name in given}
    way = config.decoding or next(iter(of.values()))[0]
    for name, ways in of.items():
        if way not in ways:
            raise ConfigError(
                f"{_written(name)} is an option of --decoding {' or '.join(ways)}, and the "
                f"strings are made by {way}; leave one of the two out"
            )
    return {"decoding": decodings()[way](**given)}


def _takes(way: Any, name: str) -> bool:  # noqa: ANN401
    return name in inspect.signature(way).parameters


def _written(name: str) -> str:
    return f"--{name.replace('_', '-')}"
