"""Radial flow."""

import torch
from torch import Tensor
from torch.distributions import Transform
from torch.nn import functional as F

from .base import Amortised, FlowLayer, LayerTransform


class Radial(FlowLayer):
    r"""Expands or contracts around a centre: :math:`y = z + \beta (z - z_0) / (\alpha + r)`.

    r is the distance from the centre, :math:`\alpha > 0` and :math:`\beta > -\alpha`. The inverse
    solves a quadratic equation in r, so any z is scored in one pass.

    Args:
        dim: L.
        context_dim: C.

    Source:
        Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), eq. 14 and
        appendix A.2, https://arxiv.org/abs/1505.05770

    Example:
        >>> layer = Radial(4).double()
        >>> z = torch.randn(5, 4).double()
        >>> torch.allclose(layer.condition().inv(layer.condition()(z)), z)
        True
    """

    def __init__(self, dim: int, context_dim: int = 0) -> None:
        super().__init__(dim, context_dim)
        dim, context_dim = self.dim, self.context_dim
        self.centre = Amortised((dim,), context_dim)
        self.alpha = Amortised((1,), context_dim)
        self.beta = Amortised((1,), context_dim)

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        alpha = F.softplus(self.alpha(context))
        return _Radial(self.centre(context), alpha, F.softplus(self.beta(context)) - alpha)


class _Radial(LayerTransform):
    def __init__(self, centre: Tensor, alpha: Tensor, beta: Tensor) -> None:
        super().__init__()
        self.centre, self.alpha, self.beta = centre, alpha, beta

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        away = x - self.centre
        r = away.norm(dim=-1, keepdim=True)
        return x + self.beta * away / (self.alpha + r), self._log_det_at(r, x.shape[-1])

    def backward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        away = y - self.centre
        distance = away.norm(dim=-1, keepdim=True)
        # Solves distance = r (1 + beta / (alpha + r)) by the root without cancellation.
        half = (distance - self.alpha - self.beta) / 2
        product = self.alpha * distance
        large = (half.square() + product).sqrt() + half.abs()
        r = torch.where(half > 0, large, product / large)
        x = self.centre + away / (1 + self.beta / (self.alpha + r))
        return x, self._log_det_at(r, y.shape[-1])

    def _log_det_at(self, r: Tensor, dim: int) -> Tensor:
        h = (self.alpha + r).reciprocal()
        across = torch.log1p(self.beta * h)
        along = torch.log1p(self.alpha * self.beta * h.square())
        return ((dim - 1) * across + along)[..., 0]
