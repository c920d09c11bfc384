"""Evidence lower bound with a penalty on the covariance of the aggregate posterior."""

from typing import Literal, Unpack

import torch
from torch import Tensor

from ..errors import ConfigError
from ..particles import Particles
from ..particles.aggregate import moments
from .batch import BatchELBO, BatchOptions
from .options import Weight, check_weights


class DIPVAE(BatchELBO):
    r"""ELBO that draws the covariance of the latents to the identity: DIP-VAE I and II.

    In nats per datum, with a covariance C,

    .. math:: \mathrm{ELBO} - \lambda_{od} \sum_{i \ne j} C_{ij}^2
        - \lambda_d \sum_i (C_{ii} - 1)^2

    Variant "I" takes the covariance of the means over the data, Cov[E[z|x]]; "II" that of the
    aggregate, E[Cov[z|x]] + Cov[E[z|x]]. Both are over the batch, with the divisor B, so that
    small batches give too small a Cov[E[z|x]], by (B - 1) / B. It is meant for a prior whose
    covariance is the identity.

    Args:
        off_diagonal: Weight of squared covariances, lambda_od.
        diagonal: Weight of squared deviations of variances from one, lambda_d; by default
            10 lambda_od for "I" and lambda_od for "II", as in the paper.
        num_particles: Particles per datum, K >= 1; the bound is their mean.
        variant: "I" or "II".
        site: The latent; by default the first that the guide draws. It must be a normal, or
            factorise. Where the guide draws others before it, its moments are those given them.
        closed_form_kl: See `Beta`.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: A number is negative or not finite (a tensor is not checked), or there is
            no such variant.
        SiteError: The covariance of the guide's distribution is unknown.

    Source:
        Variational Inference of Disentangled Latent Concepts from Unlabeled Observations (Kumar et
        al., 2018), eqs. 6 and 7, https://arxiv.org/abs/1711.00848

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(20, seed=1)
        >>> bound = DIPVAE(10.0, variant="I").per_datum(oracle.model, oracle.guide, x)
    """

    latents = "a guide with moments"

    def __init__(
        self,
        off_diagonal: Weight = 10.0,
        diagonal: Weight | None = None,
        num_particles: int = 1,
        *,
        variant: Literal["I", "II"] = "II",
        **options: Unpack[BatchOptions],
    ) -> None:
        if variant not in ("I", "II"):
            raise ConfigError(f"DIPVAE got variant={variant!r}; choose 'I' or 'II'")
        check_weights(self, off_diagonal=off_diagonal)
        if diagonal is not None:
            check_weights(self, diagonal=diagonal)
        super().__init__(num_particles, **options)
        self.off_diagonal = off_diagonal
        self.diagonal = diagonal
        self.variant = variant

    def covariance(self, p: Particles) -> Tensor:
        """C of the batch, one for each particle [K, D, D]."""
        mean, covariance = moments(p.guide_sites[self.latent(p)])
        centred = mean - mean.mean(1, keepdim=True)
        of_means = centred.mT @ centred / p.batch_size
        return of_means if self.variant == "I" else covariance.mean(1) + of_means

    def own(self, p: Particles) -> Tensor:
        return p.log_lik - self.kl(p)

    def shared(self, p: Particles) -> Tensor:
        off_diagonal, diagonal = self.off_diagonal, self.diagonal
        if diagonal is None:
            diagonal = off_diagonal * 10 if self.variant == "I" else off_diagonal
        found = self.covariance(p)
        variances = found.diagonal(dim1=1, dim2=2)
        others = (found - torch.diag_embed(variances)).square().sum((1, 2))
        cost = off_diagonal * others + diagonal * (variances - 1).square().sum(1)
        return -cost.mean()
