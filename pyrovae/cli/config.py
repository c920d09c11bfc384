"""A configuration, parsed from words of the command line and YAML."""

import argparse
import inspect
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml
from jsonargparse import Namespace

from ..errors import ConfigError
from .data_files import reader_of
from .library import full_path, parts
from .misfit import Options, check_parts, misfit, takes_none
from .names import FINDERS, SECTIONS, makers
from .own_files import import_path, is_in_file
from .parser import USUAL, ParseError, Parser, group_of
from .safe_yaml import read_yaml
from .section_options import add_section
from .sizes import check_sizes
from .stored import checked
from .user_code import look_here_as_well
from .words import check_words, given_options, take_undone


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
    own_actions = list(parser._actions)
    check_words(words, own_actions)
    words, undone = take_undone(words, own_actions)
    given, rest = _split(words)
    path = given.pop("config", None)
    config = dict(base or {})
    said = _said(given, rest)
    if any(place.startswith("model.") and _is_own(name) for place, name in said.items()):
        look_here_as_well()
    file, name = run_file if path is None else Path(path), ""
    if file is not None:
        name = str(file) if path is None else f"--config {path}"
        content = read_yaml(file, name)
        by_name = {action.dest: action for action in own_actions}
        config = checked(
            _yes_and_no(
                {k: v for k, v in content.items() if k not in SECTIONS or k in only}, by_name
            ),
            name=name,
            options=by_name,
            find=FINDERS,
            defaults=SECTIONS,
            said=said,
            is_run=path is None,
        )
    for option, value in undone.items():
        config.pop(option, None)
        if value is not None:
            config[option] = value
    for section, default in SECTIONS.items():
        if section not in only:
            continue
        part = config.get(section) or {}
        named = given.get(section) or part.get("name") or default
        if named != part.get("name", named):
            part = {}  # the options in the file are those of something else
        config[section] = {**part, "name": named}
    made = makers(config)
    options = Options(own_actions, made, _classes(config) | said)
    rest = [*_default_classes(said, config, made), *_importable(_with_null(rest, options))]
    for section, maker in made.items():
        add_section(parser, section, maker)
    group_of(parser, USUAL).add_argument(
        "--config", action="config", metavar="FILE", help="YAML file that holds any options."
    )
    check_parts(said, options)
    # By a file of our own: jsonargparse would first look for one whose name is the text.
    with NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as written:
        written.write(yaml.safe_dump(config))
        written.flush()
        try:
            found = parser.parse_args(["--config", written.name, *rest])
        except ParseError as error:
            everything = Options(parser._actions, made, options.classes)
            raise misfit(error, said | _plain(rest), everything, _places(config), name) from error
    for section in made:
        check_sizes(section, found[section])
    return found


def _yes_and_no(
    content: Mapping[str, Any], options: Mapping[str, argparse.Action]
) -> dict[str, Any]:
    """With the words that an option needs, where YAML has read them as true and false."""
    return {
        key: ("yes" if value else "no")
        if isinstance(value, bool) and key in options and "yes" in (options[key].choices or ())
        else value
        for key, value in content.items()
    }


def parse_plain(parser: Parser, words: Sequence[str]) -> Namespace:
    """Parse the words of a command without sections.

    Raises:
        ConfigError: An option is unknown, or a value does not fit.
    """
    check_words(words, parser._actions)
    words, undone = take_undone(words, parser._actions)
    words += [f"--{name.replace('_', '-')}" for name, value in undone.items() if value]
    try:
        return parser.parse_args(words)
    except ParseError as error:
        raise misfit(error, _plain(words), Options(parser._actions, {}, {})) from error


def _split(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Take out `--config FILE` and the names of the sections."""
    names = {"--config": "config"}
    for section in SECTIONS:
        names |= {f"--{section}": section, f"--{section}.name": section}
    given, rest = dict[str, str](), list(words)
    for option in reversed(given_options(words)):
        name = names.get(f"--{option.option}")
        if name is None:
            continue
        if option.value is None:
            raise ConfigError(f"--{option.option} is given without a value; name one behind it")
        given.setdefault(name, option.value)  # the last one counts
        del rest[option.start : option.stop]
    data = given.get("data", "")
    reader = reader_of(data, given.get("model", ""))
    if reader is not None:
        given["data"] = reader[0]
        rest = [f"--data.{reader[1]}", data, *rest]
    for i, word in enumerate(rest):
        if word.startswith("--model.") and "=" in word:
            option_name, _, value = word.partition("=")
            rest[i] = f"{option_name}={full_path(value)}"
        elif i and rest[i - 1].startswith("--model."):
            rest[i] = full_path(word)
    return given, rest


def _with_null(words: Sequence[str], options: Options) -> list[str]:
    """The words with "null" for none, where an option of a section takes nothing."""
    found = list(words)
    for given in given_options(words):
        if (given.value or "").lower() == "none" and takes_none(given.option, options):
            found[given.start : given.stop] = [f"--{given.option}=null"] + [""] * (
                given.stop - given.start - 1
            )
    return [word for word in found if word]


def _default_classes(
    said: Mapping[str, str], config: Mapping[str, Any], made: Mapping[str, Any]
) -> list[str]:
    """Words for the classes that options are of which give no class, such as MLP for an encoder.

    Without these, jsonargparse does not know of what `--model.encoder.hidden` is an option.
    """
    found = {}
    for place in said:
        section, *steps = place.split(".")
        if len(steps) < 2 or section not in made or inspect.ismodule(made[section]):
            continue
        parent = f"{section}.{steps[0]}"
        parameter = inspect.signature(made[section]).parameters.get(steps[0])
        default = None if parameter is None else parameter.default
        if parent in said or steps[0] in config[section] or not inspect.isclass(default):
            continue
        name = f"{default.__module__}.{default.__name__}"
        if name in parts():
            found[parent] = parts()[name][0]
    return [f"--{parent}={path}" for parent, path in found.items()]


def _importable(words: Sequence[str]) -> list[str]:
    """The words with import paths for classes in files of the user's own."""
    found = list(words)
    for given in given_options(words):
        if given.option.startswith("model.") and given.value and is_in_file(given.value):
            path = import_path(f"--{given.option}", given.value)
            found[given.stop - 1] = path if given.stop > given.start + 1 else (
                f"--{given.option}={path}"
            )  # fmt: skip
    return found


def _said(given: Mapping[str, str], words: Sequence[str]) -> dict[str, str]:
    """What words give to the sections and to the options below them, by place."""
    said = {section: name for section, name in given.items() if section in SECTIONS}
    for one in given_options(words):
        steps = one.option.removesuffix("+").split(".")
        if len(steps) > 1 and steps[0] in SECTIONS:
            place = ".".join(step for step in steps if step not in ("class_path", "init_args"))
            said[place] = one.value or ""
    return said


def _plain(words: Sequence[str]) -> dict[str, str]:
    """What words give to the other options, by place; switches are left out."""
    return {
        given.option.replace("-", "_"): given.value
        for given in given_options(words)
        if "." not in given.option and given.value is not None
    }


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
