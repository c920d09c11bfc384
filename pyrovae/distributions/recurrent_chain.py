"""A sequence of vectors of which each depends on all before, through the state of a network."""

from collections.abc import Callable

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

Sizes = torch.Size | list[int] | tuple[int, ...]


class RecurrentChain(dist.TorchDistribution):
    """z_t ~ given(h_t), h_(t+1) = advance(h_t, z_t): event shape [T, L].

    `log_prob` takes the states of all steps from one call, as a recurrent network gives them for
    a sequence that is known. Draws go step by step.

    Args:
        start: The first state [..., H].
        given: The distribution of z_t, event shape [L], for states [..., S, H] of the steps of a
            slice.
        advance: The next state [..., H] from a state, z_t [..., L] and t, which counts from 0.
        states: The states before each step [..., T, H], from z [..., T, L].
        event_shape: (T, L).
        batch_shape: Of the whole.
        inside: Which steps belong to the sequence, bool [B, T]; None: all. The others are
            independent standard normals.

    Example:
        >>> total = RecurrentChain(
        ...     torch.zeros(2),
        ...     lambda state, steps: dist.Normal(state, 1.0).to_event(1),
        ...     lambda state, z, t: state + z,
        ...     lambda z: z.cumsum(-2) - z,
        ...     (5, 2),
        ... )
        >>> total.log_prob(total.sample((3,))).shape
        torch.Size([3])
    """

    arg_constraints = {}
    support = constraints.independent(constraints.real, 2)
    has_rsample = True

    def __init__(
        self,
        start: Tensor,
        given: Callable[[Tensor, slice], dist.TorchDistribution],
        advance: Callable[[Tensor, Tensor, int], Tensor],
        states: Callable[[Tensor], Tensor],
        event_shape: tuple[int, int],
        batch_shape: Sizes = (),
        inside: Tensor | None = None,
    ) -> None:
        self.start, self.given, self.advance, self.states = start, given, advance, states
        self.inside = inside
        super().__init__(torch.Size(batch_shape), torch.Size(event_shape), validate_args=False)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "RecurrentChain":
        steps, size = self.event_shape
        return RecurrentChain(
            self.start, self.given, self.advance, self.states, (steps, size), batch_shape,
            self.inside,
        )  # fmt: skip

    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        with torch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sizes = ()) -> Tensor:
        lead = torch.Size(sample_shape) + self.batch_shape
        state = self.start.expand(*lead, self.start.shape[-1])
        found = []
        for t in range(self.event_shape[0]):
            z = self.given(state.unsqueeze(-2), slice(t, t + 1)).rsample().squeeze(-2)
            found.append(z)
            if t + 1 < self.event_shape[0]:
                state = self.advance(state, z, t)
        whole = torch.stack(found, -2)
        if self.inside is None:
            return whole
        return torch.where(self.inside.unsqueeze(-1), whole, torch.randn_like(whole))

    def log_prob(self, value: Tensor) -> Tensor:
        found = self.given(self.states(value), slice(0, self.event_shape[0])).log_prob(value)
        if self.inside is not None:
            standard = dist.Normal(torch.zeros_like(value), 1.0, validate_args=False).to_event(1)
            found = torch.where(self.inside, found, standard.log_prob(value))
        return found.sum(-1)
