"""Running moments of draws of a gradient."""

from collections.abc import Iterator
from typing import NamedTuple, Self

import torch
from torch import Tensor

_BLOCK = 2**16  # numbers that are summed at once, so that they stay in the processor's cache
_ROUNDING = 1e-7  # of a gradient in single precision


class Moments(NamedTuple):
    """Mean and variance of vectors [P] in float64, from sums that do not grow with the draws.

    Attributes:
        num_draws: How many vectors.
        mean: Their mean [P].
        squares: Sum of their squared distances from it [P].
    """

    num_draws: int
    mean: Tensor
    squares: Tensor

    @classmethod
    def of_none(cls, size: int, device: torch.device) -> Self:
        """Those of no vectors yet."""
        zeros = torch.zeros(size, dtype=torch.float64, device=device)
        return cls(0, zeros, zeros)

    def and_of(self, values: Tensor) -> Self:
        """Those of further vectors [S, P] as well.

        Source:
            Updating Formulae and a Pairwise Algorithm for Computing Sample Variances (Chan et
            al., 1979), eqs. 2.1.
        """
        count, mean, squares = self
        for block in in_blocks(values):
            total = count + len(block)
            own = block.mean(0)
            off = own - mean
            squares = squares + (block - own).square_().sum(0)
            squares += off.square() * (count * len(block) / total)
            mean = mean + off * (len(block) / total)
            count = total
        return type(self)(count, mean, squares)

    @property
    def variance(self) -> Tensor:
        """Unbiased estimate [P]."""
        return self.squares / (self.num_draws - 1)


class Directions:
    """Compares gradients with a target, by group of leaves.

    Args:
        target: The gradient whose direction counts [P].
        parts: Where each group lies in it.
        device: Of the gradients.
    """

    def __init__(self, target: Tensor, parts: list[slice], device: torch.device) -> None:
        self._parts = parts
        self._units = [(target[part] / target[part].norm()).to(device) for part in parts]

    def ratios(self, values: Tensor) -> Tensor:
        """Sums over gradients [S, P] of length along the target over length across [groups]."""
        found = torch.zeros(len(self._parts), dtype=torch.float64, device=values.device)
        for block in in_blocks(values):
            for index, (part, unit) in enumerate(zip(self._parts, self._units, strict=True)):
                found[index] += self._ratio(block[:, part], unit)
        return found

    @staticmethod
    def _ratio(values: Tensor, unit: Tensor) -> Tensor:
        along, square = values @ unit, values.square().sum(1)
        across = (square - along.square()).clamp_min(_ROUNDING**2 * square)
        return torch.where(square == 0, 0.0, along.abs() / across.sqrt()).sum()


def in_blocks(values: Tensor) -> Iterator[Tensor]:
    """Rows of [S, P] in float64, a few at a time."""
    rows = max(1, _BLOCK // max(1, values.shape[1]))
    return (block.double() for block in values.split(rows))
