"""`pyrovae --completion SHELL`: a script with which a shell completes commands and options."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from ..errors import ConfigError
from .kinds import asked_by
from .library import fitting, known_names
from .parser import LIST_OPTIONS, OptionsListed, Parser, hint_of, is_extra

Run = Callable[[Sequence[str]], None]


def completion_script(commands: Mapping[str, Run], shell: str) -> str:
    """The script for a shell, which names the options of every command.

    Args:
        commands: By name, what runs a command.
        shell: "bash", "zsh" or "tcsh".

    Raises:
        ConfigError: The package shtab, which writes the script, is not there; or it knows no such
            shell.
    """
    if find_spec("shtab") is None:
        raise ConfigError("--completion needs the package shtab; install it: pip install shtab")
    import shtab

    if shell not in shtab.SUPPORTED_SHELLS:
        raise ConfigError(f"--completion {shell}: choose {', '.join(shtab.SUPPORTED_SHELLS)}")
    whole = argparse.ArgumentParser(prog="pyrovae")
    below = whole.add_subparsers()
    for name, run in commands.items():
        _copy_options(_parser_of(run), below.add_parser(name, help=name))
    return shtab.complete(whole, shell)


def _parser_of(run: Run) -> Parser:
    try:
        run([LIST_OPTIONS])
    except OptionsListed as listed:
        return listed.parser
    raise TypeError("a command parses its words")


def _copy_options(parser: Parser, into: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        names = [_written(n) for n in action.option_strings if not n.endswith(("+", ".help"))]
        if not names or is_extra(action) or action.help == argparse.SUPPRESS or "-h" in names:
            continue
        help = (action.help or "").partition(". ")[0].replace("%", "%%")
        if action.nargs == 0:
            into.add_argument(*names, action="store_true", dest=action.dest, help=help)
        else:
            choices = _choices(action) or None
            into.add_argument(*names, choices=choices, dest=action.dest, help=help)


def _written(option: str) -> str:
    return option.removesuffix(".name")


def _choices(action: argparse.Action) -> list[Any]:
    """What can follow an option, as far as the library knows."""
    section = action.dest.removesuffix(".name")
    if section in known_names() and section != action.dest:
        return known_names()[section]
    hint = hint_of(action)
    return list(action.choices or (fitting(asked_by(hint).kinds) if hint is not None else ()))
