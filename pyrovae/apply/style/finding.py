"""What a transfer gives: the grid of analogies, and how well it succeeded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...runtime.result import Result
from ...runtime.values import flat
from .measures import Recognised, Share, StyleKept

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 10  # rows of the picture


@dataclass(frozen=True, eq=False)
class Transferred(Result):
    """The styles of N data under C labels.

    Attributes:
        x: The source [N, *data_shape], on the CPU.
        made: The mean of p(x|z, label), or a draw [N, C, *data_shape].
        labels: The labels [C, ...].
        own: Which of them is the datum's own, -1 where it is none of them or not known [N].
        style: Names of the latents that are the style.
        kept: Whether the style is found again in what was made.
        recognised: Whether the label is; None without labelled data to tell by.
    """

    x: Tensor = field(repr=False)
    made: Tensor = field(repr=False)
    labels: Tensor
    own: Tensor = field(repr=False)
    style: tuple[str, ...]
    kept: StyleKept
    recognised: Recognised | None

    def cells(self) -> Sequence[Sequence[str]]:
        known = self.recognised
        rows = [["", "new label", "own label", "real data"]]
        if known is not None:
            rows.append(["label recognised", _said(known.share["new"]), _said(known.share["own"]),
                         _said(known.of_data)])  # fmt: skip
        kept = [f"{self.kept.correlation[name]:.3f}" for name in ("new", "own")]
        found = [_said(self.kept.retrieved[name]) for name in ("new", "own")]
        return [
            *rows,
            ["style, correlation", *kept, ""],
            [f"style, nearest of {len(self.x)}", *found, ""],
        ]

    def records(self) -> list[dict[str, Any]]:
        """One row."""
        return [flat(self.numbers())]

    def numbers(self) -> dict[str, Any]:
        known = self.recognised
        return {
            "num_data": len(self.x),
            "labels": self.labels.tolist(),
            "style": list(self.style),
            "style_correlation": self.kept.correlation,
            "style_retrieved": {n: _numbers(s) for n, s in self.kept.retrieved.items()},
            "chance_of_retrieval": 1 / len(self.x),
        } | (
            {}
            if known is None
            else {
                "label_recognised": {n: _numbers(s) for n, s in known.share.items()},
                "recognised_by_label": known.by_label,
                "accuracy_on_data": _numbers(known.of_data),
            }
        )

    def arrays(self) -> dict[str, Tensor]:
        return {"x": self.x, "made": self.made, "labels": self.labels, "own": self.own}

    def plot(self) -> "Figure | None":
        """A row for a datum of each label, a column for each label, the source on the left.

        None for data that are no images.
        """
        if self.x.dim() != 4 or self.x.shape[1] not in (1, 3):
            return None
        from ...plots import image_grid

        rows = self._shown()
        x, made = self.x[rows, None].to(self.made), self.made[rows]
        white = torch.full_like(x, float(max(x.max(), made.max())))
        tiles = torch.cat([x, white, made], 1)
        return image_grid(
            tiles.flatten(0, 1),
            columns=tiles.shape[1],
            column_names=["data", "", *_words(self.labels)],
            title="The style of each datum (left) under each label (columns)",
        )

    def _shown(self) -> Tensor:
        """A datum of each label, then others."""
        firsts = [(self.own == c).nonzero().flatten()[:1] for c in range(len(self.labels))]
        rows = torch.cat([*firsts, torch.arange(len(self.x))])
        return torch.tensor(list(dict.fromkeys(rows.tolist()))[:_SHOWN])


def _words(labels: Tensor) -> list[str]:
    """Names of labels [C] or [C, ...]: numbers, the places of one-hot vectors, several classes."""
    if labels.dim() == 1:
        return [f"{label.item():g}" for label in labels]
    if labels.dim() > 2 or not torch.equal(labels, labels.round()):
        return ["" for _ in labels]
    if bool(((labels != 0).sum(1) == 1).all() & (labels.amax(1) == 1).all()):
        return [f"{int(label.argmax())}" for label in labels]
    return [", ".join(f"{value:g}" for value in label.tolist()) for label in labels]


def _said(share: Share | None) -> str:
    return "-" if share is None else str(share)


def _numbers(share: Share | None) -> dict[str, float] | None:
    return None if share is None else {"share": share.value, "standard_error": share.error}
