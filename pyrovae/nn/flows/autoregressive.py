"""Layers in which a network of the elements before it gives the map of each element."""

import torch
from torch import Tensor
from torch.distributions import Transform

from ..sizes import Sizes
from .base import FlowLayer, LayerTransform
from .conditioner import Conditioner, masked_conditioner
from .elementwise import Elementwise


class AutoregressiveLayer(FlowLayer):
    """Base of the layers y_i = f(z_i; network(z_1, ..., z_(i-1), context)).

    The network runs once to draw, and L times to score a z that the layer has not just drawn.

    Args:
        dim: L.
        context_dim: C.
        of: f.
        hidden: Widths of the network's hidden layers; with none it is affine.
    """

    def __init__(self, dim: int, context_dim: int, of: Elementwise, hidden: Sizes) -> None:
        super().__init__(dim, context_dim)
        dim, context_dim = self.dim, self.context_dim
        self.of = of
        self.network = masked_conditioner(dim, context_dim, of.num_params, hidden)

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        return Autoregressive(self.of, self.network, self.network.given(context))


class Autoregressive(LayerTransform):
    """y_i = f(x_i; network(x_1, ..., x_(i-1))). The inverse runs the network L times.

    Args:
        of: f.
        network: Made by `masked_conditioner`.
        given: What the context adds to its first layer (`Conditioner.given`).
    """

    def __init__(self, of: Elementwise, network: Conditioner, given: Tensor | None) -> None:
        super().__init__()
        self.of, self.network, self.given = of, network, given

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        params = self.network(x, self.given)
        y, log_slope = self.of.forward(x, params.unflatten(-1, (-1, self.of.num_params)))
        return y, log_slope.sum(-1)

    def backward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        size, columns = self.of.num_params, list[Tensor]()
        unknown = log_det = torch.zeros_like(y[..., 0])
        for i, own in enumerate(y.unbind(-1)):
            x = torch.stack(columns + [unknown] * (y.shape[-1] - i), -1)
            params = self.network(x, self.given, slice(i * size, (i + 1) * size))
            column, log_slope = self.of.backward(own, params)
            columns.append(column)
            log_det = log_det + log_slope
        return torch.stack(columns, -1), log_det
