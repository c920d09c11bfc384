"""Bounds whose particles are dealt out to the components of a mixture guide."""

from typing import Any

from torch import Tensor

from ..errors import ConfigError, PlateError
from ..math import log_mean_exp
from ..normal_mixture import NormalMixture, stratified
from ..particles import Particles
from ..tracing import Program
from .base import ParticleELBO


class _Stratified(ParticleELBO):
    """Draws so that particle k belongs to component k mod C of the guide's `NormalMixture`."""

    def log_shares(self, p: Particles) -> Tensor | float:
        """Log-weights of the strata [K, B]; 0 where no site of the guide is a mixture.

        Raises:
            PlateError: More than one site is, or one inside a further plate.
        """
        mixtures = [
            s for s in p.guide_sites.values() if isinstance(s.distributions[0], NormalMixture)
        ]
        if not mixtures:
            return 0.0
        if self.particle_chunk or not (self.vectorize_particles or self.num_particles == 1):
            raise ConfigError(
                f"{type(self).__name__} deals its particles out to the components of "
                f"'{mixtures[0].name}' along their axis, all at once; leave "
                "vectorize_particles=True and draw no chunks, or use ELBO or IWAE"
            )
        site, *others = mixtures
        fn = site.distributions[0]
        if others or fn.batch_shape.numel() != p.num_particles * p.batch_size:
            names = ", ".join(f"'{s.name}'" for s in mixtures)
            raise PlateError(
                f"{type(self).__name__} found mixtures at {names}, of batch shape "
                f"{list(fn.batch_shape)}; strata are for one mixture per datum: keep one such "
                "site, in the plate over data alone, or use ELBO or IWAE"
            )
        return site.collect([fn.log_shares(p.num_particles)])

    def _draw(
        self,
        depth: int | None,
        model: Program,
        guide: Program,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Particles:
        if self.particle_chunk or not self.vectorize_particles:
            return super()._draw(depth, model, guide, args, kwargs)
        with stratified(self.num_particles):
            return super()._draw(depth, model, guide, args, kwargs)


class StratifiedELBO(_Stratified):
    r"""ELBO as the sum of its components' expectations, :math:`\sum_c \pi_c E_{q_c}[\log w]`.

    Its value is the ELBO's, its noise less: each of the C components gets K / C particles, and its
    weight counts exactly. With a guide that is no mixture it is `ELBO`.

    Args:
        num_particles: K, a multiple of C.

    Raises:
        ShapeError: The particles do not fill the components evenly.
        PlateError: More than one site is a mixture, or one inside a further plate.
        ConfigError: The particles are to be drawn one by one, or in chunks.

    Source:
        Automatic Differentiation Variational Inference with Mixture Models (Morningstar et al.,
        2021), sec. 3, https://arxiv.org/abs/2003.01687

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> StratifiedELBO(num_particles=4)(oracle.model, oracle.guide)(x).backward()
    """

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        shares = self.log_shares(p)
        return (p.log_w if isinstance(shares, float) else shares.exp() * p.log_w).mean(0)


class StratifiedIWAE(_Stratified):
    r"""Importance-weighted bound of all strata, :math:`\log \sum_c \pi_c \frac1T \sum_t w_{ct}`.

    A lower bound on log p(x), at least as tight as IWAE's with T particles on average, since the
    strata always cover every mode of the guide. With a guide that is no mixture it is `IWAE`.

    Args:
        num_particles: K = C T, a multiple of C.

    Raises:
        ShapeError: The particles do not fill the components evenly.
        PlateError: More than one site is a mixture, or one inside a further plate.
        ConfigError: The particles are to be drawn one by one, or in chunks.

    Source:
        Automatic Differentiation Variational Inference with Mixture Models (Morningstar et al.,
        2021), eq. 8 (SIWAE), https://arxiv.org/abs/2003.01687

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> StratifiedIWAE(num_particles=4)(oracle.model, oracle.guide)(x).backward()
    """

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        return log_mean_exp(p.log_w + self.log_shares(p), dim=0)
