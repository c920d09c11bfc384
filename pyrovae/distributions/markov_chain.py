"""A Markov chain of vectors, scored in one pass over all steps."""

from collections.abc import Callable

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

Sizes = torch.Size | list[int] | tuple[int, ...]

Step = Callable[[Tensor, slice], dist.TorchDistribution]
"""p(z_t | z_(t-1)) of the steps of a slice, for the values before them [..., S, L]."""


class MarkovChain(dist.TorchDistribution):
    """z_1 ~ initial, z_t ~ step(z_(t-1)): event shape [T, L].

    `log_prob` needs no loop: given z, all steps are scored at once. Draws go step by step, for
    each depends on the one before.

    Args:
        initial: p(z_1), event shape [L].
        step: Gives p(z_t | z_(t-1)), batch shape [..., S] and event shape [L], of S steps.
        num_steps: T.
        inside: Which steps belong to the sequence, bool [B, T]; None: all. The others are
            independent standard normals.
        batch_shape: None takes that of `initial`, and of `inside`.

    Example:
        >>> walk = MarkovChain(
        ...     dist.Normal(torch.zeros(2), 1.0).to_event(1),
        ...     lambda before, steps: dist.Normal(before, 0.1).to_event(1),
        ...     num_steps=5,
        ... )
        >>> walk.log_prob(walk.sample((3,))).shape
        torch.Size([3])
    """

    arg_constraints = {}
    support = constraints.independent(constraints.real, 2)

    def __init__(
        self,
        initial: dist.TorchDistribution,
        step: Step,
        num_steps: int,
        inside: Tensor | None = None,
        batch_shape: torch.Size | None = None,
    ) -> None:
        self.initial, self.transition, self.inside = initial, step, inside
        if batch_shape is None:
            rows = torch.Size() if inside is None else inside.shape[:-1]
            batch_shape = torch.broadcast_shapes(initial.batch_shape, rows)
        event_shape = torch.Size((num_steps, *initial.event_shape))
        super().__init__(batch_shape, event_shape, validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return bool(self.initial.has_rsample)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "MarkovChain":
        size = self.event_shape[0]
        shape = torch.Size(batch_shape)
        return MarkovChain(self.initial, self.transition, size, self.inside, shape)

    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        with torch.no_grad():
            return self._drawn(torch.Size(sample_shape), "sample")

    def rsample(self, sample_shape: Sizes = ()) -> Tensor:
        return self._drawn(torch.Size(sample_shape), "rsample")

    def log_prob(self, value: Tensor) -> Tensor:
        return self.step_log_prob(value).sum(-1)

    def step_log_prob(self, value: Tensor) -> Tensor:
        """log p(z_t | z_(t-1)) of each step [..., T]."""
        first = self.initial.log_prob(value[..., 0, :]).unsqueeze(-1)
        found = first
        if self.event_shape[0] > 1:
            later = self.transition(value[..., :-1, :], slice(1, self.event_shape[0]))
            rest = later.log_prob(value[..., 1:, :])
            found = torch.cat([first.expand(*rest.shape[:-1], 1), rest], -1)
        if self.inside is not None:
            found = torch.where(self.inside, found, _standard(value).log_prob(value))
        shape = torch.broadcast_shapes(found.shape[:-1], self.batch_shape)
        return found.expand(*shape, found.shape[-1])

    def step(self, previous: Tensor, t: int) -> dist.TorchDistribution:
        """p(z_t | z_(t-1)) for the value of z_(t-1) [..., L]; t counts from 0."""
        if t == 0:
            return self.initial
        made = self.transition(previous.unsqueeze(-2), slice(t, t + 1))
        return _FirstStep(made)

    def _drawn(self, sample_shape: torch.Size, how: str) -> Tensor:
        z = getattr(self.initial.expand(self.batch_shape), how)(sample_shape)
        found = [z]
        for t in range(1, self.event_shape[0]):
            made = self.transition(z.unsqueeze(-2), slice(t, t + 1))
            z = getattr(made, how)().squeeze(-2)
            found.append(z)
        whole = torch.stack(found, -2)
        if self.inside is None:
            return whole
        return torch.where(self.inside.unsqueeze(-1), whole, torch.randn_like(whole))


class _FirstStep(dist.TorchDistribution):
    """One step [..., L] of a distribution of a stretch of one step [..., 1, L]."""

    arg_constraints = {}

    def __init__(self, stretch: dist.TorchDistribution) -> None:
        self.stretch = stretch
        super().__init__(stretch.batch_shape[:-1], stretch.event_shape, validate_args=False)

    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        return self.stretch.sample(torch.Size(sample_shape)).squeeze(-2)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.stretch.log_prob(value.unsqueeze(-2)).squeeze(-1)


def _standard(like: Tensor) -> dist.TorchDistribution:
    return dist.Normal(torch.zeros_like(like), 1.0, validate_args=False).to_event(1)
