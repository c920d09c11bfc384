"""Columns of real numbers."""

import pyro.distributions as dist
from torch import Tensor

from .number_columns import NumberColumns


class RealColumns(NumberColumns):
    """Normal columns; the density is that of a number in its own units."""

    needs = "finite numbers"

    def forward(self, outputs: Tensor) -> dist.TorchDistribution:
        mean, log_scale = self.mean_and_log_second(outputs)
        loc = self.shift + self.scale * mean
        return dist.Normal(loc, self.scale * log_scale.exp(), validate_args=False)

    def seen(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.scale

    def accepts(self, x: Tensor) -> Tensor:
        return x.isfinite()

    @property
    def stand_ins(self) -> list[float]:
        """The means of the columns."""
        found: list[float] = self.shift.tolist()
        return found
