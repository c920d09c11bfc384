"""Columns of ordered levels."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...distributions.ordinal import Ordinal
from ..likelihoods.positive import log_link
from .base import ColumnGroup, Spec

_ABOVE_ALL = 1e4  # threshold of a level that a column does not have


class OrdinalColumns(ColumnGroup):
    """Columns of the levels 0..C-1, by cumulative logits with learned thresholds for each column.

    A decoder gives one number for a cell; an encoder sees the level, scaled to [-1, 1].
    """

    needs = "codes of its levels"

    is_there: Tensor
    sizes: Tensor

    def __init__(self, columns: Sequence[Spec]) -> None:
        super().__init__(columns)
        sizes = [len(spec["values"]) for _, spec in columns]
        self.num_outputs = len(columns)
        most = max(sizes)
        cuts = torch.zeros(len(sizes), most - 1)
        for row, size in enumerate(sizes):  # equal probabilities at first
            cuts[row] = torch.tensor([math.log(k / (size - k)) if k < size else math.inf
                                      for k in range(1, most)])  # fmt: skip
        is_there = cuts.isfinite()
        gaps = torch.where(is_there, cuts, 0.0).diff(dim=1)
        self.first = nn.Parameter(cuts[:, 0].clone())
        self.register_parameter("log_gaps", None)
        if most > 2:
            self.log_gaps = nn.Parameter(torch.where(is_there[:, 1:], gaps, 1.0).log())
        self.register_buffer("is_there", is_there, persistent=False)
        self.register_buffer("sizes", torch.tensor(sizes), persistent=False)

    def thresholds(self) -> Tensor:
        """Ascending thresholds [n, C-1] of the cumulative logits."""
        first = self.first.unsqueeze(-1)
        if self.log_gaps is None:
            return first
        rest = first + log_link(self.log_gaps).exp().cumsum(-1)
        return torch.where(self.is_there, torch.cat([first, rest], -1), _ABOVE_ALL)

    def forward(self, outputs: Tensor) -> Ordinal:
        return Ordinal(outputs, self.thresholds())

    def seen(self, x: Tensor) -> Tensor:
        return 2 * x / (self.sizes - 1) - 1

    def accepts(self, x: Tensor) -> Tensor:
        return (x >= 0) & (x < self.sizes) & (x == x.round())
