"""Beta distribution by its mean and concentration."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import logsigmoid

from .beta_binomial import beta_draw
from .deviance import deviance, stirling_excess

_SINGLE = torch.finfo(torch.float32)


class Beta(dist.TorchDistribution):
    """Beta distribution on the open interval (0, 1), by mean p and concentration c.

    The mean is p = sigmoid(logits), the variance p (1 - p) / (c + 1). 0 and 1 have no density, or
    an infinite one. Draws are kept inside, also where they are rounded to float32.

    Pyro's takes c p and c (1 - p), whose log-gamma functions cancel: in float32 it is off by .4
    nats at a concentration of a million. It also accepts 0 and 1.

    Args:
        logits: log(p / (1 - p)) [...].
        log_concentration: log c, broadcastable to it.

    Example:
        >>> uniform = Beta(torch.tensor(0.0), torch.tensor(2.0).log())
        >>> bool(uniform.log_prob(torch.tensor(0.3)).abs() < 1e-6)
        True
    """

    arg_constraints = {"logits": constraints.real, "log_concentration": constraints.real}

    def __init__(self, logits: Tensor, log_concentration: Tensor) -> None:
        shape = torch.broadcast_shapes(logits.shape, log_concentration.shape)
        self.logits, self.log_concentration = logits.expand(shape), log_concentration
        super().__init__(shape, validate_args=False)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        return _OPEN_UNIT_INTERVAL

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Beta":  # noqa: ANN401
        return Beta(self.logits.expand(batch_shape), self.log_concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        log_c = self.log_concentration
        found = stirling_excess(log_c.exp(), log_c) - log_c
        shares = logsigmoid(self.logits), logsigmoid(-self.logits)
        for log_x, log_share in zip((value.log(), torch.log1p(-value)), shares, strict=True):
            log_a = log_c + log_share
            a = log_a.exp()
            found = found + (log_a - stirling_excess(a, log_a)) - log_x
            found = found - deviance(a, log_a, log_c + log_x)
        return found

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(self.logits)

    @property
    def variance(self) -> Tensor:
        share = torch.sigmoid(-self.log_concentration)  # 1 / (1 + c)
        return self.mean * torch.sigmoid(-self.logits) * share

    def sample(self, sample_shape: Any = ()) -> Tensor:  # noqa: ANN401
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            drawn = beta_draw(self.logits.expand(shape), self.log_concentration)
            return drawn.clamp(_SINGLE.tiny, 1 - _SINGLE.eps / 2)


class _OpenUnitInterval(constraints.Constraint):
    def check(self, value: Tensor) -> Tensor:
        return (value > 0) & (value < 1)


_OPEN_UNIT_INTERVAL = _OpenUnitInterval()
