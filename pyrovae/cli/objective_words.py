"""Objectives as words of a command line: "IWAE", "Renyi(alpha=0.5)", "file.py:Mine"."""

import ast
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pyro.infer import ELBO as PyroELBO

from ..errors import ConfigError
from .library import Maker
from .names import find_objective

OPTION = "--objectives"


def make_objectives(words: Sequence[str], num_particles: int) -> dict[str, PyroELBO]:
    """The objectives of `--objectives`, by what names them.

    Raises:
        ConfigError: One is named twice; see also `make_objective`.
    """
    for name in words:
        if words.count(name) > 1:
            raise ConfigError(f"{OPTION}: {name} is named twice; name each objective once")
    return {name: make_objective(name, num_particles) for name in words}


def make_objective(words: str, num_particles: int) -> PyroELBO:
    """An objective from "Name" or "Name(option=value, ...)", with so many particles.

    Raises:
        ConfigError: There is no such objective, or its arguments do not fit.
    """
    name, opened, rest = words.partition("(")
    maker = find_objective(name, option=OPTION)
    options = _options(words, f"f({rest}") if opened else {}
    _check(words, maker, options)
    if "num_particles" in _parameters(maker):
        options.setdefault("num_particles", num_particles)
    try:
        made = maker(**options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{OPTION} {words}: {error}; {_example(name, maker)}") from error
    if not isinstance(made, PyroELBO):
        raise ConfigError(
            f"{OPTION} {words} gave a {type(made).__name__}; name a class of pyro.infer.ELBO"
        )
    return made


def _check(words: str, maker: Maker, options: dict[str, Any]) -> None:
    """Refuse arguments that the objective does not take, and missing ones."""
    name = words.partition("(")[0]
    parameters = _parameters(maker)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [option for option in options if option not in parameters and not takes_any]
    missing = [option for option in _required(maker) if option not in options]
    if unknown:
        raise ConfigError(
            f"{OPTION} {words}: there is no argument {', '.join(unknown)}; "
            f"{name} takes {', '.join(parameters) or 'none'}"
        )
    if missing:
        raise ConfigError(f"{OPTION} {words}: {' and '.join(missing)} must be given; "
                          f"{_example(name, maker)}")  # fmt: skip


def _parameters(maker: Maker) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(maker).parameters
    except (TypeError, ValueError):  # some that are written in C have no signature
        return {}


def _required(maker: Maker) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = _parameters(maker)
    return [n for n, p in parameters.items() if p.default is p.empty and p.kind in kinds]


def _example(name: str, maker: Maker) -> str:
    parameters = _parameters(maker)
    values = {n: 4 if parameters[n].annotation is int else 0.5 for n in _required(maker)}
    inside = ", ".join(f"{n}={value}" for n, value in values.items())
    return f"write its arguments as '{name}({inside or 'num_particles=8'})'"


def _options(words: str, call: str) -> dict[str, Any]:
    """The keyword arguments of a call that is given as text; literals only."""
    try:
        node = ast.parse(call, mode="eval").body
        if isinstance(node, ast.Call) and not node.args:
            found = {option.arg: ast.literal_eval(option.value) for option in node.keywords}
            return {name: value for name, value in found.items() if name is not None}
    except (SyntaxError, ValueError):
        pass
    raise ConfigError(
        f"{OPTION} {words}: cannot read its arguments; write them as 'Renyi(alpha=0.5)'"
    )
