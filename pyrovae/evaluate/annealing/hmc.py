"""Hamiltonian Monte Carlo, for K chains of each of B data at once."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .force import Force, log_density
from .tempered_path import State


@dataclass(frozen=True)
class HMC:
    r"""One trajectory of leapfrog steps and a Metropolis correction: it leaves pi_beta invariant.

    Args:
        force: Of the density.
        scale: Unit of the step size, per datum and coordinate [B, D].
        num_leapfrog: Steps of a trajectory. For each chain their size is changed by up to a fifth
            at random, so that no trajectory is periodic.

    Source:
        MCMC using Hamiltonian dynamics (Neal, 2011), sec. 5.3, https://arxiv.org/abs/1206.1901
    """

    force: Force
    scale: Tensor
    num_leapfrog: int

    def __call__(self, state: State, beta: float, step: Tensor) -> tuple[State, Tensor]:
        """Move every chain once.

        Args:
            state: Where the chains are.
            beta: Inverse temperature.
            step: Step size of each datum [B].

        Returns:
            The new state and the acceptance probability of each chain [K, B].
        """
        at = torch.as_tensor(beta, dtype=state.log_w.dtype, device=state.u.device)
        jitter = 0.8 + 0.4 * torch.rand_like(state.log_w)
        reach = (step * jitter).unsqueeze(-1) * self.scale  # [K, B, D]
        half = 0.5 * reach
        momentum = start = torch.randn_like(state.u)
        here, force = self.force(state.u, at)
        for _ in range(self.num_leapfrog):
            momentum = momentum + half * force
            here, force = self.force(here.u + reach * momentum, at)
            momentum = momentum + half * force
        gain = log_density(here, at) - log_density(state, at)
        gain = gain + 0.5 * (start.square() - momentum.square()).sum(-1)
        chance = gain.clamp_max(0).exp().nan_to_num(0.0)  # a trajectory that diverged is rejected
        taken = torch.rand_like(chance) < chance
        moved = State(
            torch.where(taken.unsqueeze(-1), here.u, state.u),
            torch.where(taken, here.log_start, state.log_start),
            torch.where(taken, here.log_w, state.log_w),
        )
        return moved, chance
