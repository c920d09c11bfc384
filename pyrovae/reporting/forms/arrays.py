"""Data that have no picture: they are written as arrays."""

from pathlib import Path

from torch import Tensor

from .base import Form


class Arrays(Form):
    """Vectors and others: numbers without a further meaning."""

    kind = "arrays"
    endings = ()

    def write(self, out: Path, made: Tensor, given: Tensor | None, title: str) -> list[Path]:
        return []
