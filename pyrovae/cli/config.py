"""A configuration: parsed from words and YAML, and built into data, a pair and an objective."""

import argparse
import inspect
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pyro
import yaml
from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace
from pyro.infer import ELBO

from ..data import Dataset, few_labels, missing, quadrants
from ..errors import ConfigError, PyrovaeError, first_line
from ..models.capabilities import TakesLabels
from .arguments import add_arguments, supplied
from .library import full_path, known_names, known_networks, parts, sections
from .names import find_data, find_model, find_objective, forget_file, look_here_as_well
from .safe_yaml import read_yaml
from .stored import checked

SECTIONS = {"data": "digits", "model": "VAE", "objective": "ELBO"}
"""The parts that are named, each with keyword arguments of its own, and their defaults."""

FINDERS: dict[str, Any] = {"data": find_data, "model": find_model, "objective": find_objective}


@dataclass
class Setup:
    """What a configuration describes, built.

    Attributes:
        data: The three splits, with labels where the pair takes them.
        pair: An object whose `model` and `guide` are the programs.
        objective: A `pyro.infer.ELBO`.
    """

    data: Dataset
    pair: Any
    objective: Any


class Parser(ArgumentParser):
    """Raises ConfigError in one sentence where argparse would print the usage and exit."""

    def error(self, message: str, ex: Exception | None = None) -> None:  # type: ignore[override]
        raise ConfigError(f"{_sentence(message)}; see `{self.prog} --help`")


def make_parser(command: str, description: str) -> Parser:
    """A parser without the sections."""
    return Parser(
        prog=f"pyrovae {command}",
        description=description,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )


