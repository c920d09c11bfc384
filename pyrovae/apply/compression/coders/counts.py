"""Counts without a largest one."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....distributions.elements import elements_of
from ..raw import pop_bits, push_bits
from ..stack import Array, Stack
from .base import Coder
from .table import is_discrete, levels_of, log_probs_at, pop_table, push_table

_MOST_BITS = 12  # of the numbers in a table
_BEYOND = 2.0**-16  # probability of all others


class CountCoder(Coder):
    """Codes independent counts 0, 1, 2, ..., as Poisson or negative binomial ones.

    The lattice says of how many bits the largest one is. Up to 4096 counts the table has them
    all. Of more it has 4096 around the mean, and what lies elsewhere is written out.
    """

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        elements: Any = elements_of(fn)
        return elements is not None and is_discrete(elements)

    def push(self, stack: Stack, value: Tensor) -> None:
        bits = self.lattice.exponent
        counts = levels_of(self, value, 0, (1 << bits) - 1)
        first, table = self._table()
        place = counts - first
        if bits > _MOST_BITS:
            is_far = (place < 0) | (place >= 1 << _MOST_BITS)
            push_bits(stack, counts, np.where(is_far, bits, 0))
            place = np.where(is_far, 1 << _MOST_BITS, place)
        push_table(stack, table, place)

    def pop(self, stack: Stack) -> Tensor:
        first, table = self._table()
        place = pop_table(stack, table)
        found = place + first
        if self.lattice.exponent > _MOST_BITS:
            is_far = place == 1 << _MOST_BITS
            raw = pop_bits(stack, np.where(is_far, self.lattice.exponent, 0))
            found = np.where(is_far, raw, found)
        return self.padded(torch.from_numpy(found).to(torch.get_default_dtype()))

    def _table(self) -> tuple[Array, Array]:
        """The first count of the table [rows, m], and the probabilities [rows, m, S]."""
        elements: Any = elements_of(self.fn)
        shape, bits = elements.batch_shape, self.lattice.exponent
        size = 1 << min(bits, _MOST_BITS)
        first = torch.zeros(shape)
        if bits > _MOST_BITS:
            middle = torch.nan_to_num(elements.mean.expand(shape)).round()
            first = (middle - size // 2).clamp(0, (1 << bits) - size)
        log_probs = log_probs_at(elements, first, size, self.rows)
        weights = np.exp(log_probs - log_probs.max(-1, keepdims=True))
        if bits > _MOST_BITS:
            beyond = weights.sum(-1, keepdims=True) * _BEYOND
            weights = np.concatenate([weights, beyond], -1)
        place = first[: self.rows].reshape(self.rows, -1).to(torch.int64).numpy()
        return place, weights
