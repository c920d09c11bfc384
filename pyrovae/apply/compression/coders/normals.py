"""Normals on a lattice as fine as one likes, of any mean and width."""

import numpy as np

from ....errors import NonFiniteError
from ..raw import pop_bits, push_bits
from ..stack import Array, Stack
from ..symbols import Gaussian, Table

_SPAN = 16  # cells on each side of the mean, one or two of them in a standard deviation
_PARTS = 4  # bits of the place in a cell by the normal density; further bits are uniform
_RAW_BITS = 62  # of what lies beyond all cells


class Normals:
    """Independent normals over the whole numbers that stand for points of a lattice.

    A number is told relative to the mean in three steps: a cell half to one standard deviation
    wide, one of 16 parts of it, and a point in it, all of which are equally likely. So a fine
    lattice costs no precision. Fixed point gives every cell at least 2^-24, which a draw meets
    beyond six standard deviations about once in a million coordinates.

    Args:
        mean: In units of the lattice [rows, m]; number i stands for i.
        std: Likewise, positive.
        is_open: Whether it takes any number: what lies beyond the cells, at least 8 standard
            deviations from the mean, is written out. Otherwise it takes what it drew itself.
    """

    def __init__(self, mean: Array, std: Array, *, is_open: bool) -> None:
        # Rounded, so that the last digits of the networks' outputs do not matter.
        mean = np.floor(mean * 256 + 0.5) / 256
        std = np.exp2(np.rint(np.log2(np.maximum(std, 1e-3)) * 1024) / 1024)
        self._whole = np.rint(mean).astype(np.int64)
        self._mean, self._std, self._is_open = mean - self._whole, std, is_open
        self._bits = np.clip(np.floor(np.log2(std)), _PARTS, 56).astype(np.int64)
        self._low = self._bits - _PARTS
        size = np.exp2(self._bits)
        self._cells = Gaussian((self._mean + 0.5) / size - 0.5, std / size, _SPAN)

    def push(self, stack: Stack, index: Array) -> None:
        """Push numbers [rows, m], int64.

        Raises:
            NonFiniteError: One is too large to be written out.
        """
        offset = index - self._whole
        cell = offset >> self._bits
        is_far = self._is_open & (np.abs(cell) >= _SPAN)
        if is_far.any():
            if (np.abs(offset[is_far]) >> (_RAW_BITS - 1)).any():
                raise NonFiniteError(
                    "a latent lies too far from where the model expects it to be coded"
                )
            push_bits(stack, offset + (1 << (_RAW_BITS - 1)), np.where(is_far, _RAW_BITS, 0))
        inside = offset & ((1 << self._bits) - 1)
        push_bits(stack, inside, np.where(is_far, 0, self._low))
        cell = np.clip(cell, -_SPAN, _SPAN)
        stack.push(self._parts(cell), np.where(is_far, 0, inside >> self._low))
        stack.push(self._cells, cell)

    def pop(self, stack: Stack) -> Array:
        """Pop numbers [rows, m], int64."""
        cell = stack.pop(self._cells)
        is_far = self._is_open & (np.abs(cell) >= _SPAN)
        part = stack.pop(self._parts(cell))
        low = pop_bits(stack, np.where(is_far, 0, self._low))
        offset = (cell << self._bits) + (part << self._low) + low
        if is_far.any():
            raw = pop_bits(stack, np.where(is_far, _RAW_BITS, 0)) - (1 << (_RAW_BITS - 1))
            offset = np.where(is_far, raw, offset)
        found: Array = offset + self._whole
        return found

    def _parts(self, cell: Array) -> Table:
        """Of each cell, by the density in their middles."""
        width = np.exp2(self._low)
        first = (cell << self._bits) - 0.5 - self._mean
        middle = first[..., None] + (np.arange(1 << _PARTS) + 0.5) * width[..., None]
        log_density = -0.5 * np.square(middle / self._std[..., None])
        return Table(np.exp(log_density - log_density.max(-1, keepdims=True)))
