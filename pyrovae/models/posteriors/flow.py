"""Normalizing flow as a posterior."""

from collections.abc import Callable
from typing import Any, Self

import pyro.distributions as dist
import torch
from torch import Tensor

from ...nn.flows import AffineCoupling, LayerFactory, Permutation, Radial, stacked
from ...nn.sizes import as_size
from .base import Posterior, PosteriorFactory
from .diagonal_normal import DiagonalNormal
from .distribution import as_posterior


class FlowPosterior(Posterior):
    r"""Another posterior mapped by layers of `nn.flows` that see the datum.

    The encoder outputs the parameters of the base and a context [C] for the layers.

    Args:
        latent_dim: L.
        layer: Makes each layer: a class of `pyrovae.nn.flows`, a partial of one, a `chain`, or a
            function that makes a transform of torch, Pyro or zuko (`nn.flows.as_layer`), such as
            `pyro.distributions.transforms.conditional_spline`. Transforms that are there already,
            and lists, are applied once, in turn.
        num_layers: Number of layers that are made; 4 by default.
        mixing: Makes the layer between two layers; None for none.
        context_dim: C >= 1; there is no context if no layer takes one.
        base: Makes the base.

    Raises:
        ConfigError: There is no layer, or a size is too small.

    Attributes:
        scores_any: Whether it can score any z, as STL and DReG do: see `FlowLayer`.

    Source:
        Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), sec. 4,
        https://arxiv.org/abs/1505.05770

    Example:
        >>> import torch
        >>> posterior = FlowPosterior(4, num_layers=2, context_dim=16)
        >>> q = posterior(torch.zeros(5, posterior.num_parameters))
        >>> q.batch_shape, q.event_shape
        (torch.Size([5]), torch.Size([4]))
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        layer: LayerFactory = AffineCoupling,
        num_layers: int | None = None,
        mixing: LayerFactory | None = Permutation,
        context_dim: int = 64,
        base: PosteriorFactory = DiagonalNormal,
    ) -> None:
        super().__init__(latent_dim)
        latent_dim = self.latent_dim
        self.base = as_posterior(base, latent_dim)
        self.context_dim = as_size(context_dim, "context_dim", "FlowPosterior")
        make = stacked(layer, num_layers, mixing)
        self.flow = make(latent_dim, self.context_dim)
        if not self.flow.takes_context:
            self.context_dim, self.flow = 0, make(latent_dim, 0)
        self.num_parameters = self.base.num_parameters + self.context_dim
        self.hint = f", of which {self.context_dim} are the context of the layers"
        self.scores_any = self.flow.scores_any

    @classmethod
    def example(cls, latent_dim: int = 2) -> Self:
        return cls(latent_dim, layer=Radial, num_layers=2, context_dim=4)

    def forward(self, params: Tensor) -> dist.TorchDistribution:
        own, context = self._split(params)
        return dist.TransformedDistribution(self.base(own), [self.flow.condition(context)])

    def read(self, output: Any, role: str, check: Callable[[Tensor], None]) -> Tensor:  # noqa: ANN401
        """The parameters of what the base takes, followed by a context where there is one."""
        if not self.context_dim:
            return self.base.read(output, role, check)
        if isinstance(output, tuple | list) and len(output) == 3:
            return torch.cat([self.base.read(output[:2], role, check), output[2]], -1)
        return super().read(output, role, check)

    def placed(self, params: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        own, context = self._split(params)
        start, log_base = self.base.placed(own, noise)
        transform = self.flow.condition(context)
        z = transform(start)
        return z, log_base - transform.log_abs_det_jacobian(start, z)

    def natural(self, params: Tensor, gradient: Tensor) -> Tensor:
        sizes = [self.base.num_parameters, self.context_dim]
        (own, _), (by_own, by_context) = params.split(sizes, -1), gradient.split(sizes, -1)
        return torch.cat([self.base.natural(own, by_own), by_context], dim=-1)

    def _split(self, params: Tensor) -> tuple[Tensor, Tensor | None]:
        """Parameters of the base, and the context."""
        own, context = params.split([self.base.num_parameters, self.context_dim], dim=-1)
        return own, context if self.context_dim else None
