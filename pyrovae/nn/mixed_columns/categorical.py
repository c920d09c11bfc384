"""Columns of categories without an order."""

from collections.abc import Sequence

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ...distributions.categorical import CapturableCategorical
from .base import ColumnGroup, Spec

_NONE = -1e4  # logit of a category that a column does not have: its probability is exactly zero


class CategoricalColumns(ColumnGroup):
    """Categorical columns of the codes 0..C-1, C for each its own; an encoder sees one-hot codes.

    They are scored together, as columns of the most categories that one has; a table of one
    column with a thousand and many with few is better given with rare categories joined.
    """

    needs = "codes of its categories"

    places_of: Tensor
    is_there: Tensor
    column: Tensor
    code: Tensor
    sizes: Tensor

    def __init__(self, columns: Sequence[Spec]) -> None:
        super().__init__(columns)
        sizes = [len(spec["values"]) for _, spec in columns]
        self.sources = [place for place, spec in columns for _ in spec["values"]]
        self.num_outputs = sum(sizes)
        places = torch.zeros(len(sizes), max(sizes), dtype=torch.long)
        is_there = torch.zeros(len(sizes), max(sizes), dtype=torch.bool)
        begin = 0
        for row, size in enumerate(sizes):
            places[row, :size] = torch.arange(begin, begin + size)
            is_there[row, :size] = True
            begin += size
        held = {
            "places_of": places, "is_there": is_there, "sizes": torch.tensor(sizes),
            "column": torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes)),
            "code": torch.cat([torch.arange(size) for size in sizes]),
        }  # fmt: skip
        for name, values in held.items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, outputs: Tensor) -> TorchDistribution:
        logits = torch.where(self.is_there, outputs[..., self.places_of], _NONE)
        return CapturableCategorical(logits=logits, validate_args=False)

    def seen(self, x: Tensor) -> Tensor:
        return (x[..., self.column] == self.code).to(x.dtype)

    def rescale(self, x: Tensor) -> Tensor:
        return 2 * x / (self.sizes - 1) - 1

    def accepts(self, x: Tensor) -> Tensor:
        return (x >= 0) & (x < self.sizes) & (x == x.round())
