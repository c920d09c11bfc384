"""Distributions of whole numbers in fixed point, as the library `constriction` codes them."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from scipy.special import ndtr

from ...errors import ConfigError

Array = np.ndarray[Any, Any]

_UNITS = 2**24  # of probability: constriction's default precision


def constriction() -> Any:  # noqa: ANN401
    """The library of that name.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import constriction as library
    except ImportError as error:
        raise ConfigError(
            "compression needs the library constriction: pip install 'pyrovae[compress]'"
        ) from error
    return library


class Symbols(ABC):
    """Independent distributions of whole numbers [rows, m], each value at least 2^-24 likely.

    Attributes:
        shape: [rows, m].
    """

    shape: tuple[int, int]

    @abstractmethod
    def model(self) -> Any:  # noqa: ANN401
        """The model family of constriction."""

    @abstractmethod
    def flat(self) -> tuple[Array, ...]:
        """Its parameters, a row for each symbol."""

    def flat_values(self, values: Array) -> Array:
        """Values [rows, m] in a row, as far as they are coded."""
        return values.reshape(-1)

    def placed(self, flat: Array) -> Array:
        """Values [rows, m], of those in a row."""
        return flat.reshape(self.shape)

    @abstractmethod
    def units(self, values: Array) -> Array:
        """The probabilities of values [rows, m] that the coder uses, in units of 2^-24."""

    def bits(self, values: Array) -> Array:
        """Code length of each row [rows]."""
        found: Array = (np.log2(_UNITS) - np.log2(self.units(values))).sum(1)
        return found


class Bits(Symbols):
    """Zeros and ones.

    Args:
        p: Of a one [rows, m].
    """

    def __init__(self, p: Array) -> None:
        self.shape, self._p = p.shape, p

    def model(self) -> Any:  # noqa: ANN401
        return constriction().stream.model.Bernoulli(perfect=False)

    def flat(self) -> tuple[Array, ...]:
        return (np.ascontiguousarray(self._p).reshape(-1),)

    def units(self, values: Array) -> Array:
        zero = 1.0 - self._p
        of_zero = np.floor(zero * ((_UNITS - 2) / (zero + self._p))) + 1
        return np.where(values == 1, _UNITS - of_zero, of_zero)


class Table(Symbols):
    """Numbers 0..S - 1 by a table of probabilities, up to a factor for each symbol.

    Args:
        weights: [rows, m, S], float64, none negative, not all 0.
    """

    def __init__(self, weights: Array) -> None:
        self.shape, self._weights = weights.shape[:2], weights

    def model(self) -> Any:  # noqa: ANN401
        return constriction().stream.model.Categorical(perfect=False)

    def flat(self) -> tuple[Array, ...]:
        return (self._weights.reshape(-1, self._weights.shape[-1]),)

    def units(self, values: Array) -> Array:
        sums = np.cumsum(self._weights, -1)
        size = sums.shape[-1]
        scale = (_UNITS - size) / sums[..., -1:]
        index = values[..., None]
        right = np.take_along_axis(sums, index, -1)
        left = np.where(index > 0, np.take_along_axis(sums, np.maximum(index - 1, 0), -1), 0.0)
        upper = np.where(index == size - 1, _UNITS - size, np.floor(right * scale))
        found: Array = (upper - np.floor(left * scale) + 1)[..., 0]
        return found


class Gaussian(Symbols):
    """Numbers -span..span by the mass of a normal on [v - 1/2, v + 1/2], with the tails.

    Args:
        mean: [rows, m].
        std: [rows, m].
        span: The largest number.
    """

    def __init__(self, mean: Array, std: Array, span: int) -> None:
        self.shape, self._mean, self._std, self._span = mean.shape, mean, std, span

    def model(self) -> Any:  # noqa: ANN401
        return constriction().stream.model.QuantizedGaussian(-self._span, self._span)

    def flat(self) -> tuple[Array, ...]:
        return tuple(np.ascontiguousarray(t).reshape(-1) for t in (self._mean, self._std))

    def units(self, values: Array) -> Array:
        free = _UNITS - 1 - 2 * self._span
        left, right = (
            np.floor(free * ndtr((values + half - self._mean) / self._std)) for half in (-0.5, 0.5)
        )
        left = np.where(values == -self._span, 0, left)
        found: Array = np.where(values == self._span, free, right) - left + 1
        return found


class Uniform(Symbols):
    """Numbers 0..size - 1, all equally likely, for some of the places; others are 0 for nothing.

    Args:
        sizes: Powers of two [rows, m], 2 to 2^23.
        where: Which places have a number [rows, m].
    """

    def __init__(self, sizes: Array, where: Array) -> None:
        self.shape, self._sizes, self._where = sizes.shape, sizes, where

    def model(self) -> Any:  # noqa: ANN401
        return constriction().stream.model.Uniform()

    def flat(self) -> tuple[Array, ...]:
        return (self._sizes[self._where].astype(np.int32),)

    def flat_values(self, values: Array) -> Array:
        return values[self._where]

    def placed(self, flat: Array) -> Array:
        found = np.zeros(self.shape, np.int64)
        found[self._where] = flat
        return found

    def units(self, values: Array) -> Array:
        return np.where(self._where, _UNITS / self._sizes, _UNITS)
