"""Pseudo-Gibbs sampling, and Metropolis within Gibbs, which corrects it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .observation import Observation
from .programs import ModelRun, Programs
from .running import Found, Running


@dataclass(frozen=True)
class Gibbs:
    r"""Chains that draw z given completed data, and complete the data given z, in turn.

    A move draws :math:`z' \sim q(z|x)` and then :math:`x \sim p(x|z, observed)`. With
    `is_corrected` z' is taken with probability

    .. math:: \min\left(1, \frac{p(x, z')\,q(z|x)}{p(x, z)\,q(z'|x)}\right),

    which leaves p(z, x|observed) as it is, whatever the guide. Without, the chains converge to
    another distribution wherever q is not the posterior. Chains start from draws of the prior; the
    first half of the moves that are thrown away are not corrected, since a guide seldom hits what
    is likely for data that are not.

    Args:
        is_corrected: See above.
        num_chains: S.
        num_moves: Of each chain, of which the first half are thrown away.

    Source:
        Stochastic Backpropagation (Rezende et al., 2014), on missing data imputation,
        https://arxiv.org/abs/1401.4082; the correction, Metropolis within Gibbs: Leveraging the
        Exact Likelihood of Deep Latent Variable Models (Mattei & Frellsen, 2018),
        https://arxiv.org/abs/1802.04826
    """

    is_corrected: bool
    num_chains: int
    num_moves: int

    def __call__(self, pair: Programs, seen: Observation, x: Tensor) -> Found:
        """Run the chains.

        Args:
            pair: Of the block.
            seen: What was observed of its b data.
            x: The data, with stand-ins where they are missing [b, D].
        """
        seen = seen.repeated(self.num_chains)
        x = started(pair, seen, x.repeat(self.num_chains, 1))
        running = Running(self.num_chains, self.num_moves - self.num_moves // 2)
        chances = []
        run = pair.from_guide(x)
        for move in range(self.num_moves):
            corrects = self.is_corrected and move >= self.num_moves // 4
            run, chance = self._moved(pair, x, run) if corrects else _drawn(pair, x)
            x = seen.draw(run.elements)
            if move >= self.num_moves // 2:
                running.add(pair, seen, run)
                chances.append(chance.reshape(self.num_chains, -1).mean(0))
            pair.advance(1 / self.num_moves)
        acceptance = torch.stack(chances).mean(0)
        return running.found(pair, x, run, acceptance if self.is_corrected else None)

    def _moved(self, pair: Programs, x: Tensor, run: ModelRun) -> tuple[ModelRun, Tensor]:
        """The model after a corrected move, and the chance of the move."""
        z = run.latents
        new, log_q = pair.guide(x)
        _, log_q_old = pair.guide(x, z)  # what the guide draws besides z is drawn anew
        proposed = pair.model(x, new)
        gain = _log_joint(proposed, x) - log_q - _log_joint(run, x) + log_q_old
        chance = gain.clamp_max(0).exp().nan_to_num(0.0)
        z = pair.where(torch.rand_like(chance) < chance, new, z)
        return pair.model(x, z), chance


def started(pair: Programs, seen: Observation, x: Tensor) -> Tensor:
    """Completions by draws from the prior [R, D]."""
    return seen.filled(pair.from_prior(x))


def _drawn(pair: Programs, x: Tensor) -> tuple[ModelRun, Tensor]:
    return pair.from_guide(x), torch.ones(len(x)).to(pair.like)


def _log_joint(run: ModelRun, x: Tensor) -> Tensor:
    each = run.elements.log_prob(x.reshape(run.elements.batch_shape))
    return run.log_prior + each.reshape(x.shape).sum(-1)
