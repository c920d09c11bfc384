"""The options of what `--data`, `--model` and `--objective` name."""

from typing import Any

from .arguments import add_arguments
from .library import known_names
from .parser import USUAL, Parser, group_of


def add_section(parser: Parser, section: str, maker: Any) -> None:  # noqa: ANN401
    """Add `--section NAME`, and the arguments of what is named as options below it."""
    names = ", ".join(known_names()[section])
    group_of(parser, USUAL).add_argument(
        f"--{section}.name",
        type=str,
        metavar="NAME",
        help=f"{names}, or your own: package.module.Name, or file.py:Name.{_MORE[section]}",
    )
    add_arguments(parser, maker, section)
    own = group_of(parser, section)
    if own is not parser:
        own.title = f"options of --{section} {getattr(maker, '__name__', section)}: {own.title}"


_MORE = {
    "data": " A file of data stands for itself: images.npz, names.txt (text, a datum a line), "
    "rows.csv, or a folder of .wav files.",
    "model": " A file.py with functions `model` and `guide` stands for itself.",
    "objective": "",
}
