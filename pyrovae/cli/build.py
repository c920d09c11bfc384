"""Data, a pair and an objective, built from a configuration."""

import inspect
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyro
from jsonargparse import Namespace
from pyro.infer import ELBO

from ..data import Dataset, few_labels, missing, quadrants
from ..errors import ConfigError, PyrovaeError, first_line
from ..models.capabilities import TakesLabels
from .arguments import supplied
from .library import sections
from .names import FINDERS, find_model
from .parser import Parser, in_one_line
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


def build(parser: Parser, config: Namespace, seed: int | None) -> Setup:
    """Make the data, then (from the seed) the pair, and the objective.

    Raises:
        ConfigError: The model named has no `model` and `guide`.
    """
    made = _instantiate(parser, config)
    data = _data(config, made)
    if seed is not None:
        pyro.set_rng_seed(seed)
    pair = _pair(config, made, data.shape)
    data = _as_called(config, data, pair)
    objective = _objective(config, made)
    return Setup(data, pair, objective)


def build_pair(parser: Parser, config: Namespace, data_shape: Sequence[int]) -> Any:  # noqa: ANN401
    """A new pair alone, from the random state as it is; a file that holds it is read again.

    Raises:
        ConfigError: The model named has no `model` and `guide`.
    """
    forget_file(config.model.name)
    return _pair(config, _instantiate(parser, config), data_shape)


def build_data(parser: Parser, config: Namespace, pair: Any) -> Dataset:  # noqa: ANN401
    """The data alone, with labels where the pair takes them.

    Raises:
        ConfigError: See `build`.
    """
    return _as_called(config, _data(config, _instantiate(parser, config)), pair)


def build_objective(parser: Parser, config: Namespace) -> ELBO:
    """The objective alone.

    Raises:
        ConfigError: See `build`.
    """
    return _objective(config, _instantiate(parser, config))


def _data(config: Namespace, made: Namespace) -> Dataset:
    if config.data_root:
        os.environ["PYROVAE_DATA"] = str(config.data_root)
    with _as_sentence("data", config.data.name):
        data = _maker(config, "data")(**_arguments(made, "data"))
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
    return data


def _as_called(config: Namespace, data: Dataset, pair: Any) -> Dataset:  # noqa: ANN401
    takes_labels = isinstance(pair, TakesLabels) and pair.takes_labels
    return data.labelled() if config.labels or takes_labels else data


def _objective(config: Namespace, made: Namespace) -> ELBO:
    with _as_sentence("objective", config.objective.name):
        objective = _maker(config, "objective")(**_arguments(made, "objective"))
    if not isinstance(objective, ELBO):
        raise ConfigError(
            f"--objective {config.objective.name} gave a {type(objective).__name__}; it must be a "
            "class of pyro.infer.ELBO, or a function that gives such an object"
        )
    return objective


def _maker(config: Namespace, section: str) -> Any:  # noqa: ANN401
    return FINDERS[section](config[section]["name"])


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
    """Say in one sentence why a part of the library cannot be built, such as its size."""
    try:
        yield
    except PyrovaeError:
        raise
    except (RuntimeError, MemoryError, OverflowError, TypeError, ValueError) as error:
        if name not in sections()[section]:
            raise  # the user's own code, whose error is shown as it is
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
        raise cause or ConfigError(in_one_line(str(error))) from error


def _arguments(made: Namespace, section: str) -> dict[str, Any]:
    return {k: v for k, v in vars(made[section]).items() if k != "name"}
