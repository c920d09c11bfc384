"""Series: lines over time."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ... import plots
from ..saving import save_figure
from .base import Form, Made

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 12  # series in a picture
_MOST_VALUES = 6  # a step, of data whose pair does not say what they are


class Series(Form):
    """Series [N, T, D] over T steps of time.

    Args:
        to_series: Gives them [N, T, D] of data [N, ...]; NaN where there is no value.
    """

    kind = "series"
    endings = (".png",)

    def __init__(self, to_series: Callable[[Tensor], Tensor]) -> None:
        self.to_series = to_series

    def write(self, out: Path, made: Tensor, given: Tensor | None, title: str) -> list[Path]:
        save_figure(out, self._figure(made, given, title))
        return [out]

    def figures(self, made: Made) -> "dict[str, Figure]":
        found = {}
        if made.rebuilt is not None:
            found["reconstructions"] = self._figure(
                made.rebuilt,
                made.given,
                "Test data (dots), and what comes back through the latents",
            )
        if made.samples is not None:
            found["samples"] = self._figure(made.samples, None, "Made of draws from the prior")
        return found

    def _figure(self, made: Tensor, given: Tensor | None, title: str) -> "Figure":
        return plots.series(
            self.to_series(made[:_SHOWN]),
            None if given is None else self.to_series(given[:_SHOWN]),
            title=title,
        )


def are_series(x: Tensor) -> bool:
    """Whether data [N, T, D] are longer than wide, with few values a step: no images."""
    return x.dim() == 3 and x.shape[1] > x.shape[2] and x.shape[2] <= _MOST_VALUES
