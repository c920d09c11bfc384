"""Planar flow."""

import math

import torch
from torch import Tensor
from torch.distributions import Transform
from torch.nn import functional as F

from .base import Amortised, FlowLayer, LayerTransform

_ONE = math.log(math.e - 1)  # softplus(_ONE) = 1


class Planar(FlowLayer):
    r"""Stretches along one direction: :math:`y = z + \hat u \tanh(w^\top z + b)`.

    :math:`\hat u` is u shifted along w so that :math:`w^\top \hat u > -1`, where the map is
    invertible. At u = 0 the shift is 0 and the map the identity. In the paper and in Pyro
    :math:`w^\top \hat u = -0.31` at u = 0.

    Args:
        dim: L.
        context_dim: C.

    Source:
        Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), sec. 4.1 and
        appendix A.1, https://arxiv.org/abs/1505.05770

    Example:
        >>> layer = Planar(4, context_dim=3)
        >>> layer.condition(torch.randn(2, 3))(torch.randn(5, 2, 4)).shape
        torch.Size([5, 2, 4])
    """

    scores_any = False

    def __init__(self, dim: int, context_dim: int = 0) -> None:
        super().__init__(dim, context_dim)
        dim, context_dim = self.dim, self.context_dim
        self.u = Amortised((dim,), context_dim)
        self.w = Amortised((dim,), context_dim, scale=dim**-0.5)
        self.b = Amortised((1,), context_dim)

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        return _Planar(self.u(context), self.w(context), self.b(context)[..., 0])


class _Planar(LayerTransform):
    def __init__(self, u: Tensor, w: Tensor, b: Tensor) -> None:
        super().__init__()
        along = (u * w).sum(-1)
        self.stretch = F.softplus(along + _ONE).clamp_min(1e-6) - 1  # w' u_hat
        size = w.square().sum(-1).clamp_min(torch.finfo(w.dtype).tiny)
        self.u_hat = u + ((self.stretch - along) / size)[..., None] * w
        self.w, self.b = w, b

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        act = torch.tanh((x * self.w).sum(-1) + self.b)
        y = x + self.u_hat * act[..., None]
        return y, torch.log1p(self.stretch * (1 - act.square()))
