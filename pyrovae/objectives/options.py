"""Checks of constructor arguments, and how an estimator is printed."""

import inspect
import math
from numbers import Integral
from typing import Any

from torch import Tensor

from ..errors import ConfigError

Weight = float | Tensor
"""A number, or a tensor that a schedule writes into in place (`pyrovae.train.Anneal`)."""

_SIZES = ("num_particles", "num_groups", "group_size")
_MISSING = object()


def is_whole(number: Any, least: int) -> bool:  # noqa: ANN401
    """Whether it is a whole number, and at least so large."""
    return isinstance(number, Integral) and not isinstance(number, bool) and int(number) >= least


def check_finite(estimator: object, way_out: str, **options: float) -> None:
    """Refuse infinity and NaN.

    Raises:
        ConfigError: An option is not a finite number.
    """
    for name, value in options.items():
        if not math.isfinite(value):
            raise ConfigError(
                f"{type(estimator).__name__} got {name}={value}, needs a finite number; {way_out}"
            )


def check_weights(estimator: object, **weights: Weight) -> None:
    """Refuse numbers that are negative or not finite; tensors are not checked.

    Raises:
        ConfigError: An option is no weight.
    """
    for name, value in weights.items():
        if not isinstance(value, Tensor) and not 0 <= value < math.inf:
            raise ConfigError(
                f"{type(estimator).__name__} got {name}={value}, needs a finite number >= 0; zero "
                "leaves its term out"
            )


def as_written(estimator: object) -> str:
    """The call that makes an estimator: its sizes, and all else that is not as by default.

    Options are read from the attributes of their names; what an estimator keeps elsewhere is
    left out.
    """
    arguments = {}
    for name, parameter in inspect.signature(type(estimator).__init__).parameters.items():
        value = getattr(estimator, name, _MISSING)
        if value is not _MISSING and (name in _SIZES or not _is(value, parameter.default)):
            arguments[name] = value
    if not arguments.keys() & set(_SIZES):  # a constructor that takes no size, or any arguments
        arguments = {"num_particles": getattr(estimator, "num_particles", None), **arguments}
    words = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{type(estimator).__name__}({words})"


def _is(value: Any, default: Any) -> bool:  # noqa: ANN401
    return value is default or (isinstance(value, int | float | str) and value == default)
