"""A normalizing flow on the steps of another posterior."""

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Transform

from ...nn.flows import InverseAutoregressive, LayerFactory, LayerTransform, Permutation, stacked
from ...nn.sizes import as_size
from .affine_steps import AffineSteps
from .base import StepPosterior, StepPosteriorFactory


class FlowSteps(StepPosterior):
    """Another posterior whose every z_t is mapped by layers of `nn.flows` that see the step.

    z = (f(u_1; c_1), ..., f(u_T; c_T)) for a sequence u of the base and contexts c_t of the
    encoder. All steps are mapped at once. Steps beyond a sequence's length are left as they are.

    Args:
        latent_dim: L.
        base: Makes the base.
        layer: Makes each layer; see `FlowPosterior`.
        num_layers: How many; 2 by default.
        mixing: Makes the layer between two; None for none.
        context_dim: C, outputs of the encoder a step for the layers.

    Source:
        Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016),
        https://arxiv.org/abs/1606.04934

    Example:
        >>> form = FlowSteps(3, context_dim=4)
        >>> q = form(torch.zeros(5, 7, form.num_parameters))
        >>> q.log_prob(q.sample()).shape
        torch.Size([5])
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        base: StepPosteriorFactory = AffineSteps,
        layer: LayerFactory = InverseAutoregressive,
        num_layers: int | None = 2,
        mixing: LayerFactory | None = Permutation,
        context_dim: int = 16,
    ) -> None:
        super().__init__(latent_dim)
        self.base = base(self.latent_dim)
        self.context_dim = as_size(context_dim, "context_dim", "FlowSteps")
        make = stacked(layer, num_layers, mixing)
        self.flow = make(self.latent_dim, self.context_dim)
        if not self.flow.takes_context:
            self.context_dim, self.flow = 0, make(self.latent_dim, 0)
        self.num_parameters = self.base.num_parameters + self.context_dim

    def forward(self, params: Tensor, inside: Tensor | None = None) -> dist.TorchDistribution:
        own, transform = self._split(params)
        if inside is not None:
            transform = _Inside(transform, inside)
        return dist.TransformedDistribution(self.base(own, inside), [transform])

    def step(self, params: Tensor, previous: Tensor | None) -> dist.TorchDistribution:
        """The same given the value of the base at the step before, u_(t-1)."""
        own, transform = self._split(params)
        return dist.TransformedDistribution(self.base.step(own, previous), [transform])

    def propose(
        self, params: Tensor, carried: Tensor | None, num_particles: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        own, transform = self._split(params)
        u, log_q, carried = self.base.propose(own, carried, num_particles)
        z = transform(u)
        return z, log_q - transform.log_abs_det_jacobian(u, z), carried

    def _split(self, params: Tensor) -> tuple[Tensor, Transform]:
        own, context = params.split([self.base.num_parameters, self.context_dim], -1)
        return own, self.flow.condition(context if self.context_dim else None)


class _Inside(LayerTransform):
    """A map of the steps inside a sequence; the others stay as they are."""

    def __init__(self, inner: Transform, inside: Tensor) -> None:
        super().__init__()
        self.inner, self.inside = inner, inside

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.inner(x)
        return self._within(x, y, self.inner.log_abs_det_jacobian(x, y))

    def backward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        x = self.inner.inv(y)
        return self._within(y, x, self.inner.log_abs_det_jacobian(x, y))

    def _within(self, kept: Tensor, mapped: Tensor, log_det: Tensor) -> tuple[Tensor, Tensor]:
        known = self.inside.unsqueeze(-1)
        return torch.where(known, mapped, kept), torch.where(self.inside, log_det, 0.0)
