"""Recurrent networks that read a source of codes, and look back at it while they go."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...distributions.sequence_codes import PADDING
from .cells import GRU


class Memory(NamedTuple):
    """What was read of a source.

    Attributes:
        features: One vector for each code of the source [N, S, H].
        is_read: Which of the codes belong to the source, its end included [N, S].
    """

    features: Tensor
    is_read: Tensor

    def mean(self) -> Tensor:
        """The mean vector of each source [N, H]."""
        return mean_of(self.features, self.is_read)

    def for_rows(self, count: int) -> "Memory":
        """[N, ...] -> [count, ...]: all sources after each other, as often as it takes."""
        times = count // max(1, len(self.features))
        if times == 1:
            return self
        return Memory(self.features.repeat(times, 1, 1), self.is_read.repeat(times, 1))


class SourceReader(nn.Module):
    """A GRU in each direction over the codes of a source; padding changes nothing.

    Args:
        num_codes: V.
        embedding: Size of the vector of a code.
        width: H, size of what is read at each code; even.

    Source:
        Neural Machine Translation by Jointly Learning to Align and Translate (Bahdanau, Cho &
        Bengio, 2015), sec. 3.2, https://arxiv.org/abs/1409.0473

    Example:
        >>> reader = SourceReader(9, embedding=4, width=6)
        >>> reader(torch.tensor([[5, 6, 1, 0]])).features.shape
        torch.Size([1, 4, 6])
    """

    def __init__(self, num_codes: int, embedding: int, width: int) -> None:
        super().__init__()
        self.codes = nn.Embedding(num_codes, embedding)
        self.ahead = GRU(embedding, width // 2, batch_first=True)
        self.back = GRU(embedding, width // 2, batch_first=True)

    def forward(self, codes: Tensor) -> Memory:  # [N, S]
        is_read = codes != PADDING
        seen = self.codes(codes)
        places = torch.arange(codes.shape[1], device=codes.device)
        turned = torch.where(is_read, is_read.sum(1, keepdim=True) - 1 - places, places)
        ahead, _ = self.ahead(seen)
        back, _ = self.back(_at(seen, turned))
        return Memory(torch.cat([ahead, _at(back, turned)], -1), is_read)


class AttentiveGRU(nn.Module):
    """A GRU over codes that looks at a source after each of them: [N, T] -> [N, T, H].

    A vector that is given is read before the first code, and again with each.

    Args:
        num_codes: V.
        embedding: Size of the vector of a code.
        width: H.
        given_dim: L, size of the vector that is given; 0 for none.

    Source:
        Effective Approaches to Attention-based Neural Machine Translation (Luong, Pham & Manning,
        2015), sec. 3.1, without input feeding, https://arxiv.org/abs/1508.04025
    """

    def __init__(self, num_codes: int, embedding: int, width: int, given_dim: int = 0) -> None:
        super().__init__()
        self.codes = nn.Embedding(num_codes, embedding)
        self.start = nn.Linear(given_dim + width, width)
        self.cell = GRU(embedding + given_dim, width, batch_first=True)
        self.query = nn.Linear(width, width)
        self.join = nn.Linear(2 * width, width)

    def begin(self, memory: Memory, given: Tensor | None = None) -> Tensor:
        """The hidden state before the first code [N, H]."""
        mean = memory.mean()
        return torch.tanh(self.start(mean if given is None else torch.cat([given, mean], -1)))

    def forward(
        self, codes: Tensor, hidden: Tensor, memory: Memory, given: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The features after each of codes [N, T], and the last hidden state [N, H]."""
        seen = self.codes(codes)
        if given is not None:
            seen = torch.cat([seen, given.unsqueeze(1).expand(-1, codes.shape[1], -1)], -1)
        states, last = self.cell(seen, hidden.unsqueeze(0).contiguous())
        scores = self.query(states) @ memory.features.transpose(1, 2)  # [N, T, S]
        scores = scores / math.sqrt(states.shape[-1])
        shares = scores.masked_fill(~memory.is_read.unsqueeze(1), -torch.inf).softmax(-1)
        found = torch.cat([states, shares @ memory.features], -1)
        return torch.tanh(self.join(found)), last[0]


def mean_of(features: Tensor, is_read: Tensor) -> Tensor:
    """The mean of features [N, T, H] where they were read [N, T]."""
    kept = is_read.unsqueeze(-1).to(features)
    return (features * kept).sum(-2) / kept.sum(-2)


def _at(features: Tensor, places: Tensor) -> Tensor:
    """Features [N, T, H] at places [N, T]."""
    return features.gather(1, places.unsqueeze(-1).expand(-1, -1, features.shape[-1]))
