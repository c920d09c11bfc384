"""Independent zeros and ones."""

from typing import Any

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor
from torch.distributions import Bernoulli

from ....distributions.elements import elements_of
from ..stack import Array, Stack
from ..symbols import Bits
from .base import Coder
from .table import levels_of


class BernoulliCoder(Coder):
    """Codes independent Bernoulli variables, latent or data."""

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        return isinstance(elements_of(fn), Bernoulli)

    def push(self, stack: Stack, value: Tensor) -> None:
        stack.push(self._symbols(), levels_of(self, value, 0, 1))

    def pop(self, stack: Stack) -> Tensor:
        found = torch.from_numpy(stack.pop(self._symbols()))
        return self.padded(found.to(self._elements().logits.dtype))

    def _elements(self) -> Any:  # noqa: ANN401
        return elements_of(self.fn)

    def _symbols(self) -> Bits:
        # Logits beyond 40 are certain in fixed point.
        logits: Array = self.array(self._elements().logits.clamp(-40, 40))
        # Rounded, so that the last digits of the networks' outputs do not matter.
        return Bits(expit(np.rint(logits * 4096) / 4096))
