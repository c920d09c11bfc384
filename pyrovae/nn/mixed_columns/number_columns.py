"""Columns of numbers, which networks see standardised."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..likelihoods.positive import Positive, Source
from .base import ColumnGroup, Spec


class NumberColumns(ColumnGroup):
    """Base of columns of numbers with a mean and a second parameter.

    Args:
        columns: See `ColumnGroup`.
        name: Of the second parameter.
        source: It is a number, "learned" for each column, or "predicted" for each cell.
        floor: The smallest learned or predicted one.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, columns: Sequence[Spec], name: str, source: Source | None, floor: float = 0.0
    ) -> None:
        super().__init__(columns)
        for part in ("shift", "scale"):
            values = torch.tensor([float(spec[part]) for _, spec in columns])
            self.register_buffer(part, values, persistent=False)
        shape = (len(columns),) if source == "learned" else ()
        self.second = (
            None
            if source is None
            else Positive("MixedColumns", name, source, shape=shape, floor=floor)
        )
        self.num_outputs = len(columns) * (
            1 if self.second is None else 1 + self.second.num_parameters
        )

    def mean_and_log_second(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """The standardised mean, and the logarithm of the second parameter, [..., n] each."""
        n = len(self.names)
        each: Iterator[Tensor] = iter(outputs.unflatten(-1, (-1, n)).unbind(-2))
        mean = next(each)
        if self.second is None:
            return mean, mean.new_full((), math.inf)
        return mean, self.second.log(mean, each)
