"""Recurrent encoders of rows of codes, in both directions."""

from typing import ClassVar

import torch
from torch import Tensor

from ..sizes import Shape, as_size
from .base import CodeEncoder
from .cells import GRU, LSTM


class _RecurrentEncoder(CodeEncoder):
    """Reads a row forwards and backwards; its features are where each reading ends.

    Rows are not packed, which would read their lengths on the host: each reading is whole, and
    its features are taken where the row ends. So a captured step runs it.
    """

    cell: ClassVar[type[GRU] | type[LSTM]]

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        width: int = 128,
        embedding: int = 32,
        num_layers: int = 1,
    ) -> None:
        where = type(self).__name__
        width, embedding = as_size(width, "width", where), as_size(embedding, "embedding", where)
        super().__init__(in_shape, out_shape, embedding, 2 * width)
        layers = as_size(num_layers, "num_layers", where)
        self.forwards = self.cell(embedding, width, layers, batch_first=True)
        self.backwards = self.cell(embedding, width, layers, batch_first=True)

    def features(self, embedded: Tensor, mask: Tensor) -> Tensor:
        lengths = mask.sum(1, keepdim=True)  # [N, 1]
        steps = torch.arange(mask.shape[1], device=mask.device)
        turned = torch.where(mask, lengths - 1 - steps, steps)  # [N, T]: each row back to front
        last = (lengths - 1).clamp_min(0)
        return torch.cat(
            [
                _picked(self.forwards(embedded)[0], last),
                _picked(self.backwards(_picked(embedded, turned))[0], last),
            ],
            -1,
        ).flatten(1)


class GRUEncoder(_RecurrentEncoder):
    """Two gated recurrent units, one for each direction, [N, T] codes -> [N, *out_shape].

    Args:
        in_shape: Number of codes V, of which 0 is padding.
        out_shape: Shape of one output.
        width: Number of hidden features of each direction.
        embedding: Size of the vector that stands for a code.
        num_layers: Of each direction.

    Source:
        Learning Phrase Representations using RNN Encoder-Decoder (Cho et al., 2014), sec. 2.3,
        https://arxiv.org/abs/1406.1078

    Example:
        >>> GRUEncoder(30, 4, width=8)(torch.tensor([[5, 6, 1, 0], [7, 1, 0, 0]])).shape
        torch.Size([2, 4])
    """

    cell = GRU


class LSTMEncoder(_RecurrentEncoder):
    """The same of long short-term memories, [N, T] codes -> [N, *out_shape]: see `GRUEncoder`.

    Source:
        Long Short-Term Memory (Hochreiter & Schmidhuber, 1997); as an encoder: Generating
        Sentences from a Continuous Space (Bowman et al., 2016), sec. 3,
        https://arxiv.org/abs/1511.06349
    """

    cell = LSTM


def _picked(x: Tensor, steps: Tensor) -> Tensor:
    """x [N, T, E] at these steps [N, S] -> [N, S, E]."""
    return x.gather(1, steps.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
