"""Base of the columns of one kind: how networks see them, and how they are scored."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

Spec = tuple[int, Mapping[str, Any]]
"""The place of a column in a row, and what `TableColumn.to_json` says of it."""


class ColumnGroup(nn.Module, ABC):
    """The n columns of one kind.

    Args:
        columns: What they are, in their order.

    Attributes:
        needs: Their support in words.
        num_outputs: Number of values that a decoder gives for them.
        places: Of the columns in a row [n].
        sources: For each value that an encoder sees, the place of its column in a row.
        names: Of the columns.
    """

    needs: str
    num_outputs: int
    places: Tensor

    def __init__(self, columns: Sequence[Spec]) -> None:
        super().__init__()
        self.names = [spec["name"] for _, spec in columns]
        self.sources = [place for place, _ in columns]
        self.register_buffer("places", torch.tensor(self.sources), persistent=False)

    @property
    def stand_ins(self) -> list[float]:
        """A value of the support of each column."""
        return [0.0] * len(self.names)

    @abstractmethod
    def forward(self, outputs: Tensor) -> TorchDistribution:
        """The distribution of the columns, batch shape [..., n], of a decoder's [..., outputs]."""

    @abstractmethod
    def seen(self, x: Tensor) -> Tensor:
        """What an encoder sees of values [..., n] of the columns [..., len(sources)]."""

    @abstractmethod
    def accepts(self, x: Tensor) -> Tensor:
        """Where values [..., n] lie in the support [..., n]."""

    def rescale(self, x: Tensor) -> Tensor:
        """Values [..., n] standardised, one for each column."""
        return self.seen(x)
