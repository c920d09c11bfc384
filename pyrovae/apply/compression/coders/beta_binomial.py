"""Independent beta-binomial counts."""

from typing import Any

import numpy as np
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ....distributions.beta_binomial import BetaBinomial
from ....distributions.elements import elements_of
from ..stack import Array
from .table import TableCoder

_MOST = 60.0  # of log-concentrations: a binomial in all digits
_LEAST = 1e-300
_ENTRIES = 2**17  # at a time, so that they stay in the cache


class BetaBinomialCoder(TableCoder):
    """Codes beta-binomial counts by the ratios of their probabilities.

    For a + b = c, p(k + 1) / p(k) = (n - k) (a + k) / ((k + 1) (b + n - k - 1)): one logarithm
    instead of many log-gamma functions.
    """

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        elements: Any = elements_of(fn)
        if isinstance(elements, BetaBinomial):
            return True
        # Of one total count for all elements.
        return isinstance(elements, dist.BetaBinomial) and len(elements.total_count.unique()) == 1

    def _table(self) -> Array:
        a, b = (self.array(parameter)[..., None] for parameter in _shapes(elements_of(self.fn)))
        total = self._ends[1]
        k = np.arange(total, dtype=np.float64)
        found = np.zeros((*a.shape[:2], total + 1))
        width = max(1, _ENTRIES // max(1, len(a) * total))
        for first in range(0, a.shape[1], width):
            part = slice(first, first + width)
            ratios = (a[:, part] + k) * ((total - k) / (k + 1))
            ratios /= b[:, part] + (total - 1 - k)
            np.log(ratios, out=ratios)
            log_probs = found[:, part]
            np.cumsum(ratios, -1, out=log_probs[..., 1:])
            log_probs -= log_probs.max(-1, keepdims=True)
            np.exp(log_probs, out=log_probs)
        return found


def _shapes(elements: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """a and b of the beta distribution, positive and finite."""
    if isinstance(elements, BetaBinomial):
        log_c = elements.log_concentration.clamp(max=_MOST)
        logits = elements.logits
        log_shapes = log_c + logsigmoid(logits), log_c + logsigmoid(-logits)
    else:
        log_shapes = elements.concentration1.log(), elements.concentration0.log()
    a, b = (log_shape.clamp(max=_MOST).exp().clamp(min=_LEAST) for log_shape in log_shapes)
    return torch.broadcast_tensors(a, b)
