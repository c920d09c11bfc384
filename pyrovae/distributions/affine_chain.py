"""A chain of affine maps with normal noise: a Gaussian sequence, drawn without a loop."""

import math

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

from .affine_scan import affine_scan, covariance_scan

Sizes = torch.Size | list[int] | tuple[int, ...]


class AffineChain(dist.TorchDistribution):
    r"""z_1 = b_1 + S_1 e_1 and z_t = A_t z_(t-1) + b_t + S_t e_t, with e_t ~ N(0, I).

    The prior of a linear-Gaussian state-space model is one, and so is its posterior given data.
    Draws, mean and variance are scans, and `log_prob` is one expression over all steps: there is
    no loop over time.

    Args:
        weight: A [..., T, L, L]; the first is not used.
        offset: b [..., T, L].
        scale_tril: S [..., T, L, L], lower triangles with positive diagonals.

    Source:
        Pattern Recognition and Machine Learning (Bishop, 2006), sec. 13.3

    Example:
        >>> unit = torch.eye(2).expand(5, 2, 2)
        >>> chain = AffineChain(0.5 * unit, torch.ones(5, 2), unit)
        >>> chain.sample((3,)).shape, chain.mean.shape
        (torch.Size([3, 5, 2]), torch.Size([5, 2]))
    """

    arg_constraints = {}
    support = constraints.independent(constraints.real, 2)
    has_rsample = True

    def __init__(
        self,
        weight: Tensor,
        offset: Tensor,
        scale_tril: Tensor,
        batch_shape: torch.Size | None = None,
    ) -> None:
        self.weight, self.offset, self.scale_tril = weight, offset, scale_tril
        own = torch.broadcast_shapes(weight.shape[:-3], offset.shape[:-2], scale_tril.shape[:-3])
        super().__init__(
            own if batch_shape is None else batch_shape, offset.shape[-2:], validate_args=False
        )

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "AffineChain":
        # The parameters stay as they are, so that particles share the products of the scan.
        return AffineChain(self.weight, self.offset, self.scale_tril, torch.Size(batch_shape))

    def rsample(self, sample_shape: Sizes = ()) -> Tensor:
        noise = torch.randn(
            self._extended_shape(torch.Size(sample_shape)),
            dtype=self.offset.dtype,
            device=self.offset.device,
        )
        own = torch.broadcast_shapes(
            self.weight.shape[:-3], self.offset.shape[:-2], self.scale_tril.shape[:-3]
        )
        lead = noise.shape[: noise.dim() - 2 - len(own)]
        # Draws become right-hand sides [*own, T, L, M], which share one scan of the weights.
        columns = noise.reshape(lead.numel(), *noise.shape[len(lead) :]).movedim(0, -1)
        found = affine_scan(self.weight, self.offset.unsqueeze(-1) + self.scale_tril @ columns)
        return found.movedim(-1, 0).reshape(noise.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.step_log_prob(value).sum(-1)

    def step_log_prob(self, value: Tensor) -> Tensor:
        """log p(z_t | z_(t-1)) of each step [..., T]."""
        before = torch.cat([torch.zeros_like(value[..., :1, :]), value[..., :-1, :]], -2)
        moved = (self.weight @ before.unsqueeze(-1)).squeeze(-1)
        error = (value - self.offset - moved).unsqueeze(-1)
        white = torch.linalg.solve_triangular(self.scale_tril, error, upper=False).squeeze(-1)
        log_det = self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        size = self.event_shape[-1]
        found = -0.5 * (white.square().sum(-1) + size * math.log(2 * math.pi)) - log_det
        shape = torch.broadcast_shapes(found.shape[:-1], self.batch_shape)
        return found.expand(*shape, found.shape[-1])

    def step(self, previous: Tensor, t: int) -> dist.TorchDistribution:
        """p(z_t | z_(t-1)) for the value of z_(t-1) [..., L]; t counts from 0."""
        weight = self.weight[..., t, :, :]
        loc = self.offset[..., t, :]
        if t:
            loc = loc + (weight @ previous.unsqueeze(-1)).squeeze(-1)
        factor = self.scale_tril[..., t, :, :]
        return dist.MultivariateNormal(loc, scale_tril=factor, validate_args=False)

    @property
    def mean(self) -> Tensor:
        found = affine_scan(self.weight, self.offset.unsqueeze(-1)).squeeze(-1)
        return found.expand(self.batch_shape + self.event_shape)

    @property
    def variance(self) -> Tensor:
        found = self.covariances().diagonal(dim1=-2, dim2=-1)
        return found.expand(self.batch_shape + self.event_shape)

    def covariances(self) -> Tensor:
        """The covariance of each z_t by itself [..., T, L, L]."""
        return covariance_scan(self.weight, self.scale_tril @ self.scale_tril.mT)
