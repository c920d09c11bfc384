"""NaN and infinity in what a pair is called with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyro
import torch
from torch import Tensor

from .handlers import Program
from .isolation import isolated
from .own_parameters import own_parameters
from .tracing import FAILURES, Pair

WAY_OUT = (
    "drop or fill such rows, or tell the pair which values are missing (models.PartialVAE takes "
    "a mask)"
)


@dataclass(frozen=True)
class NonFinite:
    """The first number among some arguments that is not finite.

    Attributes:
        name: Of the argument.
        place: Of the argument.
        row: Of the number, counted in the data where `batch` says where else.
        column: Within the row, flattened.
        value: "nan", "inf" or "-inf".
        rows: How many rows hold such numbers, of how many.
        batch: Which row of which batch it is, in words; empty where that is not asked for.
    """

    name: str
    place: int
    row: int
    column: int
    value: str
    rows: tuple[int, int]
    batch: str = ""

    def at(self, row: int | None, batch: str) -> "NonFinite":
        """The same number, of which the row in the data is known, or is not."""
        same = row == self.row
        return replace(self, row=-1 if row is None else row, batch="" if same else batch)

    def __str__(self) -> str:
        where = [self.batch] if self.batch else []
        if self.row >= 0:
            where = [f"row {self.row}", *(f"({each})" for each in where)]
        count = "" if self.rows[0] < 2 else f", one of {self.rows[0]} such rows of {self.rows[1]}"
        return f"{self.name} holds {self.value} at {' '.join(where)}, column {self.column}{count}"


def find_non_finite(args: Sequence[Any], names: Sequence[str], start: int = 0) -> NonFinite | None:
    """The first NaN or infinity among the arguments of a pair, if there is one.

    Args:
        args: Of which the tensors count.
        names: Of the arguments.
        start: Number of the first row.
    """
    for place, (arg, name) in enumerate(zip(args, names, strict=True)):
        if not isinstance(arg, Tensor) or not (arg.is_floating_point() or arg.is_complex()):
            continue
        if bool(torch.isfinite(arg).all()):
            continue
        bad = ~torch.isfinite(arg).reshape(len(arg) if arg.dim() else 1, -1)
        row, column = (int(i) for i in bad.nonzero()[0])
        value = str(arg.reshape(bad.shape)[row, column].item())
        return NonFinite(
            name, place, start + row, column, value, (int(bad.any(1).sum()), len(bad))
        )
    return None


def makes_non_finite(model: Program, guide: Program, args: Sequence[Any]) -> bool:
    """Whether a log-density of the pair is not finite for these arguments.

    A pair that masks missing values has finite ones. Where the pair cannot be run this is False:
    another error will say why.
    """
    with isolated(), torch.no_grad(), own_parameters(), pyro.validation_enabled(False):
        try:
            traces = Pair(model, guide, tuple(args), {}).trace()
            for trace in traces:
                trace.compute_log_prob()
        except FAILURES:
            return False
        sites = [site for trace in traces for site in trace.nodes.values()]
        scores = [site["log_prob"] for site in sites if site["type"] == "sample"]
        return not all(bool(torch.isfinite(score).all()) for score in scores)
