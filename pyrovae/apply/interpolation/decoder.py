"""A model as a map from the values of one latent to the distribution of the data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ...errors import ShapeError, SiteError
from ...particles.conditionals import Conditional, conditionals
from ...particles.tracing import Program
from ..observed import site_of_data
from ..values import mean_or_none

Ends = tuple[Tensor, Tensor]
"""Values at the two ends of a path [P, ...] each."""


@dataclass(frozen=True)
class Decoder:
    """p(x|z) along P paths, with the other latents held.

    Args:
        model: p(z)p(x|z).
        args: What it takes, for one datum of each path [P, ...].
        site: The latent that is chosen.
        held: Values of other latents at the two ends; between them they go straight, and what is
            discrete stays as at the first. A latent that is not here takes its mean given the
            latents before it.
    """

    model: Program
    args: tuple[Any, ...]
    site: str
    held: Mapping[str, Ends] = field(default_factory=dict)

    def sites(self, z: Tensor, t: Tensor) -> dict[str, Conditional]:
        """The sites of the model at z [P, T, L] and times t [T]; rows [P * T], path by path.

        Raises:
            ShapeError: The latent has another size.
            SiteError: There is no such latent, or another one has no mean to take.
        """
        count, rows = len(t), len(self.args[0])
        args = [
            a.repeat_interleave(count, 0)
            if isinstance(a, Tensor) and a.shape[:1] == (rows,)
            else a
            for a in self.args
        ]

        def choose(name: str, fn: TorchDistribution) -> Tensor:
            shape = fn.batch_shape + fn.event_shape
            if name == self.site:
                if z.numel() != shape.numel():
                    raise ShapeError(
                        f"the latent '{name}' has the shape {list(shape)} for {count * rows} "
                        f"points, and values of shape {list(z.shape)} do not fit"
                    )
                return z.reshape(shape)
            if name in self.held:
                return _between(*self.held[name], t).reshape(shape)
            mean = mean_or_none(fn)
            if mean is None:
                raise SiteError(
                    f"the latent '{name}' states no mean, and something must be decoded beside "
                    f"'{self.site}'; hold it at the posterior with others='posterior'"
                )
            return mean

        found = conditionals(self.model, *args, values=choose)
        if self.site not in found:
            raise SiteError(f"the model has no latent '{self.site}': name one of {sorted(found)}")
        return found

    def __call__(self, z: Tensor, t: Tensor) -> tuple[str, Conditional]:
        """The site of the data at z [P, T, L] and times t [T], differentiable in z."""
        data = self.args[0].repeat_interleave(len(t), 0)
        return site_of_data(self.sites(z, t), data)

    def mean(self, z: Tensor, t: Tensor) -> Tensor:
        """E[x|z] [P, T, *data_shape]."""
        fn = self(z, t)[1].fn
        return fn.mean.reshape(*z.shape[:2], *self.args[0].shape[1:])


def _between(first: Tensor, last: Tensor, t: Tensor) -> Tensor:
    """[P, ...] x 2 -> [P * T, ...]."""
    if not first.is_floating_point():
        return first.repeat_interleave(len(t), 0)
    at = t.to(first).reshape(1, -1, *[1] * (first.dim() - 1))
    return torch.lerp(first.unsqueeze(1), last.unsqueeze(1), at).flatten(0, 1)
