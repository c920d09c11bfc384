"""Normals of a full covariance on a lattice, coordinate by coordinate."""

import numpy as np

from ..stack import Array, Stack
from .normals import Normals


class TriangularNormals:
    """Multivariate normals over the points of a lattice.

    Each coordinate is normal given those before it, of all rows at once.

    Args:
        mean: In units of the lattice [rows, m, L]; number i stands for i.
        factor: Lower triangular factor of the covariance, likewise [rows, m, L, L].
        is_open: See `Normals`.
    """

    def __init__(self, mean: Array, factor: Array, *, is_open: bool) -> None:
        self._mean, self._factor, self._is_open = mean, factor, is_open
        self._scale = np.abs(np.diagonal(factor, axis1=-2, axis2=-1))

    def push(self, stack: Stack, index: Array) -> None:
        """Push numbers [rows, m, L], int64."""
        noise = np.zeros(self._mean.shape)
        steps = []
        for place in range(self._mean.shape[-1]):
            normals = self._given(noise, place)
            steps.append(normals)
            self._note(noise, index[..., place], place)
        for place in reversed(range(len(steps))):
            steps[place].push(stack, index[..., place])

    def pop(self, stack: Stack) -> Array:
        """Pop numbers [rows, m, L], int64."""
        noise = np.zeros(self._mean.shape)
        found = np.zeros(self._mean.shape, np.int64)
        for place in range(self._mean.shape[-1]):
            found[..., place] = self._given(noise, place).pop(stack)
            self._note(noise, found[..., place], place)
        return found

    def _given(self, noise: Array, place: int) -> Normals:
        """Of one coordinate, given those before it."""
        mean = self._expected(noise, place)
        return Normals(mean, self._scale[..., place], is_open=self._is_open)

    def _note(self, noise: Array, index: Array, place: int) -> None:
        """Fill in the standard normal noise of a coordinate."""
        factor = self._factor[..., place, place]
        noise[..., place] = (index - self._expected(noise, place)) / factor

    def _expected(self, noise: Array, place: int) -> Array:
        row = self._factor[..., place, :place]
        found: Array = self._mean[..., place] + (row * noise[..., :place]).sum(-1)
        return found
