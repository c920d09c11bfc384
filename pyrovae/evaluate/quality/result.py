"""How good generated data are, beside held-out data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...runtime.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COPIES = 0.6  # share closer to the training data than held-out ones from which on it is said


@dataclass(frozen=True)
class Quality:
    """One set of data compared with training data of the same number.

    Attributes:
        name: What they are.
        frechet: Squared Frechet distance of the features: see `frechet_distance`.
        kernel: Kernel distance: see `kernel_distance`.
        kernel_error: Its standard error.
        precision: See `Overlap`, as for the next three.
        recall: See there.
        density: See there.
        coverage: See there.
        closer: Probability that one of them is closer to its nearest training datum than a
            held-out datum is to its own, .5 where they are as far: near 1, samples are copies.
    """

    name: str
    frechet: float
    kernel: float
    kernel_error: float
    precision: float
    recall: float
    density: float
    coverage: float
    closer: float


@dataclass(frozen=True)
class SampleQuality(Result):
    """Held-out data, samples and reconstructions compared with training data, a row each.

    Attributes:
        rows: "held-out data", "samples" and "reconstructions".
        num_data: N of every row and of the training data it is compared with.
        num_features: F.
        features: What the features are.
        accuracy: Share of the held-out data that the classifier of the features gets right; NaN
            where there is none.
        nearest: k of precision, recall, density and coverage.
        shown: Some samples with the training data nearest to them, for the picture: "samples" and
            "nearest" [S, ...].
    """

    rows: tuple[Quality, ...]
    num_data: int
    num_features: int
    features: str
    accuracy: float
    nearest: int
    shown: Mapping[str, Tensor]

    def __getitem__(self, name: str) -> Quality:
        """The row of a name."""
        return next(row for row in self.rows if row.name == name)

    def cells(self) -> Sequence[Sequence[str]]:
        """See `Result.cells`."""
        head = ("", "Frechet", "kernel distance", "precision", "recall", "density", "coverage",
                "closer to training data")  # fmt: skip
        return [
            head,
            *(
                (r.name, f"{r.frechet:.4g}", _with_error(r.kernel, r.kernel_error),
                 *(f"{share:.3f}" for share in
                   (r.precision, r.recall, r.density, r.coverage, r.closer)))
                for r in self.rows
            ),
        ]  # fmt: skip

    def records(self) -> list[dict[str, Any]]:
        """See `Result.records`."""
        return [vars(row) for row in self.rows]

    def notes(self) -> Sequence[str]:
        """See `Result.notes`."""
        held_out, samples = self["held-out data"], self["samples"]
        accuracy = "" if math.isnan(self.accuracy) else f", {self.accuracy:.1%} right on held-out"
        found = [
            f"features: {self.features}{accuracy}",
            f"each row is {self.num_data} data against as many of the training; the Frechet "
            "distance is biased upwards where they are few, so compare it at equal numbers only, "
            f"and with the {held_out.frechet:.3g} of held-out data",
        ]
        if math.isnan(samples.kernel_error):
            found.append("kernel distance: too few data for an error")
        if samples.closer > _COPIES:
            found.append(
                f"samples are closer to training data than held-out data are in "
                f"{samples.closer:.0%} of the cases: look at the picture for copies"
            )
        return found

    def numbers(self) -> dict[str, Any]:
        """See `Result.numbers`."""
        return {
            "rows": self.records(),
            "num_data": self.num_data,
            "num_features": self.num_features,
            "features": self.features,
            "accuracy": self.accuracy,
            "nearest": self.nearest,
        }

    def arrays(self) -> dict[str, Tensor]:
        """See `Result.arrays`."""
        return dict(self.shown)

    def plot(self) -> "Figure":
        """The measures by row; below, for images, samples over their nearest training data."""
        from ...plots.sample_quality import sample_quality

        return sample_quality(self)


def closer_than(distances: Tensor, held_out: Tensor) -> float:
    """Probability that a distance is below one of held-out data, ties counting half."""
    ordered = held_out.sort().values
    below = torch.searchsorted(ordered, distances.contiguous(), right=True)
    at_most = torch.searchsorted(ordered, distances.contiguous(), right=False)
    return 1.0 - float((below + at_most).double().mean() / 2 / len(ordered))


def _with_error(value: float, error: float) -> str:
    return f"{value:.3g}" if math.isnan(error) else f"{value:.3g} +- {error:.1g}"
