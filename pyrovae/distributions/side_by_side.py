"""Elements of one vector that follow distributions of several kinds."""

from collections.abc import Sequence
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

from .ordinal import Ordinal


class SideBySide(dist.TorchDistribution):
    """Independent elements along the last axis, in groups of one kind of distribution each.

    Args:
        parts: Distributions of batch shape [..., n_1], [..., n_2], ..., without event axes.
        places: Which elements each part is of [n_1], [n_2], ...; together 0..D-1, each once.
        order: For each element its place among the elements of all parts one after the other [D].

    Example:
        >>> numbers = dist.Normal(torch.zeros(2), 1.0)
        >>> truth = dist.Bernoulli(logits=torch.tensor([3.0]))
        >>> places = torch.tensor([0, 2]), torch.tensor([1])
        >>> d = SideBySide([numbers, truth], places, torch.tensor([0, 2, 1]))
        >>> d.mean, d.log_prob(torch.tensor([0.0, 1.0, 0.0]))
        (tensor([0., 1., 0.]), tensor([-0.9189, -0.0486, -0.9189]))
    """

    arg_constraints = {}

    def __init__(
        self, parts: Sequence[dist.TorchDistribution], places: Sequence[Tensor], order: Tensor
    ) -> None:
        self.parts, self.places, self.order = list(parts), list(places), order
        lead = self.parts[0].batch_shape[:-1]
        super().__init__(torch.Size((*lead, len(order))), validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return all(part.has_rsample for part in self.parts)

    @property
    def support(self) -> constraints.Constraint:
        return _Supports(self)

    @property
    def mean(self) -> Tensor:
        """Of numbers the mean; of categories, levels and truth values the most probable."""
        return self._together([_typical(part) for part in self.parts])

    @property
    def variance(self) -> Tensor:
        """Of numbers, truth values and levels; of categories, which have none, 1 - max P."""
        return self._together([_spread(part) for part in self.parts])

    def averaged(self, weights: Tensor) -> Tensor:
        """`mean` of the mixture of K such vectors: batch shape [K, ...] becomes [..., D].

        Args:
            weights: [K, ...], which sum to one over the first axis.
        """
        return self._together([_typical(part, weights.unsqueeze(-1)) for part in self.parts])

    def expand(self, batch_shape: Any, _instance: Any = None) -> "SideBySide":  # noqa: ANN401
        lead = tuple(batch_shape)[:-1]
        each = zip(self.parts, self.places, strict=True)
        parts = [part.expand(torch.Size((*lead, len(places)))) for part, places in each]
        return SideBySide(parts, self.places, self.order)

    def log_prob(self, value: Tensor) -> Tensor:
        each = zip(self.parts, self.places, strict=True)
        return self._together([part.log_prob(value[..., places]) for part, places in each])

    def sample(self, sample_shape: Any = ()) -> Tensor:  # noqa: ANN401
        return self._together([part.sample(sample_shape) for part in self.parts])

    def rsample(self, sample_shape: Any = ()) -> Tensor:  # noqa: ANN401
        return self._together([part.rsample(sample_shape) for part in self.parts])

    def _together(self, values: Sequence[Tensor]) -> Tensor:
        kind = next((v.dtype for v in values if v.is_floating_point()), torch.get_default_dtype())
        return torch.cat([v.to(kind) for v in values], -1)[..., self.order]


class _Supports(constraints.Constraint):
    """Each element lies in the support of its part."""

    def __init__(self, of: SideBySide) -> None:
        self.of = of
        supports: list[Any] = [part.support for part in of.parts]
        self.supports = supports
        self.is_discrete = all(support.is_discrete for support in supports)

    def check(self, value: Tensor) -> Tensor:
        each = zip(self.supports, self.of.places, strict=True)
        held = [support.check(value[..., places]) for support, places in each]
        shape = torch.broadcast_shapes(*(h.shape[:-1] for h in held))
        return torch.cat([h.expand(*shape, -1) for h in held], -1)[..., self.of.order]


def _typical(part: dist.TorchDistribution, weights: Tensor | None = None) -> Tensor:
    """The mean of numbers, the likeliest code of others, of a part or of a mixture of K."""
    if isinstance(part, dist.Bernoulli):
        return _averaged(part.probs, weights) > 0.5
    if isinstance(part, dist.Categorical | Ordinal):
        return _averaged(part.probs, weights if weights is None else weights[..., None]).argmax(-1)
    return _averaged(part.mean, weights)


def _averaged(values: Tensor, weights: Tensor | None) -> Tensor:
    return values if weights is None else (weights * values).sum(0)


def _spread(part: dist.TorchDistribution) -> Tensor:
    if isinstance(part, dist.Categorical):
        return 1 - part.probs.amax(-1)
    return part.variance
