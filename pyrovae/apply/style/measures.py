"""Whether a transfer kept the style, and whether the new label is recognised."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...data import Split
from ...errors import DataError
from ...evaluate.latents.posterior_means import joined_means
from ...evaluate.sweep import Sweep
from ...particles.one_by_one import warned_once
from ..labels import numbers_of
from .relabelled import Relabelled

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

_PARTICLES = 100  # over which a posterior mean is averaged, where the guide does not state it
_FITTED = 5000  # data on which a classifier is fitted; its time grows with their square
_DISTANCES = 2**22  # that are computed at once


@dataclass(frozen=True)
class Share:
    """A share of trials that succeeded, with its standard error over the data."""

    value: float
    error: float

    @classmethod
    def of(cls, hits: Tensor, counted: Tensor) -> Share | None:
        """Of hits [N, C] where they are counted [N, C]; None where none is.

        The trials of one datum depend on each other, so that the error is that of a ratio of sums
        over the data.
        """
        trials = counted.sum(1).double()
        total = trials.sum()
        if not total:
            return None
        value = (hits & counted).sum().double() / total
        residual = (hits & counted).sum(1) - value * trials
        size = int((trials > 0).sum())
        error = (residual.square().sum() * size / max(size - 1, 1)).sqrt() / total
        return cls(float(value), float(error) if size > 1 else math.nan)

    def __str__(self) -> str:
        return f"{self.value:.3f} +- {self.error:.3f}"


@dataclass(frozen=True)
class StyleKept:
    """How far the posterior means of what was made agree with those of the source.

    Attributes:
        correlation: Over data and units, by whether the label is new: units weigh as they vary.
        retrieved: The same for the share whose nearest source is their own, among all N.
    """

    correlation: dict[str, float]
    retrieved: dict[str, Share | None]


def which(own: Tensor, num_labels: int) -> dict[str, Tensor]:
    """Whether a cell [N, C] has another label than the datum's own, or its own."""
    same = own[:, None] == torch.arange(num_labels)
    return {"new": ~same, "own": same}


def style_kept(sweep: Sweep, made: Relabelled) -> StyleKept:
    """Encode the draws again, each with its label, and compare with the source."""
    sweep = sweep.again(num_particles=_PARTICLES)
    with warned_once():
        source = joined_means(sweep, made.vectors)
        columns = [
            joined_means(_over(sweep, made, column), made.vectors)
            for column in range(len(made.labels))
        ]
    again = torch.stack(columns, 1)  # [N, C, L]
    cells = which(made.own, len(made.labels))
    hits = torch.stack([_nearest(column, source) for column in again.unbind(1)], 1)
    hits = hits == torch.arange(len(source))[:, None]
    return StyleKept(
        {name: _correlation(source[:, None].expand_as(again)[cell], again[cell])
         for name, cell in cells.items()},
        {name: Share.of(hits, cell) for name, cell in cells.items()},
    )  # fmt: skip


@dataclass(frozen=True)
class Recognised:
    """What a classifier of real data says of what was made.

    Attributes:
        share: Of draws that it takes for their label, by whether the label is new.
        by_label: Of those with a new label, by label [C].
        of_data: Of the real data that it classifies right.
    """

    share: dict[str, Share | None]
    by_label: list[float]
    of_data: Share | None


def recognised(
    x: Tensor,
    made: Relabelled,
    train: Split,
    classifier: ClassifierMixin | None,
) -> Recognised:
    """Fit a classifier on labelled data, and classify the draws.

    Args:
        x: The source [N, *data_shape].
        made: Of it.
        train: Labelled data; at most 5,000 are used.
        classifier: See `transfer`.

    Raises:
        DataError: The data have no labels, or none of the labels that were put.
    """
    if train.y is None:
        raise DataError("transfer fits a classifier on train, which has no labels: train.y")
    number = numbers_of(train.y.cpu(), made.labels.to(train.y.dtype))
    rows = (number >= 0).nonzero().flatten()[:_FITTED]
    if len(number[rows].unique()) < 2:
        raise DataError(
            f"transfer: train has {len(rows)} data of the labels that are put in place, of fewer "
            "than two classes; give labelled data of all of them, or leave train out"
        )
    from sklearn.svm import SVC  # takes a second

    fitted: Any = SVC(C=10.0) if classifier is None else classifier
    fitted.fit(_table(train.x[rows]), number[rows].numpy())
    columns = [torch.as_tensor(fitted.predict(_table(d))) for d in made.draws.unbind(1)]
    hits = torch.stack(columns, 1) == torch.arange(len(made.labels))
    cells = which(made.own, len(made.labels))
    new = cells["new"]
    real = (torch.as_tensor(fitted.predict(_table(x))) == made.own)[:, None]
    return Recognised(
        {name: Share.of(hits, cell) for name, cell in cells.items()},
        ((hits & new).sum(0) / new.sum(0)).tolist(),
        Share.of(real, (made.own >= 0)[:, None]),
    )


def _table(x: Tensor) -> Any:  # noqa: ANN401 (an array)
    return x.cpu().flatten(1).double().numpy()


def _over(sweep: Sweep, made: Relabelled, column: int) -> Sweep:
    """The same sweep over the draws of one column, with its label."""
    data = [made.draws[:, column], *sweep.inputs.data[1:]]
    args = list(sweep.inputs.rest)
    if made.is_argument:
        place = 1 - len(sweep.inputs.data)
        given = data[1] if place < 0 else args[0]
        label = made.labels[column].to(given).expand(given.shape)
        if place < 0:
            data[1] = label
        else:
            args[0] = label
    return replace(sweep, data=tuple(data), args=tuple(args), progress=False)


def _correlation(one: Tensor, other: Tensor) -> float:
    """Of the numbers of two tables [M, L], each column without its mean."""
    one, other = one - one.mean(0), other - other.mean(0)
    return float((one * other).sum() / (one.square().sum() * other.square().sum()).sqrt())


def _nearest(made: Tensor, source: Tensor) -> Tensor:
    """The row of the nearest source [N] for each row made [N, L]."""
    rows = max(1, _DISTANCES // len(source))
    return torch.cat([torch.cdist(part, source).argmin(1) for part in made.split(rows)])
