"""Binomial likelihood for counts and coarse grey levels."""

import pyro.distributions as dist
from torch import Tensor
from torch.nn.functional import logsigmoid

from ...errors import ConfigError
from .base import Likelihood, Reading, Sizes, Values


class Binomial(Likelihood):
    """Binomial likelihood of counts and coarse levels 0..total_count; the decoder outputs logits.

    It fits the 8x8 digits, whose pixels count the inked cells of 16.

    Args:
        total_count: The largest value, n.

    Raises:
        ConfigError: `total_count` is below one.

    Example:
        >>> import torch
        >>> Binomial(total_count=16)(torch.zeros(3, 1, 64), event_dim=1).mean.shape
        torch.Size([3, 64])
    """

    def __init__(self, total_count: int = 16) -> None:
        super().__init__()
        if total_count < 1:
            raise ConfigError(f"Binomial got total_count={total_count}; it needs at least 1")
        self.total_count = total_count
        self.needs = f"whole numbers in 0..{total_count}"
        self.bounds = (0.0, float(total_count))

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        return _Binomial(self.total_count, params[0])

    def reading(self, parameter: int) -> Reading:
        return "logits"

    def accepts(self, values: Values) -> bool:
        return values.whole and values.low >= 0 and values.high <= self.total_count

    def rescale(self, x: Tensor) -> Tensor:
        return x / self.total_count

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        top = values.top_level
        return f"Binomial(total_count={top})" if top is not None and top > 1 else None

    def extra_repr(self) -> str:
        return f"total_count={self.total_count}"


class _Binomial(dist.Binomial):
    """Binomial whose count is one Python number for all elements.

    The binomial coefficient then depends on the value alone. It is computed for [B, D] data, not
    for the [K, B, D] logits of all particles; its lgamma is most of the cost.
    """

    def __init__(self, count: int, logits: Tensor) -> None:
        self.count = count
        super().__init__(logits.new_full((), count), logits=logits, validate_args=False)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "_Binomial":
        return _Binomial(self.count, self.logits.expand(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        n, k = self.logits.new_full((), self.count), value.to(self.logits.dtype)
        log_choose = (n + 1).lgamma() - (k + 1).lgamma() - (n - k + 1).lgamma()
        return log_choose + k * logsigmoid(self.logits) + (n - k) * logsigmoid(-self.logits)
