"""Maps of a vector whose elements are each mapped by parameters of those before it."""

import torch
from torch import Tensor

from .base import LayerTransform
from .conditioner import Conditioner
from .elementwise import Elementwise


class Autoregressive(LayerTransform):
    """y_i = f(x_i; network(x_1, ..., x_(i-1))): one pass forward, L passes back.

    Args:
        of: f.
        network: Made by `masked_conditioner`.
        given: What the context adds to it.
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
