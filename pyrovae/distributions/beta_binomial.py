"""Beta-binomial distribution by its mean and concentration."""

import math
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import logsigmoid

from .deviance import deviance, log_or_zero, log_sum, stirling_excess


class BetaBinomial(dist.TorchDistribution):
    """Binomial whose probability is a beta variable: counts 0..n with more than its spread.

    Mean n p for p = sigmoid(logits), variance n p (1 - p) (c + n) / (c + 1) for the concentration
    c. As c grows it becomes the binomial.

    Pyro's takes c p and c (1 - p). Its log-beta functions cancel: in float32 it is off by a nat
    at a concentration of a million, and not a number where a logit makes c p vanish.

    Args:
        total_count: n, at least 1.
        logits: log(p / (1 - p)) [...].
        log_concentration: log c, broadcastable to it.

    Example:
        >>> BetaBinomial(16, torch.tensor(0.0), torch.tensor(1.0)).mean
        tensor(8.)
    """

    arg_constraints = {"logits": constraints.real, "log_concentration": constraints.real}

    def __init__(self, total_count: int, logits: Tensor, log_concentration: Tensor) -> None:
        shape = torch.broadcast_shapes(logits.shape, log_concentration.shape)
        self.total_count = total_count
        self.logits, self.log_concentration = logits.expand(shape), log_concentration
        super().__init__(shape, validate_args=False)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        return constraints.integer_interval(0, self.total_count)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "BetaBinomial":  # noqa: ANN401
        return BetaBinomial(
            self.total_count, self.logits.expand(batch_shape), self.log_concentration
        )

    def log_prob(self, value: Tensor) -> Tensor:
        # The posterior mean of p, (c p + x) / (c + n), lies between p and x / n. The large terms
        # are c and n times the divergences of these two from it.
        log_c, x = self.log_concentration, value.to(self.logits.dtype)
        n = log_c.new_full((), self.total_count)
        log_n = math.log(self.total_count)
        c = log_c.exp()
        log_both = torch.log(c + n)
        whole = stirling_excess(n + c, log_both) - stirling_excess(c, log_c)
        found = log_both - log_c - whole + stirling_excess(n, n.new_full((), log_n))
        for count, log_share in ((x, logsigmoid(self.logits)), (n - x, logsigmoid(-self.logits))):
            log_a, log_count = log_c + log_share, log_or_zero(count)
            a = log_a.exp()
            log_sum_a = log_sum(a, log_a, count)
            log_posterior = log_sum_a - log_both
            found = found + (log_a - log_sum_a) - stirling_excess(count, log_count)
            found = found + stirling_excess(a + count, log_sum_a) - stirling_excess(a, log_a)
            found = found - deviance(a, log_a, log_c + log_posterior)
            found = found - deviance(count, log_count, log_n + log_posterior)
        return found

    @property
    def mean(self) -> Tensor:
        return self.total_count * torch.sigmoid(self.logits)

    @property
    def variance(self) -> Tensor:
        binomial = self.mean * torch.sigmoid(-self.logits)
        # (c + n) / (c + 1) without an overflow of c
        return binomial * (1 + (self.total_count - 1) * torch.sigmoid(-self.log_concentration))

    def sample(self, sample_shape: Any = ()) -> Tensor:  # noqa: ANN401
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            p = beta_draw(self.logits.expand(shape), self.log_concentration)
            return torch.binomial(torch.full_like(p, self.total_count), p)


def beta_draw(logits: Tensor, log_concentration: Tensor) -> Tensor:
    """A draw from the beta distribution of this mean and concentration, of the logits' shape.

    It is a ratio of gamma variables, kept as logarithms: for a tiny concentration both underflow,
    and torch's draws are then 1/2 instead of 0 or 1.
    """
    log_a = log_concentration + logsigmoid(logits)
    log_b = log_concentration + logsigmoid(-logits)
    return torch.sigmoid(_log_gamma_draw(log_a) - _log_gamma_draw(log_b))


def _log_gamma_draw(log_shape: Tensor) -> Tensor:
    """The logarithm of a gamma variable g(a) = g(a + 1) u^(1/a), u uniform."""
    a = log_shape.exp().clamp(min=1e-30)
    return torch._standard_gamma(a + 1).log() - torch.empty_like(a).exponential_() / a
