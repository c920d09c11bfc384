"""One bound for the model's parameters and a looser one, over groups, for the guide's."""

from typing import Any

import torch
from torch import Tensor

from ..math import log_mean_exp
from ..particles import Particles
from ..particles.pathwise import PathwiseParticles
from ..particles.tracing import Program
from .groups import GroupedELBO
from .path import PathELBO, paths_of, weighted_loss


class PIWAE(GroupedELBO):
    r"""Importance-weighted bound of M K particles, whose guide follows `MIWAE`.

    In nats per datum. The model's parameters follow the gradient of IWAE with M K particles, which
    is the value; the guide's follow that of the mean of M bounds of K particles, plain: paths and
    score. Parameters that both sides declare receive the sum of the two roles.

    Args:
        num_groups: M >= 1.
        group_size: K >= 1. M K particles are drawn per datum.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Source:
        Tighter Variational Bounds are Not Necessarily Better (Rainforth et al., 2018), sec. 4,
        https://arxiv.org/abs/1802.04537

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> PIWAE(num_groups=2, group_size=4)(oracle.model, oracle.guide)(x).backward()
    """

    follows_bound = False  # the guide follows MIWAE

    @property
    def takes_global_latents(self) -> bool:
        """The gradient is put together from the paths of single data."""
        return False

    def bound(self, p: Particles) -> Tensor:  # [M K, B] -> [B]
        return log_mean_exp(p.log_w)

    def followed_loss(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        paths = paths_of(self, model, guide, args, kwargs)
        p = paths.particles
        loss = self._split_loss(paths) + p.total_penalty
        score = self._score(p)
        if score is None:
            return loss
        term = (self.own_group(p.log_w.detach()) * score).sum(0)
        return loss - (p.scale * (term - term.detach())).sum()

    def _split_loss(self, paths: PathwiseParticles) -> Tensor:
        """Loss whose model follows the weights of all particles, and whose guide its groups'."""
        log_w = paths.particles.log_w.detach()
        w, h = torch.softmax(log_w, 0), self.shares(log_w) / self.num_groups
        return weighted_loss(paths, paths.particles, log_mean_exp(log_w), w, h)


class DReGPIWAE(PathELBO, PIWAE):
    """`PIWAE` whose guide follows the doubly reparameterised gradient of `MIWAE`.

    Args:
        num_groups: M >= 1.
        group_size: K >= 1. M K particles are drawn per datum.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ReparamError: A site of the guide has no reparameterised sampler.

    Source:
        Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives (Tucker et al.,
        2019), eq. 8 in each group, https://arxiv.org/abs/1810.04152

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> DReGPIWAE(num_groups=2, group_size=4)(oracle.model, oracle.guide)(x).backward()
    """

    def weights(self, p: Particles) -> tuple[Tensor, Tensor]:
        return torch.softmax(p.log_w, 0), self.shares(p.log_w) ** 2 / self.num_groups

    def plain_loss(self, paths: PathwiseParticles) -> Tensor:
        return self._split_loss(paths)
