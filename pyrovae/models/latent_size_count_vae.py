"""Counts whose sizes are latent."""

from collections.abc import Sequence
from typing import Any, Self, cast

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import ConfigError
from ..nn import MLP, Multinomial, Network, Shape
from ..nn.likelihoods.counts import SizedCounts
from .any_data import IN_DATA, Companion, takes_any_data
from .base import (
    Latent,
    check_data,
    evaluated,
    evaluated_outside_programs,
    latent_of,
    mean_or_draw,
)
from .capabilities import Figure, evidence_of
from .count_vae import CountVAE
from .networks import run
from .totals import check_totals


class LatentSizeCountVAE(CountVAE):
    r"""CountVAE with a latent size l of each datum, log l ~ N(m_y, s_y^2).

    The size is not the total, but what the total is expected to be: a negative binomial or a
    zero-inflated head leaves it open. So this is a density of x, log p(x | y), which compares with
    that of models that are not given totals. The further site "log_size" is a number for each
    datum; the guide's starts at the log of the total.

    Args:
        data_shape: See `CountVAE`, as for `latent_dim`.
        latent_dim: L.
        log_sizes: Mean and standard deviation of the log of the totals of each batch, C pairs
            (m, s), as `data.counts` supplies them for its training data. So C is the number of
            batches.
        size_encoder: Maps [N, \*join.shape] to [N, 2]: what is added to the log of the total, and
            the log of the scale in units of one over the root of the total.
        parts: See `CountVAE`.

    Raises:
        ConfigError: A scale is not above 0, or the likelihood is multinomial, which is given
            totals; or see `CountVAE`.

    Source:
        Deep generative modeling for single-cell transcriptomics (Lopez et al., 2018), Methods,
        https://doi.org/10.1038/s41592-018-0229-2

    Example:
        >>> vae = LatentSizeCountVAE((30,), 2, log_sizes=[[3.0, 0.5], [4.0, 0.5]])
        >>> vae.generate(torch.tensor([0, 1]), mean=False).shape
        torch.Size([2, 30])
    """

    size_loc: Tensor
    size_scale: Tensor

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        log_sizes: Sequence[Sequence[float]],
        *,
        size_encoder: Network = MLP,
        **parts: Any,  # noqa: ANN401 (those of CountVAE)
    ) -> None:
        sizes = torch.as_tensor(log_sizes, dtype=torch.get_default_dtype())
        if sizes.dim() != 2 or sizes.shape[1:] != (2,) or not bool((sizes[:, 1] > 0).all()):
            raise ConfigError(
                f"LatentSizeCountVAE got log_sizes={log_sizes}; it needs a pair (mean, standard "
                "deviation above 0) of the log of the totals of each batch, as "
                'data.counts(x, y).supplies["log_sizes"] has them'
            )
        super().__init__(data_shape, latent_dim, len(sizes), **parts)
        if isinstance(self.likelihood, Multinomial):
            raise ConfigError(
                "LatentSizeCountVAE got a multinomial likelihood, which is given the totals that "
                "this family has a density of; take NegativeBinomial(size_factor='total')"
            )
        self.register_buffer("size_loc", sizes[:, 0].clone())
        self.register_buffer("size_scale", sizes[:, 1].clone())
        self.size_encoder = self.join.build(size_encoder, (2,))

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), 2, log_sizes=[[4.0, 0.5], [5.0, 0.5], [5.0, 1.0]])

    def model(self, x: Tensor, y: Tensor) -> None:
        """p(z)p(l|y)p(x | z, y, l) over a batch x [B, *data_shape] with their batches y [B]."""
        self.declare("decoder", "likelihood", "prior")
        check_data(x, self.data_shape, "LatentSizeCountVAE.model")
        if is_validation_enabled():
            self.likelihood.check(x)
            check_totals(x, "LatentSizeCountVAE")
        given = self.condition(y, x.shape[:1])
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", self._prior(given))
            log_size = pyro.sample("log_size", self._sizes(given))
            pyro.sample("x", self._sized(z, given, log_size), obs=x)

    def guide(self, x: Tensor, y: Tensor) -> None:
        """q(z|x, y)q(l|x, y) over a batch x [B, *data_shape] with their batches y [B]."""
        self.declare("encoder", "posterior", "size_encoder")
        given = self._given(x, y, "guide")
        if self.training and torch.is_grad_enabled():
            self.condition.note(given)
        with pyro.plate("data", x.shape[0]):
            pyro.sample("z", self._encode(x, given))
            pyro.sample("log_size", self._encode_size(x, given))

    @takes_any_data
    @evaluated_outside_programs
    def encode_size(self, x: Tensor, y: Companion = IN_DATA) -> dist.TorchDistribution:
        """The distribution q(log l|x, y), batch shape [B]."""
        return self._encode_size(x, self._given(x, y, "encode_size"))

    @evaluated
    @torch.no_grad()
    def generate(
        self, y: Tensor, *, mean: bool = True, size: Tensor | float | None = None
    ) -> Tensor:
        """A new datum for each batch y [N], of a size drawn from that batch's, or of `size`."""
        if size is None:
            drawn = torch.as_tensor(y).to(self.size_loc.device)
            hot = self.condition(drawn, drawn.shape[:1])
            size = self._sizes(hot).sample().exp()
        return super().generate(y, mean=mean, size=size)

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def reconstruct(
        self, x: Tensor, y: Companion = IN_DATA, *, mean: bool = True, latent: Latent = "sample"
    ) -> Tensor:
        """Encode x and its size and decode them: see `CountVAE.reconstruct`."""
        given = self._given(x, y, "reconstruct")
        z = latent_of(self._encode(x, given), latent)
        log_size = latent_of(self._encode_size(x, given), latent)
        return mean_or_draw(self._sized(z, given, log_size), mean)

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """What the evidence is of."""
        return [evidence_of("p(x|y)", "y the batch")]

    def _sizes(self, given: Tensor) -> dist.TorchDistribution:
        loc, scale = given @ self.size_loc, given @ self.size_scale
        return dist.Normal(loc, scale, validate_args=False)

    def _encode_size(self, x: Tensor, given: Tensor) -> dist.TorchDistribution:
        both = self.join(self.likelihood.rescale(x), given)
        found = run(self.size_encoder, both, len(self.join.shape), "size_encoder")
        log_total = x.flatten(1).sum(1).to(found.dtype).clamp(min=1).log()
        loc, log_scale = log_total + found[..., 0], found[..., 1] - log_total / 2
        return dist.Normal(loc, log_scale.exp(), validate_args=False)

    def _sized(self, z: Tensor, given: Tensor, log_size: Tensor) -> dist.TorchDistribution:
        if self.likelihood.sizes_are_given:
            raise ConfigError(
                "LatentSizeCountVAE has latent sizes, and GivenSizes gives them; take a CountVAE, "
                "whose sizes can be given"
            )
        return cast(SizedCounts, self._decode(z, given)).of_size(log_size)
