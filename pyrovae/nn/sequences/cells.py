"""Recurrent layers whose gradients are known in evaluation mode too."""

from typing import Self

from torch import nn


class GRU(nn.GRU):
    """torch's layer, always in training mode, which without dropout computes the same.

    On a GPU cuDNN gives gradients in training mode alone, and measurements take some in
    evaluation mode.
    """

    def train(self, mode: bool = True) -> Self:
        return super().train(True)


class LSTM(nn.LSTM):
    """Likewise."""

    def train(self, mode: bool = True) -> Self:
        return super().train(True)
