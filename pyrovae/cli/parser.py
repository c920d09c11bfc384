"""The parser of a command: errors in one sentence, and a help that names what may be given."""

import argparse
import inspect
from collections.abc import Iterable
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace

from ..errors import ConfigError
from .wanted import wanted

USUAL = "usual"
"""The name of the group of options that stand first in the help of `fit`."""


LIST_OPTIONS = "--list-options"
"""Ends the parsing with `OptionsListed`; not shown in the help."""


class OptionsListed(Exception):
    """Holds a parser with all of its options.

    Attributes:
        parser: Of a command.
    """

    def __init__(self, parser: "Parser") -> None:
        super().__init__("the options of a command")
        self.parser = parser


class _ListOptions(argparse.Action):
    def __call__(self, parser: Any, *_: Any) -> NoReturn:  # noqa: ANN401
        raise OptionsListed(parser)


class ParseError(ConfigError):
    """What jsonargparse, or argparse below it, says of words that it cannot parse.

    It is prose for programmers, which `misfit` replaces.
    """


class Parser(ArgumentParser):
    """Raises ParseError where argparse would print the usage and exit."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise ParseError(message)


def make_parser(command: str, description: str, arguments: str = "RUN ") -> Parser:
    """A parser without options.

    Args:
        command: Its name.
        description: What it does.
        arguments: What stands before the options, for the usage.
    """
    parser = Parser(
        prog=f"pyrovae {command}",
        usage=f"pyrovae {command} {arguments}[options]",
        description=description,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        LIST_OPTIONS,
        action=_ListOptions,
        nargs=0,
        dest=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )
    return parser


def group_of(parser: Parser, name: str) -> Any:  # noqa: ANN401
    """A group of options by its name; the parser itself where it has none of that name."""
    return (parser.groups or {}).get(name, parser)


def hint_of(action: argparse.Action) -> Any:  # noqa: ANN401
    """The annotation that the value of an option follows; None where there is none.

    jsonargparse keeps that of a class or a union in a private attribute, and offers no other way
    to it.
    """
    return getattr(action, "_typehint", None) or action.type


class _Formatter(DefaultHelpFormatter):
    """Says what an option needs in words, and names the library's own classes."""

    def add_arguments(self, actions: Iterable[argparse.Action]) -> None:
        # `--model.encoder.help CLASS` and `--model FILE` work, and are left out of the list.
        # What is named stands first in its group.
        shown = [action for action in actions if not is_extra(action)]
        super().add_arguments(sorted(shown, key=lambda one: not one.dest.endswith(".name")))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Fill paragraphs, and leave those that hold indented lines as they are."""
        filled = [
            part if "\n  " in part else super(_Formatter, self)._fill_text(part, width, indent)
            for part in text.split("\n\n")
        ]
        return "\n\n".join(filled)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        shown = super()._format_action_invocation(action)
        return shown.replace(".name NAME", " NAME") if action.metavar == "NAME" else shown

    def _get_help_string(self, action: argparse.Action) -> str:
        hint = hint_of(action)
        is_shown = action.default is not None and action.default != argparse.SUPPRESS
        if action.nargs == 0 or not action.option_strings or not (hint or action.choices):
            return action.help or ""
        notes = [
            "required" if action.required else "",
            "" if action.choices or hint is str else wanted(hint),
            f"default: {_shown(action.default)}" if is_shown else "",
        ]
        note = "; ".join(filter(None, notes)).replace("%", "%%")
        text = (action.help or "").replace("\\*", "*")
        return text if not note or text.endswith(f"({note})") else f"{text} ({note})".strip()


def is_extra(action: argparse.Action) -> bool:
    """Whether an option of jsonargparse's own is left out of the help."""
    is_file_of_a_section = action.metavar == "CONFIG" and action.dest != "config"
    is_print = any(name.startswith("--print_") for name in action.option_strings)
    return is_file_of_a_section or is_print or action.dest.endswith(".help")


def _shown(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, bool | None):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict | Namespace) and "class_path" in value:
        return str(value["class_path"]).rpartition(".")[2]
    return value.__name__ if inspect.isclass(value) else str(value)
