"""Distribution of ordered levels, by cumulative logits."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import logsigmoid


class Ordinal(dist.TorchDistribution):
    r"""Levels 0..C-1 of which :math:`P(x \le k) = \sigma(c_k - r)`, the proportional-odds model.

    It is a logistic variable around r, cut at the thresholds c. A larger r makes higher levels
    likelier. Distributions of fewer levels share a tensor with others where their last thresholds
    are so large that nothing lies above: 1e4, say; infinity gives gradients that are not numbers.

    Pyro's `OrderedLogistic` takes the difference of two sigmoids, which is 0 in float32 from a
    distance of 17 on; here the logarithm of the difference is computed.

    Args:
        loc: r [...].
        thresholds: c [..., C-1], ascending, broadcastable to [*loc.shape, C-1].

    Example:
        >>> d = Ordinal(torch.tensor(0.0), torch.tensor([-1.0, 1.0]))
        >>> d.probs
        tensor([0.2689, 0.4621, 0.2689])
        >>> d.log_prob(torch.tensor(2.0)).exp()
        tensor(0.2689)
    """

    arg_constraints = {"loc": constraints.real, "thresholds": constraints.real_vector}

    def __init__(self, loc: Tensor, thresholds: Tensor) -> None:
        self.thresholds = thresholds
        self.loc = loc.expand(torch.broadcast_shapes(loc.shape, thresholds.shape[:-1]))
        super().__init__(self.loc.shape, validate_args=False)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        return constraints.integer_interval(0, self.thresholds.shape[-1])

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Ordinal":  # noqa: ANN401
        return Ordinal(self.loc.expand(batch_shape), self.thresholds)

    def log_prob(self, value: Tensor) -> Tensor:
        shape = torch.broadcast_shapes(value.shape, self.loc.shape)
        level = value.long().expand(shape).unsqueeze(-1)
        cuts = self.thresholds.expand(*shape, self.thresholds.shape[-1])
        last = self.thresholds.shape[-1]
        upper = cuts.gather(-1, level.clamp(max=last - 1)).squeeze(-1) - self.loc
        lower = cuts.gather(-1, (level - 1).clamp(min=0)).squeeze(-1) - self.loc
        level = level.squeeze(-1)
        is_first, is_last = level == 0, level == last
        # sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u))
        gap = torch.where(is_first | is_last, 1.0, upper - lower)
        return (
            torch.where(is_last, 0.0, logsigmoid(upper))
            + torch.where(is_first, 0.0, logsigmoid(-lower))
            + torch.where(is_first | is_last, 0.0, torch.log(-torch.expm1(-gap)))
        )

    @property
    def probs(self) -> Tensor:
        """Probabilities of the levels [..., C]."""
        below = torch.sigmoid(self.thresholds - self.loc.unsqueeze(-1))
        ends = below.new_zeros(1).expand(*below.shape[:-1], 1)
        return torch.cat([below, 1 + ends], -1) - torch.cat([ends, below], -1)

    @property
    def mean(self) -> Tensor:
        """The mean level."""
        return self._moment(1)

    @property
    def variance(self) -> Tensor:
        """The variance of the level."""
        return self._moment(2) - self._moment(1).square()

    def sample(self, sample_shape: Any = ()) -> Tensor:  # noqa: ANN401
        with torch.no_grad():
            u = torch.empty_like(self.loc).expand(self._extended_shape(sample_shape))
            u = torch.rand_like(u).clamp_min(torch.finfo(u.dtype).tiny)
            latent = self.loc + torch.logit(u)
            return (latent.unsqueeze(-1) > self.thresholds).to(self.loc.dtype).sum(-1)

    def _moment(self, power: int) -> Tensor:
        levels = torch.arange(
            self.thresholds.shape[-1] + 1, dtype=self.loc.dtype, device=self.loc.device
        )
        return (self.probs * levels**power).sum(-1)
