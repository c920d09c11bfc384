"""Evidence lower bound with the KL split into three weighted parts."""

import math
from typing import Literal, NamedTuple, Self, Unpack

from torch import Tensor

from ..distributions.collapsed_categorical import refuse_collapsed
from ..errors import ConfigError, SiteError
from ..particles import Particles
from ..particles.aggregate import cross_densities
from .batch import BatchELBO, BatchOptions
from .options import Weight, check_weights, is_whole


class KLTerms(NamedTuple):
    """Parts of log q(z|x) - log p(z) of each draw, which they sum to exactly [K, B], in nats."""

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_wise_kl: Tensor


class TCVAE(BatchELBO):
    r"""ELBO with weights on information, total correlation and KL by dimension: beta-TCVAE.

    In nats per datum,

    .. math:: E_q[\log p(x|z)] - \alpha\,I(z; n) - \beta\,\mathrm{TC}(z)
        - \gamma \sum_d \mathrm{KL}(q(z_d) \| p(z_d))

    The parts are means of log q(z|x) - log q(z), log q(z) - sum_d log q(z_d) and
    sum_d log q(z_d) - log p(z); the last one is a KL by dimension where the prior factorises. The
    aggregate q(z) is the mean of q(z|x) over all N data, estimated from a batch of B:

    - "stratified" (MSS): the datum that z comes from counts 1/N, each other one
      (N - 1) / (N (B - 1)). Unbiased for q(z), exact where the batch is all data. (The paper gives
      its weights to the others one after the other, of which this is the mean over all orders.)
    - "weighted" (MWS): every datum of the batch counts 1 / (N B). Its log q(z) is too low by about
      log N, and its gradient treats z's own datum like any other.

    Either way a datum's own posterior outweighs the others of a small batch, which makes the total
    correlation hard to tell from the mutual information: take batches of hundreds, and many
    steps.

    A batch of one datum has neither mutual information nor total correlation. Takes K B^2 D
    numbers of memory. With all weights equal it is `Beta` with a sampled KL.

    Args:
        beta: Weight of the total correlation.
        num_particles: Particles per datum, K >= 1; the bound is their mean.
        alpha: Weight of the mutual information between data and latents.
        gamma: Weight of the KL by dimension.
        num_data: N. By default that of the pair's subsampled plate, if it has one.
        sampling: How q(z) is estimated, as above.
        site: The latent whose KL is split; by default the first that the guide draws. Its q must
            depend on x alone, and be a normal or factorise. Other latents keep their KL.
        closed_form_kl: Of those others; see `Beta`.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: A number is negative or not finite (a tensor is not checked), N is not
            known, or below the size of a batch.
        SiteError: The guide draws something else before the site, or a density of its is unknown.

    Source:
        Isolating Sources of Disentanglement in VAEs (Chen et al., 2018), eqs. 2-4, app. C,
        https://arxiv.org/abs/1802.04942

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> objective = TCVAE(beta=6.0, num_data=1000)
        >>> bound = objective.per_datum(oracle.model, oracle.guide, oracle.sample(20, seed=1))
    """

    latents = "a normal guide"

    def __init__(
        self,
        beta: Weight,
        num_particles: int = 1,
        *,
        alpha: Weight = 1.0,
        gamma: Weight = 1.0,
        num_data: int | None = None,
        sampling: Literal["stratified", "weighted"] = "stratified",
        **options: Unpack[BatchOptions],
    ) -> None:
        check_weights(self, alpha=alpha, beta=beta, gamma=gamma)
        if sampling not in ("stratified", "weighted"):
            raise ConfigError(f"TCVAE got sampling={sampling!r}; choose 'stratified', 'weighted'")
        if num_data is not None and not is_whole(num_data, 1):
            raise ConfigError(f"TCVAE got num_data={num_data}, needs a whole number >= 1")
        super().__init__(num_particles, **options)
        self.beta = beta
        self.alpha, self.gamma = alpha, gamma
        self.num_data = num_data
        self.sampling = sampling

    @classmethod
    def example(cls) -> Self:
        return cls(beta=4.0, num_particles=3, num_data=50)

    @property
    def is_lower_bound(self) -> bool:
        """Whether all weights are one and the same, and that at least one.

        Otherwise the estimate of q(z), which does not cancel then, may put it on either side.
        """
        weights = [float(weight) for weight in (self.alpha, self.beta, self.gamma)]
        return min(weights) == max(weights) >= 1

    def terms(self, p: Particles) -> KLTerms:
        """The three parts of the site's KL, for each draw."""
        name = self.latent(p)
        if next(iter(p.guide_sites)) != name:
            raise SiteError(
                f"TCVAE needs q of '{name}' to depend on x alone, and the guide draws "
                f"'{next(iter(p.guide_sites))}' before it; name the site that it draws first, or "
                "use FactorVAE"
            )
        site = p.guide_sites[name]
        joint, alone = cross_densities(site)  # [K, B, B], [K, B, B, D]
        log_share = self._log_shares(p, joint)  # [B, B]
        log_q = (joint + log_share).logsumexp(2)
        log_product = (alone + log_share.unsqueeze(-1)).logsumexp(2).sum(-1)
        return KLTerms(
            site.log_prob - log_q, log_q - log_product, log_product - p.model_sites[name].log_prob
        )

    def own(self, p: Particles) -> Tensor:
        sites = {name: site.distributions[0] for name, site in p.guide_sites.items()}
        refuse_collapsed(sites, "TCVAE")
        information, correlation, by_dimension = self.terms(p)
        cost = self.alpha * information + self.beta * correlation + self.gamma * by_dimension
        return p.log_lik - cost - self.kl(p, but=self.latent(p))

    def _log_shares(self, p: Particles, like: Tensor) -> Tensor:
        """Logarithms of what each datum counts in q(z) of each draw [B, B]."""
        size, total = p.batch_size, self._total(p)
        if size == 1:
            return like.new_zeros(1, 1)
        if self.sampling == "weighted":
            return like.new_full((size, size), -math.log(total * size))
        other = (total - 1) / (total * (size - 1))
        shares = like.new_full((size, size), math.log(other) if other > 0 else -math.inf)
        return shares.fill_diagonal_(-math.log(total))

    def _total(self, p: Particles) -> float:
        total = self.num_data
        if total is None:
            total = p.guide_sites[self.latent(p)].num_data
        if total is None:
            raise ConfigError(
                "TCVAE weighs a batch as a part of all data, and the pair has no subsampled plate "
                "that tells how many there are; give num_data=len(x)"
            )
        if total < p.batch_size:
            raise ConfigError(
                f"TCVAE got num_data={total} and a batch of {p.batch_size} data; give the number "
                "of all data"
            )
        return total
