"""Weighted sums of a few bits each, seen with noise: exact by going through all their values."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Normal
from torch.nn.functional import logsigmoid

MOST = 8  # bits in a sum: 256 values


@dataclass(frozen=True)
class BitSums:
    """y_m, the sum of w_mi x_i over the n bits of group m, with normal noise.

    Attributes:
        places: Of the bits of each group, [M, n]; a group with fewer repeats its first one.
        weights: Of the bits, 0 where one is repeated [M, n].
        real: Which of them are bits of the group, and no repetition, bool [M, n].
        noise: Standard deviation.
    """

    places: Tensor
    weights: Tensor
    real: Tensor
    noise: float

    @classmethod
    def of(cls, matrix: Tensor, noise: float) -> "BitSums | None":
        """The groups of a matrix [M, D] of which no bit enters two sums; None of large ones."""
        enters = matrix != 0
        size = int(enters.sum(-1).max())
        if size > MOST or bool((enters.sum(0) > 1).any()):
            return None
        places = enters.float().topk(max(size, 1), -1).indices
        real = enters.gather(-1, places)  # none of a sum of nothing
        places = torch.where(real, places, places[:, :1])
        return cls(places, matrix.gather(-1, places) * real, real, noise)

    def log_prob(self, logits: Tensor, y: Tensor) -> Tensor:
        """log p(y) [R], for bits with these logits [R, D] and y [R, M]."""
        return self._log_joint(logits, y).logsumexp(-1).sum(-1)

    def draw(self, logits: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Bits given y [R, D]; those in no sum are those of x."""
        chosen = torch.distributions.Categorical(logits=self._log_joint(logits, y)).sample()
        return self._put(self._states[chosen], x)

    def mean(self, logits: Tensor, y: Tensor) -> Tensor:
        """Probability of each bit given y [R, D]."""
        return self._put(self._log_joint(logits, y).softmax(-1) @ self._states, logits.sigmoid())

    @property
    def _states(self) -> Tensor:
        """All values of n bits [2^n, n]."""
        size = self.places.shape[-1]
        number = torch.arange(2**size, device=self.places.device)
        bits = number[:, None] >> torch.arange(size, device=number.device)
        return (bits % 2).to(self.weights)

    def _log_joint(self, logits: Tensor, y: Tensor) -> Tensor:
        """log p(bits, y) of each group and value of its bits [R, M, 2^n]."""
        own = logits[:, self.places]  # [R, M, n]
        one, zero = logsigmoid(own) * self.real, logsigmoid(-own) * self.real
        # A repeated place counts once: as a bit that is 0.
        repeated = (~self.real).to(own) @ self._states.T > 0
        log_p = one @ self._states.T + zero @ (1 - self._states).T
        log_p = log_p.masked_fill(repeated, -torch.inf)
        sums = self.weights @ self._states.T  # [M, 2^n]
        return log_p + Normal(sums, self.noise).log_prob(y.unsqueeze(-1))

    def _put(self, values: Tensor, x: Tensor) -> Tensor:
        """x [R, D] with the values [R, M, n] of the bits in their places."""
        made = x.clone()
        made[:, self.places[self.real]] = values[:, self.real].to(x)
        return made
