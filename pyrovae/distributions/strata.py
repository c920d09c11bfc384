"""Particles assigned to strata: components of a mixture, or values of a discrete site."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from ..errors import ShapeError


class StratifiedAssignment:
    """Assigns the particles of one draw to the strata of its sites, in the sites' order.

    Where several sites have strata, every combination of them gets the same number of particles.

    Args:
        num_particles: K.

    Example:
        >>> assignment = StratifiedAssignment(6)
        >>> assignment.assign(2), assignment.assign(3)
        (tensor([0, 1, 0, 1, 0, 1]), tensor([0, 0, 1, 1, 2, 2]))
    """

    def __init__(self, num_particles: int) -> None:
        self.num_particles = num_particles
        self._strata = 1

    def assign(self, count: int, device: torch.device | str = "cpu") -> Tensor:
        """The stratum of each particle, out of `count` [K].

        Raises:
            ShapeError: The particles do not fill the strata evenly.
        """
        stride, self._strata = self._strata, self._strata * count
        if self.num_particles % self._strata:
            raise ShapeError(
                f"{self.num_particles} particles do not fill {self._strata} strata evenly (the "
                "components of a mixture, the values of a discrete site); take a multiple of "
                f"{self._strata}"
            )
        return torch.arange(self.num_particles, device=device) // stride % count


_current: ContextVar[StratifiedAssignment | None] = ContextVar(
    "stratified assignment", default=None
)


def current_assignment() -> StratifiedAssignment | None:
    """The assignment of the draw that runs here; None where it is not stratified."""
    return _current.get()


@contextmanager
def stratified(num_particles: int) -> Iterator[None]:
    """Within this context one draw assigns its particles, on the leftmost axis, to strata."""
    token = _current.set(StratifiedAssignment(num_particles))
    try:
        yield
    finally:
        _current.reset(token)
