"""Zero inflation of any distribution of counts."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import softplus


class ZeroInflated(dist.TorchDistribution):
    """0 with the probability of a gate, else a draw from a distribution of counts.

    Pyro's `ZeroInflatedDistribution` stores its gate when a mean or a draw is asked for. From
    then on it cannot be expanded, and scores by the probability instead of the logit, which is
    -inf for an open gate.

    Args:
        counts: Distribution of the counts, elementwise.
        gate_logits: Log-odds of a structural zero, broadcastable to its batch shape.

    Example:
        >>> from pyrovae.distributions.poisson import Poisson
        >>> ZeroInflated(Poisson(torch.tensor(0.0)), torch.tensor(0.0)).mean
        tensor(0.5000)
    """

    arg_constraints = {"gate_logits": constraints.real}

    def __init__(self, counts: dist.TorchDistribution, gate_logits: Tensor) -> None:
        shape = torch.broadcast_shapes(counts.batch_shape, gate_logits.shape)
        self.counts = counts if counts.batch_shape == shape else counts.expand(shape)
        self.gate_logits = gate_logits
        super().__init__(shape, validate_args=False)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint | None:
        return self.counts.support

    def expand(self, batch_shape: Any, _instance: Any = None) -> "ZeroInflated":  # noqa: ANN401
        return ZeroInflated(self.counts.expand(batch_shape), self.gate_logits)

    def log_prob(self, value: Tensor) -> Tensor:
        counted = self.counts.log_prob(value) - softplus(self.gate_logits)
        zero = torch.logaddexp(-softplus(-self.gate_logits), counted)
        return torch.where(value == 0, zero, counted)

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(-self.gate_logits) * self.counts.mean

    @property
    def variance(self) -> Tensor:
        spread = self.counts.variance + torch.sigmoid(self.gate_logits) * self.counts.mean**2
        return torch.sigmoid(-self.gate_logits) * spread

    def sample(self, sample_shape: Any = ()) -> Tensor:  # noqa: ANN401
        with torch.no_grad():
            counts = self.counts.sample(torch.Size(sample_shape))
            is_zero = torch.rand_like(counts) < torch.sigmoid(self.gate_logits)
            return torch.where(is_zero, 0.0, counts)
