"""The points on which a latent lives while it is coded."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...errors import NonFiniteError
from .stack import Array

_LARGEST = 2.0**60
_OFFSET = 128  # of exponents, so that they are stored without a sign


@dataclass(frozen=True)
class Lattice:
    """The points (i + 1/2) step of each coordinate, for whole numbers i.

    Steps are powers of two, so that positions are exact and no point lies on a bound at 0 or 1.

    Attributes:
        exponent: Of the step, to the base 2. For counts without a largest one: of their number.
        base_exponent: Of the step at the base of a flow.
    """

    exponent: int = 0
    base_exponent: int = 0

    @property
    def step(self) -> float:
        """Distance of neighbours."""
        return math.ldexp(1.0, self.exponent)

    @property
    def base(self) -> "Lattice":
        """That of the base of a flow."""
        return Lattice(self.base_exponent, self.base_exponent)

    @property
    def word(self) -> int:
        """It as a number of 16 bits."""
        return (self.exponent + _OFFSET) << 8 | (self.base_exponent + _OFFSET)

    @staticmethod
    def from_word(word: int) -> "Lattice":
        """What `word` made."""
        return Lattice(((word >> 8) & 255) - _OFFSET, (word & 255) - _OFFSET)

    def values(self, index: Array) -> Tensor:
        """The points of these numbers, float64."""
        return torch.from_numpy((index + 0.5) * self.step)

    def index(self, values: Array) -> Array:
        """The numbers of points, int64.

        Raises:
            NonFiniteError: A point is too far away.
        """
        found = np.rint(values / self.step - 0.5)
        if (np.abs(found) > _LARGEST).any():
            raise NonFiniteError(
                f"a latent of {float(np.abs(values).max()):g} is too large to be coded in steps "
                f"of {self.step:g}"
            )
        return found.astype(np.int64)


def exponent_within(width: float) -> int:
    """The exponent of the largest power of two that is no wider, as far as it can be stored."""
    exponent = math.floor(math.log2(width)) if 0 < width < math.inf else 0
    return max(-_OFFSET, min(_OFFSET - 1, exponent))
