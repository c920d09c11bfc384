"""What a use of a trained pair gives: a table, numbers, arrays, a picture."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Finding(ABC):
    """Base of what the uses give: printed it is a table, and the command line saves the rest.

    A subclass is a frozen dataclass that implements `rows` and `numbers`.
    """

    @abstractmethod
    def rows(self) -> Sequence[Sequence[str]]:
        """The cells of the table as text, with a head row first; all rows of one length."""

    @abstractmethod
    def numbers(self) -> dict[str, Any]:
        """What was measured, by name, as numbers, texts and lists of them: for a JSON file."""

    def arrays(self) -> dict[str, Tensor]:
        """What was made, by name, on the CPU."""
        return {}

    def plot(self) -> "Figure | None":
        """The picture of it; None where there is none, as of data that are no images."""
        return None

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if place == 0 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )
