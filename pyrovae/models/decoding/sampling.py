"""Decoding by drawing codes, from the whole distribution or from its likely part."""

import math

import torch
from torch import Tensor, nn

from ...errors import ConfigError
from ...nn.sizes import as_size
from .base import ChoosesCodes, is_number


class Sampling(ChoosesCodes):
    r"""Draws each code from what the network gives, or from the likely part of it.

    By default strings are exact draws from p(string|z). At temperature
    :math:`\tau` the probability of a code is in proportion to :math:`p^{1/\tau}`. Then `top_k`
    keeps the most probable codes, and `top_p` the smallest set of the most probable codes that
    has this probability at least; what is kept is scaled to one.

    Anything but the default makes text that is more usual than the data: it hides what the
    network gets wrong, so do not judge a model by it alone.

    Args:
        temperature: Above 0; below 1 more usual codes, above 1 more unusual ones.
        top_p: Probability of the nucleus, in (0, 1]; 1 keeps all codes.
        top_k: How many codes are kept, at most; None keeps all.

    Raises:
        ConfigError: A number is outside its range.

    Source:
        nucleus: The Curious Case of Neural Text Degeneration (Holtzman et al., 2020), sec. 3.1,
        https://arxiv.org/abs/1904.09751; top k: Hierarchical Neural Story Generation (Fan, Lewis
        & Dauphin, 2018), sec. 5.4, https://arxiv.org/abs/1805.04833

    Example:
        >>> log_probs = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log()
        >>> Sampling(top_p=0.6).log_probs(log_probs).exp()
        tensor([[0.6667, 0.3333, 0.0000, 0.0000]])
    """

    def __init__(
        self, temperature: float = 1.0, top_p: float = 1.0, top_k: int | None = None
    ) -> None:
        if not is_number(temperature) or not 0 < temperature < math.inf:
            raise ConfigError(
                f"Sampling got temperature={temperature!r}; it needs a number above 0, and the "
                "limit 0 is Greedy()"
            )
        if not is_number(top_p) or not 0 < top_p <= 1:
            raise ConfigError(
                f"Sampling got top_p={top_p!r}; it needs a probability above 0, 1 for all codes"
            )
        self.temperature, self.top_p = float(temperature), float(top_p)
        self.top_k = None if top_k is None else as_size(top_k, "top_k", "Sampling")

    def log_probs(self, log_probs: Tensor) -> Tensor:
        """The log-probabilities that codes are drawn with, of those of the network [N, V]."""
        below = log_probs - log_probs.amax(1, keepdim=True)  # 0 at the likeliest, however cold
        coldest = torch.finfo(log_probs.dtype).tiny
        found = (below / max(self.temperature, coldest)).log_softmax(1)
        if self.top_k is None and self.top_p == 1:
            return found
        ranked, order = found.sort(dim=1, descending=True, stable=True)
        if self.top_k is not None:
            ranked[:, self.top_k :] = -torch.inf
            ranked = ranked.log_softmax(1)
        if self.top_p < 1:
            more_probable = ranked.exp().cumsum(1)[:, :-1]  # all codes before the second, ...
            is_outside = nn.functional.pad(more_probable >= self.top_p, (1, 0), value=False)
            ranked = ranked.masked_fill(is_outside, -torch.inf).log_softmax(1)
        return torch.empty_like(found).scatter_(1, order, ranked)

    def choose(self, log_probs: Tensor) -> Tensor:
        return self.log_probs(log_probs).exp().multinomial(1)[:, 0]

    def __repr__(self) -> str:
        return f"Sampling({self.temperature:g}, top_p={self.top_p:g}, top_k={self.top_k})"
