"""Affine maps of one number, elementwise."""

import torch
from pyro.distributions.transforms.utils import clamp_preserve_gradients
from torch import Tensor
from torch.nn import functional as F

from .elementwise import Elementwise

LOG_SCALES = (-5.0, 3.0)  # the bounds of Pyro's layers


class Affine(Elementwise):
    """y = m + x exp(s). s is clamped to [-5, 3]; its gradient is not."""

    num_params = 2

    def forward(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = self._parts(params)
        return shift + x * log_scale.exp(), log_scale.expand_as(x)

    def backward(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = self._parts(params)
        return (y - shift) * (-log_scale).exp(), log_scale.expand_as(y)

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = params.unbind(-1)
        return shift, clamp_preserve_gradients(log_scale, *LOG_SCALES)


class Gated(Elementwise):
    """y = g x + (1 - g) m with a gate g = sigmoid(s + 2). It starts near one: y is near x."""

    num_params = 2
    bias = 2.0

    def forward(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        other, logit = self._parts(params)
        gate = torch.sigmoid(logit)
        return other + gate * (x - other), F.logsigmoid(logit).expand_as(x)

    def backward(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        other, logit = self._parts(params)
        return other + (y - other) / torch.sigmoid(logit), F.logsigmoid(logit).expand_as(y)

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor]:
        other, logit = params.unbind(-1)
        # At g = 0 there is no inverse.
        return other, clamp_preserve_gradients(logit + self.bias, LOG_SCALES[0], float("inf"))
