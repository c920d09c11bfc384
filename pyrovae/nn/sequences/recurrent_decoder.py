"""Recurrent decoders of rows of codes."""

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..sizes import Shape, as_size
from .base import SequenceDecoder, State
from .cells import GRU, LSTM


class _RecurrentDecoder(SequenceDecoder):
    """z gives the first hidden state, and stands beside the code at each step."""

    cell: ClassVar[type[GRU] | type[LSTM]]

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        width: int = 256,
        embedding: int = 32,
        num_layers: int = 1,
    ) -> None:
        where = type(self).__name__
        width, embedding = as_size(width, "width", where), as_size(embedding, "embedding", where)
        super().__init__(in_shape, out_shape, embedding, width)
        self.num_layers = as_size(num_layers, "num_layers", where)
        self.first = nn.Linear(self.latent_dim, self.num_layers * width)
        self.recurrent = self.cell(
            embedding + self.latent_dim, width, self.num_layers, batch_first=True
        )

    def features(self, embedded: Tensor, z: Tensor) -> Tensor:
        beside = z.unsqueeze(1).expand(-1, embedded.shape[1], -1)
        *hidden, _ = self.begin(z)
        found: Tensor = self.recurrent(torch.cat([embedded, beside], -1), self._as_given(hidden))[
            0
        ]
        return found

    def begin(self, z: Tensor) -> State:
        first = self.first(z).tanh().unflatten(-1, (self.num_layers, -1))  # [N, layers, width]
        return (*self._hidden(first), z)

    def advance(self, state: State, embedded: Tensor) -> tuple[Tensor, State]:
        *hidden, z = state
        given = torch.cat([embedded, z], -1).unsqueeze(1)
        found, new = self.recurrent(given, self._as_given(hidden))
        new = new if isinstance(new, tuple) else (new,)
        return found[:, 0], (*(h.transpose(0, 1) for h in new), z)

    @abstractmethod
    def _hidden(self, first: Tensor) -> State:
        """The hidden tensors of the cell, each [N, layers, width]."""

    def _as_given(self, hidden: list[Tensor]) -> Any:  # noqa: ANN401
        """As the cell takes them, layers first."""
        turned = tuple(h.transpose(0, 1).contiguous() for h in hidden)
        return turned if len(turned) > 1 else turned[0]


class GRUDecoder(_RecurrentDecoder):
    """A gated recurrent unit; z [N, L] and codes so far -> logits of V codes.

    z gives the first hidden state, and stands beside the code at each step.

    Args:
        in_shape: Size of z, L.
        out_shape: Number of codes V.
        width: Number of hidden features.
        embedding: Size of the vector that stands for a code.
        num_layers: Of the recurrent unit.

    Source:
        Learning Phrase Representations using RNN Encoder-Decoder (Cho et al., 2014), sec. 2.3,
        https://arxiv.org/abs/1406.1078

    Example:
        >>> decoder = GRUDecoder(4, 30, width=8)
        >>> decoder(torch.tensor([[2, 5, 6]]), torch.zeros(1, 4)).shape
        torch.Size([1, 3, 30])
        >>> logits, state = decoder.step(decoder.begin(torch.zeros(1, 4)), torch.tensor([2]))
        >>> logits.shape
        torch.Size([1, 30])
    """

    cell = GRU

    def _hidden(self, first: Tensor) -> State:
        return (first,)


class LSTMDecoder(_RecurrentDecoder):
    """The same of a long short-term memory: see `GRUDecoder`.

    Source:
        Generating Sentences from a Continuous Space (Bowman et al., 2016), sec. 3,
        https://arxiv.org/abs/1511.06349
    """

    cell = LSTM

    def _hidden(self, first: Tensor) -> State:
        return first, torch.zeros_like(first)
