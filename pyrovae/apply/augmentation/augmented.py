"""What augmentation gives: made data with their labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...data import Split
from ...runtime.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 10  # of each class in the picture


@dataclass(frozen=True, eq=False)
class Augmented(Result):
    """Data that a pair made, and the labelled data that it was given.

    Attributes:
        split: The made data and their labels, class by class; x in the type of the given data.
        given: The labelled data themselves.
        classes: The distinct labels [C, ...].
        way: "prior" or "posterior".
        with_given: Whether `arrays` begin with the given data.
    """

    split: Split
    given: Split = field(repr=False)
    classes: Tensor
    way: str
    with_given: bool = False

    @property
    def x(self) -> Tensor:
        """The made data [M, *data_shape]."""
        return self.split.x

    @property
    def y(self) -> Tensor:
        """Their labels [M, ...]."""
        made: Tensor = self.split.y
        return made

    @property
    def both(self) -> Split:
        """The given data, and after them the made."""
        return Split(torch.cat([self.given.x, self.x]), torch.cat([self.given.y, self.y]))

    def cells(self) -> Sequence[Sequence[str]]:
        counts = self.numbers()
        return [
            ["class", "given", "made"],
            *(
                [str(label), str(given), str(made)]
                for label, given, made in zip(
                    counts["classes"], counts["given"], counts["made"], strict=True
                )
            ),
        ]

    def records(self) -> list[dict[str, Any]]:
        """A row for each class."""
        counts = self.numbers()
        columns = zip(counts["classes"], counts["given"], counts["made"], strict=True)
        return [{"class": label, "given": g, "made": m} for label, g, m in columns]

    def numbers(self) -> dict[str, Any]:
        return {
            "way": self.way,
            "classes": self.classes.tolist(),
            "given": [int(self._of(self.given, label).sum()) for label in self.classes],
            "made": [int(self._of(self.split, label).sum()) for label in self.classes],
        }

    def arrays(self) -> dict[str, Tensor]:
        shown = self.both if self.with_given else self.split
        return {"x": shown.x, "y": shown.y}

    def plot(self) -> "Figure | None":
        """Ten of each class, a row for each; None for data that are no images."""
        if self.x.dim() != 4 or self.x.shape[1] not in (1, 3):
            return None
        from ...plots import image_grid

        each = [self.x[self._of(self.split, label)] for label in self.classes]
        columns = min(_SHOWN, *map(len, each), len(self.x))
        tiles = torch.cat([made[:columns] for made in each])
        return image_grid(
            tiles,
            columns=columns,
            row_names=[
                f"class {int(label.argmax() if label.dim() else label)}" for label in self.classes
            ],
            title=f"Data made from the {self.way}, a row for each class",
        )

    @staticmethod
    def _of(split: Split, label: Tensor) -> Tensor:
        return (split.y.reshape(len(split), -1) == label.reshape(-1)).all(1)
