"""Affine coupling."""

from collections.abc import Sequence

import pyro.distributions.transforms as T
import torch
from pyro.nn import ConditionalDenseNN, DenseNN
from torch import Tensor, nn
from torch.distributions import Transform

from .base import FlowLayer


class AffineCoupling(FlowLayer):
    r"""Shifts and scales the second half of z by a network of the first half and the context.

    :math:`y_1 = z_1,\ y_2 = z_2 \odot \exp s(z_1, c) + m(z_1, c)`. One pass of the network to draw
    and one to score any z. The first half passes as it is: put mixing between layers.

    Args:
        dim: L >= 2.
        context_dim: C.
        hidden: Widths of the network's hidden layers.

    Source:
        Density Estimation Using Real NVP (Dinh et al., 2017), sec. 3.3,
        https://arxiv.org/abs/1605.08803

    Example:
        >>> layer = AffineCoupling(4, context_dim=3)
        >>> z, context = torch.randn(5, 2, 4), torch.randn(2, 3)
        >>> y = layer.condition(context)(z)
        >>> torch.allclose(layer.condition(context).inv(y), z, atol=1e-5)
        True
    """

    min_dim = 2

    def __init__(self, dim: int, context_dim: int = 0, *, hidden: Sequence[int] = (64,)) -> None:
        super().__init__(dim, context_dim)
        kept, widths = dim // 2, list(hidden)
        sizes = [dim - kept, dim - kept]
        network = (
            ConditionalDenseNN(kept, context_dim, widths, sizes)
            if context_dim
            else DenseNN(kept, widths, sizes)
        )
        _start_near_identity(network)
        self.layer = T.ConditionalAffineCoupling(kept, network)

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        if context is None:
            return T.AffineCoupling(self.layer.split_dim, self.layer.nn)
        return self.layer.condition(context)


def _start_near_identity(network: nn.Module) -> None:
    *_, last = (module for module in network.modules() if isinstance(module, nn.Linear))
    with torch.no_grad():
        last.weight.mul_(0.05)
        last.bias.zero_()
