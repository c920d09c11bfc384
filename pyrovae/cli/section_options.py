"""The options of what `--data`, `--model` and `--objective` name."""

from typing import Any

from .arguments import add_arguments
from .library import known_names
from .parser import Parser


def add_section(parser: Parser, section: str, maker: Any) -> None:  # noqa: ANN401
    """Add `--section NAME`, and the arguments of what is named as options below it."""
    names = ", ".join(known_names()[section])
    parser.add_argument(
        f"--{section}.name",
        type=str,
        metavar="NAME",
        help=f"{names}, or your own: package.module.Name, or file.py:Name.",
    )
    add_arguments(parser, maker, section)
