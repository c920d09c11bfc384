"""Mean of importance-weighted bounds over groups of particles."""

from torch import Tensor

from ..math import log_mean_exp
from ..particles import Particles
from .groups import GroupedELBO
from .path import PathELBO


class MIWAE(GroupedELBO):
    r"""Mean of M importance-weighted bounds of K particles each.

    In nats per datum. Its expectation is that of IWAE with K particles. For equal M K, fewer
    particles to a group loosen the bound and sharpen the gradient to the guide.

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
        >>> bound = MIWAE(num_groups=2, group_size=4).per_datum(oracle.model, oracle.guide, x)
    """

    def bound(self, p: Particles) -> Tensor:  # [M K, B] -> [B]
        return log_mean_exp(self.groups(p.log_w), dim=1).mean(0)

    def credit(self, p: Particles, bound: Tensor) -> Tensor:
        """The bound of each particle's own group: no other depends on it."""
        return self.own_group(p.log_w)


class DReGMIWAE(PathELBO, MIWAE):
    """`MIWAE` with the doubly reparameterised gradient, of equal mean and less noise.

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
        >>> DReGMIWAE(num_groups=2, group_size=4)(oracle.model, oracle.guide)(x).backward()
    """

    def weights(self, p: Particles) -> tuple[Tensor, Tensor]:
        w = self.shares(p.log_w)
        return w / self.num_groups, w**2 / self.num_groups
