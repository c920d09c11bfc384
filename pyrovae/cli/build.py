"""Data, a pair and an objective, built from a configuration."""

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyro
import torch
from jsonargparse import Namespace
from pyro.infer import ELBO

from ..data import Dataset, SparseSplit, Split, few_labels, missing, quadrants
from ..data.base import check_flags
from ..errors import ConfigError, PyrovaeError
from ..particles.argument_types import ArgumentTypes
from .arguments import offered
from .calls import check_calls, takes_y
from .explain import blamed_on, named, own_line
from .library import sections
from .names import FINDERS, SECTIONS, find_model
from .parser import Parser
from .supplies import check_supplies, from_data
from .user_code import forget_file


@dataclass
class Setup:
    """What a configuration describes.

    Attributes:
        data: The three splits, with labels where the pair takes them.
        pair: An object whose `model` and `guide` are the programs.
        objective: A `pyro.infer.ELBO`.
    """

    data: Dataset
    pair: Any
    objective: Any


def build(
    parser: Parser,
    config: Namespace,
    seed: int | None,
    kept: Mapping[str, Any] | None = None,
) -> Setup:
    """Make the data, then (from the seed) the pair, and the objective.

    Args:
        parser: Of the configuration.
        config: What is built.
        seed: Of the initial parameters; None leaves the random state as it is.
        kept: What the data of a run supplied to its pair, where they must supply the same.

    Raises:
        ConfigError: The model named has no `model` and `guide`, or a part cannot be built; or the
            data supply to the pair what is not kept.
    """
    made = _instantiate(parser, config)
    data = in_default_type(_data(config, made))
    if kept is not None:
        check_supplies(config, data, kept)
    if seed is not None:
        pyro.set_rng_seed(seed)
    pair = _pair(config, made, data, kept)
    data = _as_called(config, data, pair, config.model.name)
    objective = _objective(config, made)
    return Setup(data, pair, objective)


def in_default_type(data: Dataset) -> Dataset:
    """The data in the type of number that networks are made in, where nothing is lost.

    Raises:
        DataError: A number has no place in it.
    """
    types = ArgumentTypes((torch.get_default_dtype(),), ("x",))
    splits: dict[str, Any] = {}
    for name in ("train", "val", "test"):
        split: Split = getattr(data, name)
        if not isinstance(split, SparseSplit) and split.x.is_floating_point():
            types.check((split.x,), f"--data, {name}")
            split = replace(split, x=types((split.x,))[0])
        splits[name] = split
    return replace(data, **splits)


def computing(config: Namespace, data: Dataset) -> AbstractContextManager[None]:
    """Say of errors within that the pair and the data of a configuration led to them."""
    names = [(section, config[section]["name"]) for section in SECTIONS]
    return blamed_on(
        f"--model {config.model.name} on --data {config.data.name}, of shape {list(data.shape)}, "
        f"with --objective {config.objective.name} cannot be computed",
        "correct the options of these, or see with --traceback where it happened",
        is_own=any(name not in sections()[section] for section, name in names),
    )


def build_pair(
    parser: Parser,
    config: Namespace,
    data: Dataset | Sequence[int],
    kept: Mapping[str, Any] | None = None,
) -> Any:  # noqa: ANN401
    """A new pair alone, from the random state as it is; a file that holds it is read again.

    Args:
        parser: Of the configuration.
        config: What is built.
        data: Of the pair, or their shape.
        kept: What the data of a run supplied to its pair; None: what these do.

    Raises:
        ConfigError: The model named has no `model` and `guide`, or needs what is not supplied.
    """
    forget_file(config.model.name)
    return _pair(config, _instantiate(parser, config), data, kept)


def build_data(
    parser: Parser,
    config: Namespace,
    pair: Any,  # noqa: ANN401
    kept: Mapping[str, Any] | None = None,
) -> Dataset:
    """The data alone, with labels where the pair takes them.

    Raises:
        ConfigError: See `build`.
    """
    data = _data(config, _instantiate(parser, config))
    if kept is not None:
        check_supplies(config, data, kept)
    return _as_called(config, data, pair, type(pair).__name__)


def build_objective(parser: Parser, config: Namespace) -> ELBO:
    """The objective alone.

    Raises:
        ConfigError: See `build`.
    """
    return _objective(config, _instantiate(parser, config))


