"""Independent variables of finitely many levels, by a table of their probabilities."""

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical, constraints

from ....distributions.elements import elements_of
from ....errors import NonFiniteError, SupportError
from ..stack import Array, Stack
from ..symbols import Table
from .base import Coder

_ENTRIES = 2**22  # of a table at a time


class TableCoder(Coder):
    """Codes independent variables over whole numbers from a smallest to a largest level.

    Whatever has a `log_prob` of its levels: categorical, binomial, beta-binomial, discretised
    logistic, a user's own.
    """

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        return ends_of(elements_of(fn)) is not None

    def push(self, stack: Stack, value: Tensor) -> None:
        low, high = self._ends
        push_table(stack, self._table(), levels_of(self, value, low, high) - low)

    def pop(self, stack: Stack) -> Tensor:
        found = torch.from_numpy(pop_table(stack, self._table()) + self._ends[0])
        is_class = isinstance(elements_of(self.fn), Categorical)
        return self.padded(found if is_class else found.to(torch.get_default_dtype()))

    @property
    def _ends(self) -> tuple[int, int]:
        return cast(tuple[int, int], ends_of(elements_of(self.fn)))  # see `takes`

    def _table(self) -> Array:
        """Probabilities of all levels [rows, m, S]."""
        elements: Any = elements_of(self.fn)
        low, high = self._ends
        if isinstance(elements, Categorical):
            probs = elements.probs[: self.rows].reshape(self.rows, -1, high - low + 1)
            return np.ascontiguousarray(probs.double().cpu().numpy())
        first = torch.full(elements.batch_shape, low, dtype=torch.get_default_dtype())
        return np.exp(log_probs_at(elements, first, high - low + 1, self.rows))


def push_table(stack: Stack, table: Array, place: Array) -> None:
    """Push numbers [rows, m] by a table [rows, m, S] of probabilities."""
    for part in reversed(_slices(table)):
        stack.push(Table(table[:, part]), place[:, part])


def pop_table(stack: Stack, table: Array) -> Array:
    """Pop what `push_table` pushed."""
    return np.concatenate([stack.pop(Table(table[:, part])) for part in _slices(table)], 1)


def _slices(table: Array) -> list[slice]:
    rows, width, size = table.shape
    at_once = max(1, _ENTRIES // max(1, rows * size))
    return [slice(i, i + at_once) for i in range(0, width, at_once)]


def log_probs_at(elements: Any, first: Tensor, size: int, rows: int) -> Array:  # noqa: ANN401
    """Log-probabilities of `size` levels from the first one of each element [rows, m, size]."""
    shape = elements.batch_shape
    found = np.empty((rows, shape[1:].numel(), size))
    high = getattr(elements.support, "upper_bound", None)  # may differ between elements
    high = None if high is None else torch.as_tensor(high)
    at_once = max(1, _ENTRIES // max(1, shape.numel()))
    for start in range(0, size, at_once):
        steps = torch.arange(start, min(size, start + at_once)).to(first)
        levels = first + steps.reshape(-1, *[1] * len(shape))
        inside = levels if high is None else levels.minimum(high.to(levels))
        log_probs = elements.log_prob(inside).masked_fill(inside != levels, -torch.inf)
        log_probs = log_probs.expand(len(steps), *shape)[:, :rows]
        part = log_probs.double().reshape(len(steps), rows, -1).permute(1, 2, 0)
        found[..., start : start + len(steps)] = part.cpu().numpy()
    if np.isnan(found).any() or (found == np.inf).any():
        raise NonFiniteError(
            f"a {type(elements).__name__} gives probabilities that are infinite or not a number, "
            "so that nothing can be coded"
        )
    return found


def ends_of(elements: Any) -> tuple[int, int] | None:  # noqa: ANN401
    """The smallest and the largest level; None where they are not whole numbers, or no end is."""
    if elements is None:
        return None
    if isinstance(elements, Categorical):
        return 0, elements.logits.shape[-1] - 1
    if not is_discrete(elements):
        return None
    support = elements.support
    if support is constraints.boolean:
        return 0, 1
    low, high = (getattr(support, f"{end}_bound", None) for end in ("lower", "upper"))
    if low is None or high is None:
        return None
    return int(torch.as_tensor(low).min()), int(torch.as_tensor(high).max())


def is_discrete(fn: Any) -> bool:  # noqa: ANN401
    """Whether all values of a distribution have a probability, as far as it says."""
    try:
        return bool(fn.support.is_discrete)
    except NotImplementedError:
        return False


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
