"""A network that goes on from the beginnings of strings."""

import torch
from torch import Tensor, nn

from ...distributions.sequence_codes import PADDING
from .base import State, Stepwise


class Continued(nn.Module):
    """A network whose strings begin with given codes; what comes after them it says itself.

    Any way of decoding so completes strings. Their log-probabilities are of the rest of each
    string, given its beginning.

    Args:
        network: Gives the next code: see `Stepwise`.
        beginnings: Codes [N, P], without an end, with padding after those that are shorter.
    """

    def __init__(self, network: Stepwise, beginnings: Tensor) -> None:
        super().__init__()
        self.network, self.beginnings = network, beginnings

    def begin(self, z: Tensor) -> State:
        """The state before the first code, for z [N, L]."""
        return self.beginnings, *self.network.begin(z)

    def step(self, state: State, codes: Tensor) -> tuple[Tensor, State]:
        """The logits of the next code [N, V], of which one is possible within a beginning."""
        logits, inner = self.network.step(state[1:], codes)
        rest = nn.functional.pad(state[0], (0, 1), value=PADDING)
        given = rest[:, :1]
        only = torch.full_like(logits, -torch.inf).scatter(1, given, 0.0)
        return torch.where(given == PADDING, logits, only), (rest[:, 1:], *inner)
