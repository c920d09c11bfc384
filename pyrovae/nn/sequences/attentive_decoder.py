"""A decoder of rows of codes that looks at a source."""

import math
from typing import Self

import torch
from torch import Tensor, nn

from ...distributions.sequence_codes import NEVER_DRAWN
from ...errors import ConfigError
from ..sizes import Shape, as_shape, as_size
from .closed import never_drawn
from .source_attention import AttentiveGRU, Memory, SourceReader


class AttentiveDecoder(nn.Module):
    """Gives p(next code | codes before, z, source) as logits, for a whole row or step by step.

    The source is read once, by a GRU in each direction. A GRU goes over the codes so far, with z
    beside each, and looks at the source after each of them. Both ways agree. Padding and the code
    that begins a row have logits -inf.

    Args:
        in_shape: Size of z, L.
        out_shape: Number of codes V, of the source as of the target.
        width: Number of features; even.
        embedding: Size of the vector that stands for a code.

    Raises:
        ConfigError: A size is too small, or the width is odd.

    Source:
        Effective Approaches to Attention-based Neural Machine Translation (Luong, Pham & Manning,
        2015), sec. 3.1, https://arxiv.org/abs/1508.04025

    Example:
        >>> decoder = AttentiveDecoder(4, 30, width=8)
        >>> memory = decoder.read(torch.tensor([[7, 8, 9, 1]]))
        >>> decoder(torch.tensor([[2, 5, 6]]), torch.zeros(1, 4), memory).shape
        torch.Size([1, 3, 30])
    """

    closed: Tensor

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
        latents = math.prod(as_shape(in_shape, "in_shape", where))
        codes = math.prod(as_shape(out_shape, "out_shape", where))
        width, embedding = even(width, where), as_size(embedding, "embedding", where)
        self.reader = SourceReader(codes, embedding, width)
        self.body = AttentiveGRU(codes, embedding, width, latents)
        self.head = nn.Linear(width, codes)
        closed = torch.zeros(codes, dtype=torch.bool)
        closed[list(NEVER_DRAWN)] = True
        self.register_buffer("closed", closed, persistent=False)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests: z [2] and 7 codes."""
        return cls(2, 7, width=6, embedding=3)

    def read(self, source: Tensor) -> Memory:
        """What is remembered of sources [N, S]."""
        found: Memory = self.reader(source)
        return found

    def forward(self, inputs: Tensor, z: Tensor, memory: Memory) -> Tensor:
        """Logits of the next code [N, T, V] after each of the inputs [N, T], for z [N, L]."""
        features, _ = self.body(inputs, self.body.begin(memory, z), memory, z)
        return self._logits(features)

    def begin(self, z: Tensor, memory: Memory) -> tuple[Tensor, ...]:
        """The state before the first step, for z [N, L]."""
        return (self.body.begin(memory, z), z, *memory)

    def step(self, state: tuple[Tensor, ...], codes: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Logits of the next code [N, V] after one more input [N], and the new state."""
        hidden, z, *read = state
        features, hidden = self.body(codes.unsqueeze(1), hidden, Memory(*read), z)
        return self._logits(features[:, 0]), (hidden, z, *read)

    def _logits(self, features: Tensor) -> Tensor:
        found: Tensor = self.head(features).masked_fill(self.closed, -torch.inf)
        return found


class GivenSource:
    """A decoder with the sources that it looks at: as `CodeSequence` and the decodings take it.

    Padding and the begin have logits -inf, whatever the decoder gives.

    Args:
        decoder: Such as `AttentiveDecoder`.
        memory: Of B sources; rows are those of the sources, one after the other, as often as it
            takes.
    """

    def __init__(self, decoder: AttentiveDecoder, memory: Memory) -> None:
        self.decoder, self.memory = decoder, memory

    def __call__(self, inputs: Tensor, z: Tensor) -> Tensor:
        return never_drawn(self.decoder(inputs, z, self.memory.for_rows(len(z))))

    def begin(self, z: Tensor) -> tuple[Tensor, ...]:
        return self.decoder.begin(z, self.memory.for_rows(len(z)))

    def step(self, state: tuple[Tensor, ...], codes: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        logits, state = self.decoder.step(state, codes)
        return never_drawn(logits), state


def even(width: int, where: str) -> int:
    """A width that two directions share.

    Raises:
        ConfigError: It is odd, or below two.
    """
    width = as_size(width, "width", where, at_least=2)
    if width % 2:
        raise ConfigError(
            f"{where} got width={width}; two directions share it, so that it has to be even"
        )
    return width
