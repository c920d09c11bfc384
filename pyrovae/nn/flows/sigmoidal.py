"""A monotone network of one number."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from .base import refuse_inverse
from .elementwise import Elementwise

_ONE = math.log(math.e - 1)  # softplus(_ONE) = 1


class Sigmoidal(Elementwise):
    r"""y = logit(sum_u w_u sigmoid(a_u x + b_u)), with positive a and weights w that sum to one.

    It computes in log space, so it is exact far from zero too.

    Args:
        num_units: U, the number of sigmoids.
    """

    def __init__(self, num_units: int) -> None:
        self.num_units = num_units
        self.num_params = 3 * num_units

    def forward(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        stretch, shift, weight = params.split(self.num_units, dim=-1)
        stretch = F.softplus(stretch + _ONE)
        log_weight = weight.log_softmax(-1)
        inner = stretch * x[..., None] + shift
        log_up, log_down = F.logsigmoid(inner), F.logsigmoid(-inner)
        log_share = torch.logsumexp(log_weight + log_up, -1)  # of the sigmoids' mean
        log_rest = torch.logsumexp(log_weight + log_down, -1)
        log_slope = torch.logsumexp(log_weight + stretch.log() + log_up + log_down, -1)
        return log_share - log_rest, log_slope - log_share - log_rest

    def backward(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        refuse_inverse("NeuralAutoregressive")