def _data(config: Namespace, made: Namespace) -> Dataset:
    if config.data_root:
        os.environ["PYROVAE_DATA"] = str(config.data_root)
    with _built("data", config):
        data = _maker(config, "data")(**_arguments(made, "data"))
    if not isinstance(data, Dataset):
        raise ConfigError(
            f"--data {config.data.name} gave a {type(data).__name__}; it must be a function that "
            "returns a pyrovae.data.Dataset, as pyrovae.data.arrays does"
        )
    with _built("data", config):
        if config.num_labelled:
            data = few_labels(data, config.num_labelled, seed=config.seed)
        if config.missing:
            data = missing(data, config.missing, seed=config.seed)
        if config.quadrants:
            data = quadrants(data, config.quadrants)
    return data


def _as_called(config: Namespace, data: Dataset, pair: Any, name: str) -> Dataset:  # noqa: ANN401
    check_flags(pair, data)
    data = data.labelled() if takes_y(pair, name, config) else data
    check_calls(pair, name, data)
    return data


def _objective(config: Namespace, made: Namespace) -> ELBO:
    with _built("objective", config):
        objective = _maker(config, "objective")(**_arguments(made, "objective"))
    if not isinstance(objective, ELBO):
        raise ConfigError(
            f"--objective {config.objective.name} gave a {type(objective).__name__}; it must be a "
            "class of pyro.infer.ELBO, or a function that gives such an object"
        )
    if objective.num_particles < 1:  # Pyro's own take any number
        raise ConfigError(
            f"--objective.num_particles {objective.num_particles}: it needs at least 1"
        )
    return objective


def _maker(config: Namespace, section: str) -> Any:  # noqa: ANN401
    return FINDERS[section](config[section]["name"])


def _pair(
    config: Namespace,
    made: Namespace,
    data: Dataset | Sequence[int],
    kept: Mapping[str, Any] | None,
) -> Any:  # noqa: ANN401
    pair: Any = find_model(config.model.name)
    if not inspect.ismodule(pair):
        shape, known = (data.shape, data.supplies) if isinstance(data, Dataset) else (data, {})
        given = from_data(
            pair,
            config,
            tuple(shape),
            known if kept is None else kept,
            is_kept=kept is not None,
        )
        with _built("model", config):
            free = {n for n in offered(pair) if config.model[n] is None}
            own = {n: v for n, v in _arguments(made, "model").items() if n not in free}
            pair = pair(**given, **own)
    for program in ("model", "guide"):
        if not callable(getattr(pair, program, None)):
            raise ConfigError(
                f"--model {config.model.name} has no callable '{program}'; it needs a `model` and "
                "a `guide`: methods of a class, or functions in a file"
            )
    return pair


def _built(section: str, config: Namespace) -> AbstractContextManager[None]:
    """Say in one sentence why a part cannot be built, such as its size."""
    name = config[section]["name"]
    return blamed_on(
        f"--{section} {name} cannot be built",
        "correct its options" if name in sections()[section] else "correct it, or its options",
        is_own=name not in sections()[section],
    )


def _instantiate(parser: Parser, config: Namespace) -> Namespace:
    """Build the parts that are named below the sections.

    Raises:
        ConfigError: One cannot be built.
    """
    try:
        return parser.instantiate(config, instantiate_groups=False)
    except (ValueError, TypeError) as error:
        cause: BaseException = error
        while (deeper := cause.__cause__ or cause.__context__) is not None:
            cause = deeper
            if isinstance(cause, PyrovaeError):
                break
        if isinstance(cause, PyrovaeError) or own_line(cause) is not None:
            raise cause from error
        place = re.search(r'Parser key "([\w.]+)"', str(error))
        raise ConfigError(
            f"{f'--{place[1]}' if place else 'a part of the model'} cannot be built "
            f"({named(cause)}); correct its options"
        ) from error


def _arguments(made: Namespace, section: str) -> dict[str, Any]:
    return {k: _plain(v) for k, v in vars(made[section]).items() if k != "name"}


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Factories as partials of their classes, whose signatures say what they take.

    jsonargparse gives partials of a function of its own, which takes anything.
    """
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not (isinstance(value, partial) and value.func.__module__.startswith("jsonargparse")):
        return value
    _, made, *given = value.args
    return partial(made, *given, **{name: _plain(each) for name, each in value.keywords.items()})
