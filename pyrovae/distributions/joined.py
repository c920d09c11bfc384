"""One distribution of many data, from those of parts of the data."""

from collections.abc import Sequence
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

Sizes = torch.Size | list[int] | tuple[int, ...]

# Distributions of which the parameters of the parts can be put together, and these parameters.
_PARAMETERS: dict[type[Any], tuple[str, ...]] = {
    dist.Normal: ("loc", "scale"),
    dist.MultivariateNormal: ("loc", "scale_tril"),
    dist.LowRankMultivariateNormal: ("loc", "cov_factor", "cov_diag"),
    dist.Categorical: ("logits",),
}


def joined(parts: Sequence[dist.TorchDistribution]) -> dist.TorchDistribution:
    """The distribution of all rows, given those of consecutive rows.

    Normals stay what they are; others, such as flows, become `JoinedRows`.

    Args:
        parts: Of batch shape [n_1], [n_2], ..., all of one kind.

    Example:
        >>> joined([dist.Normal(torch.zeros(2), 1.0), dist.Normal(torch.ones(1), 1.0)]).loc
        tensor([0., 0., 1.])
    """
    first: Any = parts[0]
    each: list[Any] = list(parts)
    if len(parts) == 1:
        return parts[0]
    if isinstance(first, dist.Independent):
        return joined([part.base_dist for part in each]).to_event(first.reinterpreted_batch_ndims)
    if isinstance(first, dist.MaskedDistribution) and isinstance(first._mask, bool):
        return joined([part.base_dist for part in each]).mask(first._mask)
    if type(first) is dist.Delta:
        value = torch.cat([part.v for part in each])
        log_density = torch.cat([part.log_density for part in each])
        return dist.Delta(value, log_density, first.event_dim, validate_args=False)
    if type(first) in _PARAMETERS:
        given = {
            name: torch.cat([getattr(part, name) for part in parts])
            for name in _PARAMETERS[type(first)]
        }
        made: dist.TorchDistribution = type(first)(**given, validate_args=False)
        return made
    return JoinedRows(parts)


class JoinedRows(dist.TorchDistribution):
    """Distributions of consecutive rows as one; draws and densities are those of the parts.

    Args:
        parts: Of batch shape [..., n_1], [..., n_2], ..., with equal leading axes and events.
    """

    arg_constraints = {}

    def __init__(self, parts: Sequence[dist.TorchDistribution]) -> None:
        self.parts = list(parts)
        self._sizes = [part.batch_shape[-1] for part in parts]
        first = self.parts[0]
        batch_shape = (*first.batch_shape[:-1], sum(self._sizes))
        super().__init__(torch.Size(batch_shape), first.event_shape, validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return all(part.has_rsample for part in self.parts)

    @property
    def support(self) -> constraints.Constraint | None:
        return self.parts[0].support

    @property
    def mean(self) -> Tensor:
        return self._together([part.mean for part in self.parts])

    @property
    def variance(self) -> Tensor:
        return self._together([part.variance for part in self.parts])

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "JoinedRows":
        lead = tuple(batch_shape)[:-1]
        sizes = zip(self.parts, self._sizes, strict=True)
        return JoinedRows([part.expand(torch.Size((*lead, size))) for part, size in sizes])

    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        with torch.no_grad():
            return self._together([part.sample(sample_shape) for part in self.parts])

    def rsample(self, sample_shape: Sizes = ()) -> Tensor:
        return self._together([part.rsample(sample_shape) for part in self.parts])

    def log_prob(self, value: Tensor) -> Tensor:
        value = value.expand(torch.broadcast_shapes(value.shape, self.shape()))
        values = value.split(self._sizes, -1 - self.event_dim)
        each = zip(self.parts, values, strict=True)
        return torch.cat([part.log_prob(own) for part, own in each], -1)

    def _together(self, values: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(values), -1 - self.event_dim)
