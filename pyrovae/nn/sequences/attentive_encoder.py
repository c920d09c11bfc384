"""An encoder of a target and its source."""

import math
from typing import Self

import torch
from torch import Tensor, nn

from ...distributions.sequence_codes import PADDING
from ..sizes import Shape, as_shape, as_size
from .attentive_decoder import even
from .source_attention import AttentiveGRU, SourceReader, mean_of


class AttentiveEncoder(nn.Module):
    """Maps targets [N, T] and their sources [N, S] to vectors; padding changes nothing.

    The target is read by a GRU that looks at the source after each code, as `AttentiveDecoder`
    does, and the mean over its codes is mapped to the output.

    Args:
        in_shape: Number of codes V, of the source as of the target.
        out_shape: Shape of one output.
        width: Number of features; even.
        embedding: Size of the vector that stands for a code.

    Raises:
        ConfigError: A size is too small, or the width is odd.

    Example:
        >>> encoder = AttentiveEncoder(30, 4, width=8)
        >>> encoder(torch.tensor([[5, 6, 1]]), torch.tensor([[7, 8, 9, 1]])).shape
        torch.Size([1, 4])
    """

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        width: int = 128,
        embedding: int = 32,
    ) -> None:
        super().__init__()
        where = type(self).__name__
        codes = math.prod(as_shape(in_shape, "in_shape", where))
        self.out_shape = as_shape(out_shape, "out_shape", where)
        width, embedding = even(width, where), as_size(embedding, "embedding", where)
        self.reader = SourceReader(codes, embedding, width)
        self.body = AttentiveGRU(codes, embedding, width)
        self.head = nn.Linear(2 * width, math.prod(self.out_shape))

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests: 7 codes to [2]."""
        return cls(7, 2, width=6, embedding=3)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:  # -> [N, *out_shape]
        memory = self.reader(source)
        features, _ = self.body(target, self.body.begin(memory), memory)
        read = torch.cat([mean_of(features, target != PADDING), memory.mean()], -1)
        found: Tensor = self.head(read)
        return found.unflatten(-1, self.out_shape)
