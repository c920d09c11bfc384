"""What features are worth at some numbers of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...runtime.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Probed(Result):
    """Test scores of linear models, for each choice of labelled data.

    Attributes:
        scores: By kind of features, "latents", "raw" (the data themselves) and "PCA": accuracy or
            R^2 [M, S] for M numbers of labels and S choices of which data are labelled.
        num_labelled: The numbers of labels [M].
        score: "accuracy" or "R^2".
        num_latents: Units of the latents, L, and components of the PCA.
        num_test: Data that are scored.
    """

    scores: dict[str, Tensor]
    num_labelled: tuple[int, ...]
    score: str
    num_latents: int
    num_test: int

    def means(self, kind: str = "latents") -> Tensor:
        """Mean score over the choices of labels [M]."""
        return self.scores[kind].mean(1)

    def standard_errors(self, kind: str = "latents") -> Tensor:
        """Of the means [M], from the spread over the choices; NaN for one choice."""
        return _error(self.scores[kind])

    def cells(self) -> Sequence[Sequence[str]]:
        kinds, others = list(self.scores), [k for k in self.scores if k != "latents"]
        head = ["labels", *kinds, *(f"latents - {kind}" for kind in others)]
        table = [head]
        for place, count in enumerate(self.num_labelled):
            cells = [_said(self.scores[kind][place]) for kind in kinds]
            for kind in others:
                cells.append(_said(self.scores["latents"][place] - self.scores[kind][place], "+"))
            table.append([str(count), *cells])
        return table

    def records(self) -> list[dict[str, Any]]:
        """A row for each number of labels and kind of features."""
        return [
            {"labels": count, "features": kind, self.score: mean, "standard_error": error}
            for place, count in enumerate(self.num_labelled)
            for kind in self.scores
            for mean, error in [
                (float(self.means(kind)[place]), float(self.standard_errors(kind)[place]))
            ]
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "score": self.score,
            "num_labelled": list(self.num_labelled),
            "num_latents": self.num_latents,
            "num_test": self.num_test,
            "means": {kind: self.means(kind).tolist() for kind in self.scores},
            "standard_errors": {k: self.standard_errors(k).tolist() for k in self.scores},
            "scores": {kind: found.tolist() for kind, found in self.scores.items()},
        }

    def plot(self) -> "Figure":
        """Score against the number of labels, a curve for each kind of features."""
        from ...plots import label_curves

        return label_curves(self.scores, self.num_labelled, score=f"test {self.score}")


def _error(scores: Tensor) -> Tensor:
    size = scores.shape[-1]
    if size == 1:
        return torch.full(scores.shape[:-1], torch.nan, dtype=scores.dtype)
    return scores.std(-1) / size**0.5


def _said(scores: Tensor, sign: str = "") -> str:
    return f"{float(scores.mean()):{sign}.3f} +- {float(_error(scores)):.3f}"
