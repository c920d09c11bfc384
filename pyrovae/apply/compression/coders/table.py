"""Independent variables of finitely many levels, by a table of their probabilities."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical, constraints

from ....distributions.elements import elements_of
from ....errors import SupportError
from ..stack import Array, Stack
from ..symbols import Table
from .base import Coder

_ENTRIES = 2**23  # of a table at a time


class TableCoder(Coder):
    """Codes independent variables over whole numbers from a smallest to a largest level.

    Whatever has a `log_prob` of its levels: categorical, binomial, beta-binomial, discretised
    logistic, a user's own.
    """

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        return ends_of(elements_of(fn)) is not None

    def push(self, stack: Stack, value: Tensor) -> None:
        low, high = ends_of(elements_of(self.fn))
        levels = levels_of(self, value, low, high) - low
        table = self._table(low, high)
        for part in reversed(self._slices(table)):
            stack.push(Table(table[:, part]), levels[:, part])

    def pop(self, stack: Stack) -> Tensor:
        low, high = ends_of(elements_of(self.fn))
        table = self._table(low, high)
        parts = [stack.pop(Table(table[:, part])) for part in self._slices(table)]
        found = torch.from_numpy(np.concatenate(parts, 1) + low)
        is_class = isinstance(elements_of(self.fn), Categorical)
        return self.padded(found if is_class else found.to(torch.get_default_dtype()))

    def _slices(self, table: Array) -> list[slice]:
        width = max(1, _ENTRIES // (table.shape[0] * table.shape[2]))
        return [slice(i, i + width) for i in range(0, table.shape[1], width)]

    def _table(self, low: int, high: int) -> Array:
        """Probabilities of all levels [rows, m, S]."""
        elements = elements_of(self.fn)
        if isinstance(elements, Categorical):
            found = elements.probs[: self.rows].reshape(self.rows, -1, high - low + 1)
            return np.ascontiguousarray(found.double().cpu().numpy())
        return table_of(elements, low, high, self.rows)


def table_of(elements: Any, low: int, high: int, rows: int) -> Array:  # noqa: ANN401
    """Probabilities of the levels low..high of each element of some rows [rows, m, S]."""
    shape = elements.batch_shape
    size = high - low + 1
    found = np.empty((rows, shape[1:].numel(), size))
    at_once = max(1, _ENTRIES // max(1, shape.numel()))
    for first in range(0, size, at_once):
        levels = torch.arange(first, min(size, first + at_once)) + low
        levels = levels.to(torch.get_default_dtype()).reshape(-1, *[1] * len(shape))
        log_probs = elements.log_prob(levels).expand(len(levels), *shape)[:, :rows]
        part = log_probs.double().exp().reshape(len(levels), rows, -1).permute(1, 2, 0)
        found[..., first : first + len(levels)] = part.cpu().numpy()
    return found


def ends_of(elements: Any) -> tuple[int, int] | None:  # noqa: ANN401
    """The smallest and the largest level; None where they are not whole numbers, or no end is."""
    if elements is None or not elements.support.is_discrete:
        return None
    if isinstance(elements, Categorical):
        return 0, elements.logits.shape[-1] - 1
    support = elements.support
    if support is constraints.boolean:
        return 0, 1
    low, high = (getattr(support, f"{end}_bound", None) for end in ("lower", "upper"))
    if low is None or high is None:
        return None
    return int(torch.as_tensor(low).min()), int(torch.as_tensor(high).max())


def levels_of(coder: Coder, value: Tensor, low: int, high: int) -> Array:
    """The levels [rows, m] of a value, int64.

    Raises:
        SupportError: They are no whole numbers from low to high.
    """
    given = value[: coder.rows].reshape(coder.rows, -1).double()
    if not bool(((given == given.round()) & (given >= low) & (given <= high)).all()):
        raise SupportError(
            f"site '{coder.name}' codes whole numbers in {low}..{high}, and got values in "
            f"[{float(given.min()):g}, {float(given.max()):g}]; bring the data to the levels "
            "that the pair was trained on"
        )
    return given.to(torch.int64).cpu().numpy()
