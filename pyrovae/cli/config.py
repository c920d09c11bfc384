"""A configuration, parsed from words of the command line and YAML."""

import argparse
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml
from jsonargparse import Namespace

from ..errors import ConfigError
from .arguments import add_arguments
from .library import full_path, known_names, parts
from .misfit import Options, misfit
from .names import FINDERS, SECTIONS, makers
from .parser import ParseError, Parser
from .safe_yaml import read_yaml
from .stored import checked
from .user_code import look_here_as_well


def parse(
    parser: Parser,
    words: Sequence[str],
    base: dict[str, Any] | None = None,
    run_file: Path | None = None,
    only: Collection[str] = tuple(SECTIONS),
) -> Namespace:
    """Parse `--config FILE` and words over it; adds the sections that these name to the parser.

    A file is data: it names what the library has. One's own is named by words.

    Args:
        parser: One that has not parsed before.
        words: Of the command line.
        base: What was parsed before, where there is no file.
        run_file: The configuration of a run, which is read in the place of `--config`.
        only: The sections that are parsed; the others are left out.

    Raises:
        ConfigError: An option or a name is unknown, a value does not fit, a file is no YAML, or
            it names what the library does not have and the words do not.
    """
    given, rest = _split(words)
    path = given.pop("config", None)
    config = dict(base or {})
    said = _said(given, rest)
    if any(place.startswith("model.") and _is_own(name) for place, name in said.items()):
        look_here_as_well()
    file = run_file if path is None else Path(path)
    if file is not None:
        name = str(file) if path is None else f"--config {path}"
        content = read_yaml(file, name)
        config = checked(
            {k: v for k, v in content.items() if k not in SECTIONS or k in only},
            name=name,
            options={action.dest: action for action in parser._actions},
            find=FINDERS,
            defaults=SECTIONS,
            said=said,
            is_run=path is None,
        )
    for section, default in SECTIONS.items():
        if section not in only:
            continue
        part = config.get(section) or {}
        named = given.get(section) or part.get("name") or default
        if named != part.get("name", named):
            part = {}  # the options in the file are those of something else
        config[section] = {**part, "name": named}
    own_actions, made = list(parser._actions), makers(config)
    for section, maker in made.items():
        names = ", ".join(known_names()[section])
        parser.add_argument(
            f"--{section}.name",
            type=str,
            metavar="NAME",
            help=f"Give it as --{section} NAME: {names}, or your own.",
        )
        add_arguments(parser, maker, section)
    parser.add_argument("--config", action="config", help="YAML file that holds any of these.")
    # By a file of our own: jsonargparse would first look for one whose name is the text.
    with NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as written:
        written.write(yaml.safe_dump(config))
        written.flush()
        try:
            return parser.parse_args(["--config", written.name, *rest])
        except ParseError as error:
            options = Options(own_actions, made, _classes(config) | said)
            raise misfit(said | _plain(rest), options, _places(config)) or error from error


def parse_plain(parser: Parser, words: Sequence[str]) -> Namespace:
    """Parse the words of a command without sections.

    Raises:
        ConfigError: An option is unknown, or a value does not fit.
    """
    try:
        return parser.parse_args(list(words))
    except ParseError as error:
        raise misfit(_plain(words), Options(parser._actions, {}, {})) or error from error


def _split(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Take out `--config FILE` and the names of the sections."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("config", *SECTIONS):
        early.add_argument(f"--{name}", f"--{name}.name" if name != "config" else "--config")
    try:
        known, rest = early.parse_known_args(list(words))
    except argparse.ArgumentError as error:
        raise ConfigError(f"{error}; give it a value") from error
    for i, word in enumerate(rest):
        if word.startswith("--model.") and "=" in word:
            option, _, value = word.partition("=")
            rest[i] = f"{option}={full_path(value)}"
        elif i and rest[i - 1].startswith("--model."):
            rest[i] = full_path(word)
    return {k: v for k, v in vars(known).items() if v is not None}, rest


def _said(given: Mapping[str, str], words: Sequence[str]) -> dict[str, str]:
    """What words give to the sections and to the options below them, by place."""
    said = {section: name for section, name in given.items() if section in SECTIONS}
    for option, value in _pairs(words):
        steps = option.removesuffix("+").split(".")
        if len(steps) > 1 and steps[0] in SECTIONS:
            place = ".".join(step for step in steps if step not in ("class_path", "init_args"))
            said[place] = value
    return said


def _plain(words: Sequence[str]) -> dict[str, str]:
    """What words give to the other options, by place; lists and switches are left out."""
    following = dict(_pairs(words))
    return {
        option.replace("-", "_"): value
        for option, value in following.items()
        if "." not in option and value and not value.startswith("--")
    }


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """Each option without its dashes, and its value or else the word that follows."""
    found = []
    for word, following in zip(words, [*words[1:], ""], strict=False):
        option, is_given, value = word.partition("=")
        if word.startswith("--"):
            found.append((option.removeprefix("--"), value if is_given else following))
    return found


def _places(config: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a configuration by place."""
    found = {name: value for name, value in config.items() if name not in SECTIONS}
    for section in SECTIONS:
        found |= _below(section, config.get(section, {}))
    return found


def _below(place: str, part: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in part.items():
        if name in ("name", "class_path") or value is None:
            continue
        below = place if name == "init_args" else f"{place}.{name}"
        found |= _below(below, value) if isinstance(value, dict) else {below: value}
    return found


def _classes(config: Mapping[str, Any], place: str = "") -> dict[str, str]:
    """By place, the names of classes in a configuration."""
    found: dict[str, str] = {}
    for name, value in config.items():
        below = place if name == "init_args" else f"{place}.{name}".strip(".")
        if isinstance(value, dict):
            found |= _classes(value, below)
        elif name == "class_path":
            found[place] = value
        elif isinstance(value, str) and value in parts():
            found[below] = value
    return found


def _is_own(name: str) -> bool:
    """Whether a word may be the import path of what is not the library's."""
    steps = name.split(".")
    return len(steps) > 1 and all(step.isidentifier() for step in steps) and name not in parts()
