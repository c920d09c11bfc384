"""Columns of two values."""

from collections.abc import Sequence

import pyro.distributions as dist
from torch import Tensor

from .base import ColumnGroup, Spec


class BinaryColumns(ColumnGroup):
    """Bernoulli columns of the codes 0 and 1; an encoder sees -1 and 1."""

    needs = "codes 0 or 1"

    def __init__(self, columns: Sequence[Spec]) -> None:
        super().__init__(columns)
        self.num_outputs = len(columns)

    def forward(self, outputs: Tensor) -> dist.TorchDistribution:
        return dist.Bernoulli(logits=outputs, validate_args=False)

    def seen(self, x: Tensor) -> Tensor:
        return 2 * x - 1

    def accepts(self, x: Tensor) -> Tensor:
        return (x == 0) | (x == 1)
