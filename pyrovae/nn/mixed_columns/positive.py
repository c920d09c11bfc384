"""Columns of positive numbers."""

from torch import Tensor

from ...distributions.log_normal import LogNormal
from .number_columns import NumberColumns


class PositiveColumns(NumberColumns):
    """Log-normal columns; networks see the logarithm, the density is that of the number itself."""

    needs = "finite numbers above 0"

    def forward(self, outputs: Tensor) -> LogNormal:
        mean, log_scale = self.mean_and_log_second(outputs)
        return LogNormal(self.shift + self.scale * mean, self.scale * log_scale.exp())

    def seen(self, x: Tensor) -> Tensor:
        return (x.log() - self.shift) / self.scale

    def accepts(self, x: Tensor) -> Tensor:
        return x.isfinite() & (x > 0)

    @property
    def stand_ins(self) -> list[float]:
        """The medians of the columns."""
        found: list[float] = self.shift.clamp(max=80.0).exp().tolist()
        return found
