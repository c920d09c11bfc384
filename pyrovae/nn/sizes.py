"""Sizes and shapes as arguments: whole numbers of any kind, read once and checked."""

import operator
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TypeAlias

from torch import Tensor

from ..errors import ConfigError, ShapeError

Shape: TypeAlias = tuple[int, ...]
Sizes: TypeAlias = int | Sequence[int]
"""Several whole numbers; one stands for a sequence of one."""


def as_size(value: object, name: str, where: str, *, at_least: int = 1) -> int:
    """A size as an int: of numpy's and torch's integers too, and of floats without a fraction.

    Args:
        value: What was given.
        name: Of the argument, for the message.
        where: What it was given to, for the message.
        at_least: The smallest size that is allowed.

    Raises:
        ConfigError: It is no whole number, or too small.

    Example:
        >>> as_size(8.0, "latent_dim", "VAE")
        8
    """
    size = _whole(value)
    if size is None or size < at_least:
        raise ConfigError(
            f"{where} got {name}={value!r}; it needs a whole number, at least {at_least}"
        )
    return size


def as_sizes(
    values: object, name: str, where: str, *, at_least: int = 1, allow_none: bool = False
) -> Shape:
    """Several sizes as a tuple of ints; a number stands for one size.

    Args:
        values: What was given: a number, or a list, tuple, array or tensor of them.
        name: Of the argument, for the message.
        where: What it was given to, for the message.
        at_least: The smallest size that is allowed.
        allow_none: Whether there may be no size at all.

    Raises:
        ConfigError: One is no whole number or too small, or there is none.

    Example:
        >>> as_sizes(128, "hidden", "MLP"), as_sizes([64, 32], "hidden", "MLP")
        ((128,), (64, 32))
    """
    sizes = _several(values)
    if sizes is None or any(n < at_least for n in sizes) or not (sizes or allow_none):
        raise ConfigError(
            f"{where} got {name}={values!r}; it needs whole numbers, each at least {at_least}, "
            f"such as {name}=[64, 32], or one number"
        )
    return sizes


def as_shape(shape: object, name: str = "shape", where: str = "a network") -> Shape:
    """A shape as a tuple of ints: 8 stands for (8,).

    Args:
        shape: A number, or a list, tuple, array or `torch.Size` of them.
        name: Of the argument, for the message.
        where: What it was given to, for the message.

    Raises:
        ShapeError: A size is no whole number or below one.

    Example:
        >>> as_shape(784), as_shape([1, 28, 28])
        ((784,), (1, 28, 28))
    """
    sizes = _several(shape)
    if sizes is None:
        raise ShapeError(
            f"{where} got {name}={shape!r}; a shape is a whole number or a tuple of them, such as "
            "(1, 28, 28) or 784"
        )
    if any(n < 1 for n in sizes):
        raise ShapeError(
            f"{where} got {name}={sizes}, which has a size below 1; every axis needs at least one"
        )
    return sizes


def _several(values: object) -> Shape | None:
    """Whole numbers as a tuple; None where they are anything else."""
    one = _whole(values)
    if one is not None:
        return (one,)
    if isinstance(values, Tensor):
        values = values.tolist()
    if isinstance(values, str | bytes | dict) or not isinstance(values, Iterable):
        return None
    sizes = tuple(map(_whole, values))
    found = tuple(size for size in sizes if size is not None)
    return found if len(found) == len(sizes) else None


def _whole(value: object) -> int | None:
    """A whole number of any kind as an int; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        is_whole = isinstance(value, Real) and float(value).is_integer()
        return int(value) if is_whole else None  # type: ignore[call-overload]
