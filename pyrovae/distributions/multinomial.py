"""Multinomial distribution whose total is that of each datum."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

from .deviance import log_or_zero, stirling_excess

_AT_ONCE = 2**22  # draws of single counts in memory
_SINGLY = 2**16  # the largest total of which single counts are drawn


class Multinomial(dist.TorchDistribution):
    """Counts of a datum given their total.

    Pyro's takes one total for all data. Here each datum is scored at its own total, whatever
    total draws have, and its log-gamma functions do not cancel in float32.

    Args:
        log_shares: Log-probabilities of the elements [..., *data_shape]; they sum to one.
        total: Of draws and of the mean [...], above 0; draws round it.
        event_dim: Number of axes of a datum, 1 or more.
        observed: Where a datum was observed, bool, [..., *data_shape]: the score is that of the
            observed counts given the observed total. None is everywhere.

    Example:
        >>> d = Multinomial(torch.tensor([0.5, 0.25, 0.25]).log(), torch.tensor(4.0))
        >>> d.mean, d.log_prob(torch.tensor([2.0, 1.0, 1.0])).exp()  # 4! / 2! / 4 / 4 / 4
        (tensor([2., 1., 1.]), tensor(0.1875))
    """

    arg_constraints = {"log_shares": constraints.real}

    def __init__(
        self, log_shares: Tensor, total: Tensor, event_dim: int = 1, observed: Tensor | None = None
    ) -> None:
        self.axes = tuple(range(-event_dim, 0))
        split = log_shares.dim() - event_dim
        lead = torch.broadcast_shapes(log_shares.shape[:split], total.shape)
        self.log_shares = log_shares.expand(*lead, *log_shares.shape[split:])
        self.total, self.observed = total, observed
        super().__init__(lead, log_shares.shape[split:], validate_args=False)

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> constraints.Constraint:
        return constraints.independent(constraints.nonnegative_integer, len(self.axes))

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Multinomial":  # noqa: ANN401
        shares = self.log_shares.expand(*batch_shape, *self.event_shape)
        total = self.total.expand(batch_shape)
        return Multinomial(shares, total, len(self.axes), self.observed)

    def log_prob(self, value: Tensor) -> Tensor:
        # x log(n p / x) sums terms of the size of the difference between x and n p; the rest
        # of the log-gamma functions depends on x alone, and is computed once for all particles.
        x, log_shares = value.to(self.log_shares.dtype), self.log_shares
        if self.observed is not None:
            x = torch.where(self.observed, value, 0).to(x.dtype)
            log_shares = log_shares - self._log_seen(self.observed)
        total = x.sum(self.axes, keepdim=True)
        log_x, log_total = log_or_zero(x), log_or_zero(total)
        ways = stirling_excess(total, log_total).sum(self.axes)
        ways = ways - stirling_excess(x, log_x).sum(self.axes)
        return (x * (log_shares - (log_x - log_total))).sum(self.axes) + ways

    @property
    def mean(self) -> Tensor:
        return self._total_of_elements() * self.log_shares.exp()

    @property
    def variance(self) -> Tensor:
        share = self.log_shares.exp()
        return self._total_of_elements() * share * (1 - share)

    def sample(self, sample_shape: Any = ()) -> Tensor:  # noqa: ANN401
        shape = self._extended_shape(sample_shape)
        lead, size = shape[: len(shape) - len(self.axes)], self.event_shape.numel()
        with torch.no_grad():
            shares = self.log_shares.exp().expand(shape).reshape(-1, size)
            total = self.total.expand(lead).reshape(-1, 1).round()
            made = torch.zeros_like(shares)
            most = int(total.max()) if total.numel() else 0
            if most > _SINGLY:
                return _by_element(shares, total).reshape(shape)
            step = max(1, _AT_ONCE // max(len(shares), 1))
            for start in range(0, most, step):
                number = torch.arange(start, min(start + step, most), device=total.device)
                drawn = torch.multinomial(shares, len(number), replacement=True)
                made.scatter_add_(-1, drawn, (number < total).to(made.dtype))
            return made.reshape(shape)

    def _total_of_elements(self) -> Tensor:
        return self.total.reshape(self.total.shape + (1,) * len(self.axes))

    def _log_seen(self, observed: Tensor) -> Tensor:
        """Log-probability of all that was observed, with the axes of a datum."""
        seen = self.log_shares.masked_fill(~observed, -torch.inf)
        is_bare = seen.amax(self.axes, keepdim=True) == -torch.inf  # all terms are 0
        return torch.where(is_bare, self.log_shares, seen).logsumexp(self.axes, keepdim=True)


def _by_element(shares: Tensor, total: Tensor) -> Tensor:
    """Counts [N, S] of large totals [N, 1]: each element is binomial, given those before it."""
    kind, shares, left = shares.dtype, shares.double(), total.double().squeeze(-1)
    rest = shares.flip(-1).cumsum(-1).flip(-1)
    made = torch.zeros_like(shares)
    for place in range(shares.shape[-1]):
        share = (shares[:, place] / rest[:, place]).nan_to_num(0.0).clamp(0.0, 1.0)
        made[:, place] = torch.binomial(left, share)
        left = left - made[:, place]
    return made.to(kind)
