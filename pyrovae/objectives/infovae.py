"""Evidence lower bound with a distance between q(z) and p(z) in the place of the KL."""

from collections.abc import Callable, Sequence
from typing import Literal, Unpack

import torch
from torch import Tensor

from ..errors import ConfigError, SiteError
from ..particles import Particles
from ..particles.aggregate import fresh_draws
from ..particles.kl import site_kl
from .batch import BatchELBO, BatchOptions, latents_of
from .options import check_finite


class InfoVAE(BatchELBO):
    r"""ELBO with a maximum mean discrepancy (MMD) in the place of the KL: InfoVAE and WAE-MMD.

    .. math:: E_q[\log p(x|z)] - (1 - \alpha)\,\mathrm{KL}(q(z|x) \| p(z))
        - (\alpha + \lambda - 1)\,\mathrm{MMD}^2(q(z), p(z))

    in nats per datum. ``alpha=0, lam=1`` is the ELBO, ``alpha=1`` (no KL, and the guide may be a
    point mass) the Wasserstein autoencoder WAE-MMD. See `squared_mmd` for the estimator, which
    compares the draws of the batch with as many fresh draws of the prior, and is zero in
    expectation where the two agree; of a batch of one datum it is zero. Kernels of the squared
    distance r are, with c = 2 D width^2, the distance that is expected of two draws of a normal
    with that standard deviation,

    - "imq": inverse multiquadratic, c / (c + r), which sees far outliers too;
    - "rbf": exp(-r / c).

    Args:
        alpha: Of the KL's weight 1 - alpha; at most one.
        lam: Of the weight alpha + lam - 1 of the MMD, which may not be negative.
        num_particles: Particles per datum, K >= 1: the bound is their mean, and the MMD too.
        kernel: "imq" or "rbf".
        widths: In standard deviations of the prior; the kernel is the mean over them.
        site: The latent; by default the first that the model draws. The model must draw no other
            before it, and no class or code, since its prior may depend on that one's draw. Others
            keep their KL. A prior that depends on an argument of the pair (labels) is drawn for
            those of the batch.
        closed_form_kl: See `Beta`.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    The prior is drawn by its own sampler. Its parameters follow the MMD along the draws, or by
    their score where the sampler is not reparameterised.

    Raises:
        ConfigError: A weight would be negative, a number is not finite, or the kernel is unknown.
        SiteError: The model draws something else before the site.

    Source:
        InfoVAE: Balancing Learning and Inference in Variational Autoencoders (Zhao et al., 2019),
        eq. 6, https://arxiv.org/abs/1706.02262; Wasserstein Auto-Encoders (Tolstikhin et al.,
        2018), algorithm 2, https://arxiv.org/abs/1711.01558

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(20, seed=1)
        >>> bound = InfoVAE(alpha=0.5, lam=100.0).per_datum(oracle.model, oracle.guide, x)
    """

    latents = "first latent a vector"

    def __init__(
        self,
        alpha: float = 0.0,
        lam: float = 100.0,
        num_particles: int = 1,
        *,
        kernel: Literal["imq", "rbf"] = "imq",
        widths: Sequence[float] = (1.0,),
        **options: Unpack[BatchOptions],
    ) -> None:
        check_finite(self, "alpha=0, lam=1 is the ELBO", alpha=alpha, lam=lam)
        if alpha > 1 or alpha + lam - 1 < 0:
            raise ConfigError(
                f"InfoVAE got alpha={alpha}, lam={lam}, which weigh the KL by {1 - alpha:g} and "
                f"the MMD by {alpha + lam - 1:g}; neither may be negative"
            )
        if kernel not in ("imq", "rbf"):
            raise ConfigError(f"InfoVAE got kernel={kernel!r}; choose 'imq' or 'rbf'")
        widths = tuple(widths)
        check_finite(self, "a width is a standard deviation", **{"widths": sum(widths)})
        if not widths or min(widths) <= 0:
            raise ConfigError(f"InfoVAE got widths={widths}, needs one or more numbers > 0")
        super().__init__(num_particles, **options)
        self.alpha, self.lam = alpha, lam
        self.kernel = kernel
        self.widths = widths

    @property
    def is_lower_bound(self) -> bool:
        """Whether the KL has weight one or more; the MMD, not negative on average, lowers it."""
        return self.alpha <= 0

    def latent(self, p: Particles) -> str:
        name = super().latent(p)
        latents = latents_of(p)
        first = next(n for n in p.model_sites if n in latents)
        is_vector = p.guide_sites[first].value.is_floating_point()
        if first == name or (self.site is None and is_vector):
            return first
        way_out = (
            "name the site that the model draws first"
            if is_vector
            else "and classes and codes have no distance; use DIPVAE or FactorVAE"
        )
        raise SiteError(
            f"InfoVAE draws from the prior of '{name}', and the model draws '{first}' before it, "
            f"on which that prior may depend; {way_out}"
        )

    def own(self, p: Particles) -> Tensor:
        name = self.latent(p)
        bound = p.log_lik - self.kl(p, but=name)
        if self.alpha == 1:  # a point mass has no KL
            return bound
        kl = site_kl(p, name, closed_form=self.closed_form_kl).value
        return bound - (1 - self.alpha) * kl

    def shared(self, p: Particles) -> Tensor | float:
        weight = self.alpha + self.lam - 1
        if weight == 0:
            return 0.0
        name = self.latent(p)
        size = p.num_particles, p.batch_size
        z = p.guide_sites[name].value
        prior, score = fresh_draws(p.model_sites[name])
        z, prior = (t.expand(*size, *t.shape[2:]).reshape(*size, -1) for t in (z, prior.to(z)))
        found = squared_mmd(z, prior, self.kernel_of).mean()
        if score is not None and p.batch_size > 1:
            term = (self._part_of_each(z, prior).detach() * score).sum(1).mean()
            found = found + (term - term.detach())
        return -weight * found

    def _part_of_each(self, z: Tensor, prior: Tensor) -> Tensor:
        """The part of the MMD that each draw of the prior contributes [K, B]."""
        size = z.shape[1]
        among = self.kernel_of(prior, prior)
        others = among.sum(2) - among.diagonal(dim1=1, dim2=2)
        return 2 * others / (size * (size - 1)) - 2 * self.kernel_of(z, prior).sum(1) / size**2

    def kernel_of(self, one: Tensor, other: Tensor) -> Tensor:
        """Of all pairs, [..., n, D] and [..., m, D] -> [..., n, m]."""
        squares = one.square().sum(-1).unsqueeze(-1) + other.square().sum(-1).unsqueeze(-2)
        distance = (squares - 2 * one @ other.mT).clamp(min=0)
        scales = [2 * one.shape[-1] * width**2 for width in self.widths]
        if self.kernel == "imq":
            found = [c / (c + distance) for c in scales]
        else:
            found = [(-distance / c).exp() for c in scales]
        return torch.stack(found).mean(0)


