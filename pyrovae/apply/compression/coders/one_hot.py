"""One-hot vectors."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Independent, OneHotCategorical

from ..stack import Stack
from ..symbols import Table
from .base import Coder, as_array


class OneHotCoder(Coder):
    """Codes independent one-hot vectors by the number of their class."""

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        return isinstance(_inner(fn), OneHotCategorical)

    def push(self, stack: Stack, value: Tensor) -> None:
        stack.push(self._table(), self.array(value).reshape(self.rows, -1, self._size).argmax(-1))

    def pop(self, stack: Stack) -> Tensor:
        found = torch.from_numpy(stack.pop(self._table()))
        one_hot = torch.nn.functional.one_hot(found, self._size)
        return self.padded(one_hot.reshape(self.rows, -1).to(_inner(self.fn).probs.dtype))

    @property
    def _size(self) -> int:
        return int(self.shape[-1])

    def _table(self) -> Table:
        probs = as_array(_inner(self.fn).probs.expand(self.shape), self.rows, self.name)
        return Table(np.ascontiguousarray(probs.reshape(self.rows, -1, self._size)))


def _inner(fn: Any) -> Any:  # noqa: ANN401
    while isinstance(fn, Independent):
        fn = fn.base_dist
    return fn
