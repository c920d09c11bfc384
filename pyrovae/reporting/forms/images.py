"""Images, grey or of three colours."""

from pathlib import Path

from torch import Tensor

from ... import plots
from ..saving import save_figure
from .base import Form


class Images(Form):
    """Images [N, C, H, W], C = 1 or 3, or [N, H, W]. The pages have sections of their own."""

    kind = "images"
    endings = (".png",)

    def write(self, out: Path, made: Tensor, given: Tensor | None, title: str) -> list[Path]:
        if given is None:
            figure = plots.image_grid(made, title=title)
        else:
            figure = plots.reconstructions(given, made, title=title)
        save_figure(out, figure)
        return [out]

    def draws_images(self, x: Tensor) -> bool:
        return are_images(x)


def are_images(x: Tensor) -> bool:
    return x.dim() == 3 or (x.dim() == 4 and x.shape[1] in (1, 3))