def parse(
    parser: Parser,
    words: Sequence[str],
    base: dict[str, Any] | None = None,
    run_file: Path | None = None,
) -> Namespace:
    """Parse `--config FILE` and words over it; adds the sections that these name to the parser.

    A file is data: it names what the library has. One's own is named by words.

    Args:
        parser: One that has not parsed before.
        words: Of the command line.
        base: What was parsed before, where there is no file.
        run_file: The configuration of a run, which is read in the place of `--config`.

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
        config = checked(
            read_yaml(file, name),
            name=name,
            options={action.dest: action for action in parser._actions},
            find=FINDERS,
            defaults=SECTIONS,
            said=said,
            is_run=path is None,
        )
    for section, default in SECTIONS.items():
        part = config.get(section) or {}
        named = given.get(section) or part.get("name") or default
        if named != part.get("name", named):
            part = {}  # the options in the file are those of something else
        config[section] = {**part, "name": named}
    for section, maker in _makers(config).items():
        names = ", ".join(known_names()[section])
        parser.add_argument(
            f"--{section}.name",
            type=str,
            metavar="NAME",
            help=f"Written --{section} NAME: {names}, or your own.",
        )
        add_arguments(parser, maker, section)
    parser.add_argument("--config", action="config", help="YAML file that holds any of these.")
    # By a file of our own: jsonargparse would first look for one whose name is the text.
    with NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as written:
        written.write(yaml.safe_dump(config))
        written.flush()
        return parser.parse_args(["--config", written.name, *rest])


def build(parser: Parser, config: Namespace, seed: int | None) -> Setup:
    """Make the data, then (from the seed) the pair, and the objective.

    Raises:
        ConfigError: The model named has no `model` and `guide`.
    """
    if config.data_root:
        os.environ["PYROVAE_DATA"] = str(config.data_root)
    made = _instantiate(parser, config)
    makers = _makers({section: {"name": config[section]["name"]} for section in SECTIONS})
    with _as_sentence("data", config.data.name):
        data = makers["data"](**_arguments(made, "data"))
    if not isinstance(data, Dataset):
        raise ConfigError(
            f"--data {config.data.name} gave a {type(data).__name__}; it must be a function that "
            "returns a pyrovae.data.Dataset, as pyrovae.data.arrays does"
        )
    if config.num_labelled:
        data = few_labels(data, config.num_labelled, seed=config.seed)
    if config.missing:
        data = missing(data, config.missing, seed=config.seed)
    if config.quadrants:
        data = quadrants(data, config.quadrants)
    if seed is not None:
        pyro.set_rng_seed(seed)
    pair = _pair(config, made, data.shape)
    if config.labels or (isinstance(pair, TakesLabels) and pair.takes_labels):
        data = data.labelled()
    with _as_sentence("objective", config.objective.name):
        objective = makers["objective"](**_arguments(made, "objective"))
    if not isinstance(objective, ELBO):
        raise ConfigError(
            f"--objective {config.objective.name} gave a {type(objective).__name__}; it must be a "
            "class of pyro.infer.ELBO, or a function that gives such an object"
        )
    return Setup(data, pair, objective)


def build_pair(parser: Parser, config: Namespace, data_shape: Sequence[int]) -> Any:  # noqa: ANN401
    """A new pair alone, from the streams as they are; a file that holds it is read again.

    Raises:
        ConfigError: The model named has no `model` and `guide`.
    """
    forget_file(config.model.name)
    return _pair(config, _instantiate(parser, config), data_shape)


def _pair(config: Namespace, made: Namespace, data_shape: Sequence[int]) -> Any:  # noqa: ANN401
    pair: Any = find_model(config.model.name)
    if not inspect.ismodule(pair):
        shape: Any = {name: tuple(data_shape) for name in supplied(pair)}
        with _as_sentence("model", config.model.name):
            pair = pair(**shape, **_arguments(made, "model"))
    for program in ("model", "guide"):
        if not callable(getattr(pair, program, None)):
            raise ConfigError(
                f"--model {config.model.name} has no callable '{program}'; it needs a `model` and "
                "a `guide`: methods of a class, or functions in a file"
            )
    return pair


@contextmanager
def _as_sentence(section: str, name: str) -> Iterator[None]:
    """Say in a sentence why a part of the library cannot be built: sizes that no memory holds."""
    try:
        yield
    except PyrovaeError:
        raise
    except (RuntimeError, MemoryError, OverflowError, TypeError, ValueError) as error:
        if name not in sections()[section]:
            raise  # one's own code, whose error is seen as it is
        raise ConfigError(
            f"--{section} {name} cannot be built ({first_line(error)}); correct its options"
        ) from error


def _instantiate(parser: Parser, config: Namespace) -> Namespace:
    try:
        return parser.instantiate(config, instantiate_groups=False)
    except (ValueError, TypeError) as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, PyrovaeError):
            cause = cause.__cause__ or cause.__context__
        raise cause or ConfigError(_sentence(str(error))) from error


def _sentence(message: str) -> str:
    """What jsonargparse says over several lines, in one."""
    key = re.search(r'Parser key "([^"]+)"', message)
    value = re.search(r"(?:Given|Got) value: (.*)", message)
    limit = re.search(r"Not of type \w+: (.*?) does not conform to restriction (.*)", message)
    if key and limit:
        return f"--{key[1].replace('_', '-')} {limit[1]}: it needs a value {limit[2]}"
    if key and value:
        nested = re.match(r"NestedArg\(key='(.*)', val='(.*)'\)", value[1])
        what = f"--{key[1]}.{nested[1]} {nested[2]}" if nested else f"--{key[1]} {value[1]}"
        if "import path" in message:
            return f"{what}: there is no such class; name one by itself or by its import path"
        wanted = re.findall(r"Expected (?:an? )?(.+)", message)
        kinds = [re.sub(r"<class '(.*?)'>|typing\.", r"\1", w.split(". Got")[0]) for w in wanted]
        needs = " or ".join(dict.fromkeys(k for k in kinds if k != "NoneType"))
        return f"{what}: the value does not fit{f', it needs {needs}' if needs else ''}"
    return "; ".join(line.strip().rstrip(":") for line in message.splitlines() if line.strip())


def _makers(config: dict[str, Any]) -> dict[str, Any]:
    return {section: FINDERS[section](config[section]["name"]) for section in SECTIONS}


def _arguments(made: Namespace, section: str) -> dict[str, Any]:
    return {k: v for k, v in vars(made[section]).items() if k != "name"}


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
    for word, following in zip(words, [*words[1:], ""], strict=False):
        option, given_here, value = word.partition("=")
        steps = option.removeprefix("--").removesuffix("+").split(".")
        if word.startswith("--") and len(steps) > 1 and steps[0] in SECTIONS:
            place = ".".join(step for step in steps if step not in ("class_path", "init_args"))
            said[place] = value if given_here else following
    return said


def _is_own(name: str) -> bool:
    """Whether a word may be the import path of what is not the library's."""
    steps = name.split(".")
    return len(steps) > 1 and all(step.isidentifier() for step in steps) and name not in parts()


class _Formatter(DefaultHelpFormatter):
    """Lists the library's own classes where any torch module would do."""

    def _expand_help(self, action: argparse.Action) -> str:
        def shorten(match: re.Match[str]) -> str:
            names = [name.strip() for name in match.group(1).split(",")]
            leaves = [n.rpartition(".")[2] for n in names if n.startswith("pyrovae.")]
            own = [leaf for leaf in leaves if full_path(leaf) != leaf]
            if "MLP" in own:  # any module would do, and networks are meant
                own = [leaf for leaf in own if leaf in known_networks()]
            return f"one of {', '.join(own)}" if own else "any"

        return re.sub(r"known subclasses: ([\w., ]+)", shorten, super()._expand_help(action))
