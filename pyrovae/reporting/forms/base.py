"""What all forms of data share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ..section import Part

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Made:
    """Data that a pair has made, on the CPU.

    Attributes:
        given: Data that were not trained on [N, ...].
        rebuilt: What comes back of them through the latents [N, ...]; None: not known.
        samples: Made of latents from the prior [M, ...]; None where there is no prior.
        remarks: Sentences on what could not be made, and why.
    """

    given: Tensor
    rebuilt: Tensor | None = None
    samples: Tensor | None = None
    remarks: Sequence[str] = ()


class Form(ABC):
    """How data of one kind are shown and written.

    Attributes:
        kind: What they are, for messages.
        endings: Of files that show them. The first is taken where none is named.
        has_means: Whether the mean of p(x|z) is a datum itself; else data are drawn.
        usual_count: How many data a command makes where it is not told.
    """

    kind: str
    endings: tuple[str, ...]
    has_means: bool = True
    usual_count: int = 64

    def given(self, batch: Sequence[Tensor]) -> Tensor:
        """The data as they are shown [N, ...], of what the pair is called with."""
        return batch[0]

    @abstractmethod
    def write(self, out: Path, made: Tensor, given: Tensor | None, title: str) -> list[Path]:
        """Write data to files.

        Args:
            out: Ends in one of the endings.
            made: Data [N, ...].
            given: What they are reconstructions of [N, ...], if they are.
            title: Of pictures.

        Returns:
            The files.

        Raises:
            SaveError: One cannot be written.
        """

    def preview(self, made: Tensor, given: Tensor | None) -> Sequence[str]:
        """The first data in words, a line each; none where words do not show them."""
        return ()

    def draws_images(self, x: Tensor) -> bool:
        """Whether data x [N, ...] can be drawn as grey or coloured pictures."""
        return False

    def figures(self, made: Made) -> "dict[str, Figure]":
        """Pictures by name: "reconstructions", "samples"."""
        return {}

    def parts(self, made: Made) -> Sequence[Part]:
        """What a page shows besides pictures."""
        return ()

    def save(self, made: Made, folder: Path) -> list[Path]:
        """Write what was made into a run folder, besides pictures: see `figures`."""
        return []
