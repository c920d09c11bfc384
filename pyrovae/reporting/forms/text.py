"""Lines of text."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ...models.capabilities import ReadsAsText
from ...runtime.files import save
from ..section import Cell, Grid, Part
from .base import Form, Made

_FIRST = 10  # lines that a command prints
_ON_A_PAGE = 20
_LONGEST = 300  # characters of a text on a page
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class Text(Form):
    """Data that the pair reads as text: a file has one a line.

    Backslashes, line breaks and tabs within a text are written as in Python, so that a line stays
    one; a reconstruction stands behind its text and a tab.
    """

    kind = "text"
    endings = (".txt",)
    has_means = False

    def __init__(self, pair: ReadsAsText) -> None:
        self.pair = pair

    def write(self, out: Path, made: Tensor, given: Tensor | None, title: str) -> list[Path]:
        save(out, "".join(f"{line}\n" for line in self._lines(made, given)))
        return [out]

    def preview(self, made: Tensor, given: Tensor | None) -> Sequence[str]:
        return [
            line.replace("\t", "  ->  ")
            for line in self._lines(made[:_FIRST], None if given is None else given[:_FIRST])
        ]

    def parts(self, made: Made) -> Sequence[Part]:
        grids = []
        if made.rebuilt is not None:
            both = zip(self._shown(made.given), self._shown(made.rebuilt), strict=True)
            grids.append(_grid(
                "text-rebuilt", "Test data, and what comes back of them through the "
                "latents", ("given", "reconstruction"), list(both),
            ))  # fmt: skip
        if made.samples is not None:
            texts = self._shown(made.samples)
            grids.append(_grid(
                "text-samples", "Made of latents that were drawn from the prior",
                ("", "sample"), [(str(i), text) for i, text in enumerate(texts, 1)],
            ))  # fmt: skip
        return [Part(grids=grids)] if grids else []

    def save(self, made: Made, folder: Path) -> list[Path]:
        paths = []
        if made.rebuilt is not None:
            path = folder / "reconstructions.txt"
            paths += self.write(path, made.rebuilt, made.given, "")
        if made.samples is not None:
            paths += self.write(folder / "samples.txt", made.samples, None, "")
        return paths

    def _lines(self, made: Tensor, given: Tensor | None) -> list[str]:
        lines = [text.translate(_ESCAPES) for text in self.pair.to_text(made)]
        if given is None:
            return lines
        before = [text.translate(_ESCAPES) for text in self.pair.to_text(given)]
        return [f"{old}\t{new}" for old, new in zip(before, lines, strict=True)]

    def _shown(self, x: Tensor) -> list[str]:
        texts = self.pair.to_text(x[:_ON_A_PAGE])
        return [text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..." for text in texts]


def _grid(name: str, caption: str, head: tuple[str, str], rows: list[tuple[str, str]]) -> Grid:
    titles = (head[0] or "number", head[1])
    return Grid(
        name, caption, head,
        [[Cell(one, is_data=True), Cell(other, is_data=True)] for one, other in rows],
        [dict(zip(titles, row, strict=True)) for row in rows],
    )  # fmt: skip
