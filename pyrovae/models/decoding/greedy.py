"""Greedy decoding."""

from torch import Tensor

from .base import ChoosesCodes


class Greedy(ChoosesCodes):
    """The most probable code at each step.

    The string need not be the most probable one: a probable code may lead to improbable ones.
    See `Beam`.

    Example:
        >>> import torch
        >>> Greedy().choose(torch.tensor([[0.2, 0.5, 0.3]]).log())
        tensor([1])
    """

    def choose(self, log_probs: Tensor) -> Tensor:
        return log_probs.argmax(1)

    def __repr__(self) -> str:
        return "Greedy()"
