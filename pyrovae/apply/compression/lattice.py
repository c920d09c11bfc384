"""The points on which a continuous latent lives while it is coded."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...errors import NonFiniteError
from .stack import Array

_OFFSET = 128  # of exponents, so that they are stored without a sign


@dataclass(frozen=True)
class Lattice:
    """The points (i + 1/2) step of each coordinate, for whole numbers i.

    Steps are powers of two, so that positions are exact and no point lies on a bound of 0 or 1.

    Attributes:
        exponent: Of the step, to the base 2.
        base_exponent: The same for the base of a flow.
    """

    exponent: int = 0
    base_exponent: int = 0

    @property
    def step(self) -> float:
        """Distance of neighbours."""
        return 2.0**self.exponent

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
        return Lattice((word >> 8) - _OFFSET, (word & 255) - _OFFSET)

    def values(self, index: Array) -> Tensor:
        """The points of these numbers, float64."""
        return torch.from_numpy((index + 0.5) * self.step)

    def index(self, values: Tensor) -> Array:
        """The numbers of points [rows, m], int64."""
        return np.rint(values.double().cpu().numpy() / self.step - 0.5).astype(np.int64)


def exponent_of(width: float, name: str) -> int:
    """The exponent of the largest step that is no wider.

    Raises:
        NonFiniteError: The width is not a positive number; `name` names the site.
    """
    if not 0 < width < math.inf:
        raise NonFiniteError(
            f"the guide's latent '{name}' has a spread of {width}; train the pair anew, for such "
            "latents cannot be coded"
        )
    return max(-_OFFSET, min(_OFFSET - 1, math.floor(math.log2(width))))