def squared_mmd(one: Tensor, other: Tensor, kernel: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    r"""Unbiased estimate of the squared MMD of two distributions from draws of them.

    .. math:: \frac{1}{n(n-1)}\sum_{i\ne j} k(x_i, x_j) + \frac{1}{m(m-1)}\sum_{i\ne j} k(y_i, y_j)
        - \frac{2}{nm}\sum_{i,j} k(x_i, y_j)

    A U-statistic: it may be negative. Zero where there are fewer than two draws of one.

    Args:
        one: Draws x [..., n, D].
        other: Draws y [..., m, D].
        kernel: Of all pairs of two sets, [..., n, D] and [..., m, D] -> [..., n, m].

    Returns:
        [...].

    Source:
        A Kernel Two-Sample Test (Gretton et al., 2012), eq. 3,
        https://jmlr.org/papers/v13/gretton12a.html
    """
    n, m = one.shape[-2], other.shape[-2]
    if min(n, m) < 2:
        return one.new_zeros(one.shape[:-2])
    within = []
    for draws, count in ((one, n), (other, m)):
        pairs = kernel(draws, draws)
        equal = pairs.diagonal(dim1=-2, dim2=-1).sum(-1)
        within.append((pairs.sum((-2, -1)) - equal) / (count * (count - 1)))
    return within[0] + within[1] - 2 * kernel(one, other).mean((-2, -1))
