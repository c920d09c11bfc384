"""Normalizing flow as a prior."""

from typing import Self

import pyro.distributions as dist
import torch
from torch import Tensor

from ...errors import ConfigError
from ...nn.flows import AffineCoupling, LayerFactory, Permutation, stacked
from .base import Prior, PriorFactory
from .distribution import as_prior
from .standard_normal import StandardNormal


class FlowPrior(Prior):
    r"""A normal, or another base, mapped by layers of `nn.flows`.

    :math:`z = f(u),\ u \sim p(u)`. The guide's z is scored through the inverse of f, so all layers
    must score any z. A layer whose inverse takes L passes, such as `InverseAutoregressive`, takes
    them in every step. The KL has no closed form.

    Args:
        latent_dim: L.
        layer: Makes each layer: a class of `pyrovae.nn.flows`, a partial of one, a `chain`, or a
            function that makes a transform of torch, Pyro or zuko (`nn.flows.as_layer`), such as
            `pyro.distributions.transforms.spline_coupling`. Transforms that are there already,
            and lists, are applied once, in turn.
        num_layers: Number of layers that are made; 4 by default.
        mixing: Makes the layer between two layers; None for none.
        base: Makes the base p(u).

    Raises:
        ConfigError: There is no layer, a size is too small, or a layer has no inverse.

    Source:
        Variational Lossy Autoencoder (Chen et al., 2017), sec. 3.2,
        https://arxiv.org/abs/1611.02731

    Example:
        >>> import torch
        >>> prior = FlowPrior(4, num_layers=2)
        >>> prior().log_prob(torch.zeros(5, 4)).shape, prior().expand([3]).sample().shape
        (torch.Size([5]), torch.Size([3, 4]))
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        layer: LayerFactory = AffineCoupling,
        num_layers: int | None = None,
        mixing: LayerFactory | None = Permutation,
        base: PriorFactory = StandardNormal,
    ) -> None:
        super().__init__(latent_dim)
        latent_dim = self.latent_dim
        self.base = as_prior(base, latent_dim)
        self.flow = stacked(layer, num_layers, mixing)(latent_dim, 0)
        if not self.flow.scores_any or self.base.needs_encoder:
            what = (
                "a base made of posteriors"
                if self.base.needs_encoder
                else "layers that only score their own draws"
            )
            raise ConfigError(
                f"FlowPrior got {what}, and a prior scores what the guide drew; take layers with "
                "an inverse, such as AffineCoupling, on a StandardNormal"
            )

    @classmethod
    def example(cls, latent_dim: int = 2) -> Self:
        return cls(latent_dim, num_layers=3)

    @torch.no_grad()
    def start_at(self, codes: Tensor, *, seed: int = 0) -> None:
        """Initialise the base from the inverse images of codes [N, L]."""
        self.base.start_at(self.flow.condition(None).inv(codes), seed=seed)

    def forward(self) -> dist.TorchDistribution:
        transforms = [self.flow.condition(None)]
        return dist.TransformedDistribution(self.base(), transforms, validate_args=False)
