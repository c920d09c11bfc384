"""What is found when made rows of a table are compared with real ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...runtime.markup import Section
from ...runtime.result import Result
from .classifier import TwoSample
from .copies import Copies

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Resemblance(Result):
    """Made rows compared with real ones, beside held-out real rows, what a perfect model reaches.

    Attributes:
        names: Of the columns [D].
        num_rows: Numbers of rows: of training, held-out and made ones.
        told: How a classifier tells made rows from held-out ones.
        told_real: How it tells training rows from held-out ones.
        marginals: Distance of each column of the made rows to the training rows [D].
        marginals_real: That of the held-out rows.
        pairs: Association of each pair of columns among the made rows [D, D].
        pairs_real: Among the training rows.
        pairs_held_out: Among the held-out rows.
        copies: How close made rows come to training rows.
    """

    names: tuple[str, ...]
    num_rows: tuple[int, int, int]
    told: TwoSample
    told_real: TwoSample
    marginals: np.ndarray
    marginals_real: np.ndarray
    pairs: np.ndarray
    pairs_real: np.ndarray
    pairs_held_out: np.ndarray
    copies: Copies

    @property
    def auc(self) -> float:
        """How well a classifier tells made rows from real ones; 1/2 where it cannot."""
        return self.told.auc

    @property
    def pair_difference(self) -> float:
        """Mean absolute difference of the associations of made and training rows."""
        return _mean_difference(self.pairs, self.pairs_real)

    @property
    def pair_difference_real(self) -> float:
        """The same of held-out rows."""
        return _mean_difference(self.pairs_held_out, self.pairs_real)

    def title(self) -> str:
        """See `Result.title`."""
        train, held_out, made = self.num_rows
        return f"{made:,} made rows, {train:,} training rows, {held_out:,} held-out rows"

    def cells(self) -> Sequence[Sequence[str]]:
        """See `Result.cells`."""
        c, mean, most = self.copies, np.nanmean, np.nanmax
        return [
            ("", "made rows", "held-out rows"),
            ("AUC of a classifier", f"{self.told.auc:.3f}", f"{self.told_real.auc:.3f}"),
            ("  p, where it cannot tell", f"{self.told.p:.3g}", f"{self.told_real.p:.3g}"),
            ("marginal distance, mean", *_two(mean(self.marginals), mean(self.marginals_real))),
            ("  largest", *_two(most(self.marginals), most(self.marginals_real))),
            ("association, mean difference",
             *_two(self.pair_difference, self.pair_difference_real)),
            ("closest training row, median distance", *_two(c.median, c.held_out_median)),
            ("  closer than held-out rows", f"{c.closer:.3f}", "0.500"),
            ("  equal to a training row", f"{c.copied:.1%}", f"{c.held_out_copied:.1%}"),
        ]  # fmt: skip

    def sections(self) -> Sequence[Section]:
        """The summary, and the distances of the columns."""
        order = np.argsort(-np.nan_to_num(self.marginals))
        rows = [("column", "made rows", "held-out rows")]
        rows += [
            (str(self.names[i]), *_two(self.marginals[i], self.marginals_real[i])) for i in order
        ]
        title = "Distance of each column to that of the training rows"
        return [Section(self.cells(), self.title(), self.notes()), Section(rows, title)]

    def notes(self) -> Sequence[str]:
        """See `Result.notes`."""
        found = [
            f"AUC: 0.5 where a classifier cannot tell rows from held-out ones; between sets that "
            f"are alike it varies by {self.told.spread:.3f}",
            "held-out rows are compared as made rows are: what a perfect model would reach",
        ]
        i, j = self._worst()
        if i != j:
            found.append(
                f"the association of {self.names[i]} and {self.names[j]} differs most: "
                f"{self.pairs[i, j]:.2f} among made rows, and {self.pairs_real[i, j]:.2f} among "
                "those of the training"
            )
        if self.copies.found:
            found.append(
                f"made rows copy training rows: they are closer to them than held-out rows in "
                f"{self.copies.closer:.0%} of the cases (p = {self.copies.p:.2g}), and "
                f"{self.copies.copied:.1%} are equal to one"
            )
        return found

    def numbers(self) -> dict[str, Any]:
        """See `Result.numbers`."""
        return {
            "num_rows": dict(zip(("train", "held_out", "made"), self.num_rows, strict=True)),
            "classifier": {"made": self.told._asdict(), "held_out": self.told_real._asdict()},
            "marginals": {
                "made": dict(zip(self.names, self.marginals.tolist(), strict=True)),
                "held_out": dict(zip(self.names, self.marginals_real.tolist(), strict=True)),
            },
            "associations": {
                "columns": list(self.names),
                "made": self.pairs.tolist(),
                "train": self.pairs_real.tolist(),
                "held_out": self.pairs_held_out.tolist(),
                "mean_difference": self.pair_difference,
                "held_out_mean_difference": self.pair_difference_real,
            },
            "copies": {**self.copies._asdict(), "found": self.copies.found},
        }

    def plot(self) -> "Figure":
        """The associations of made over those of training rows, and the distances of columns."""
        from ...plots.tables import table_resemblance

        return table_resemblance(
            self.names, self.marginals, self.marginals_real, self.pairs, self.pairs_real
        )

    def _worst(self) -> tuple[int, int]:
        gap = np.nan_to_num(np.abs(self.pairs - self.pairs_real))
        i, j = np.unravel_index(int(gap.argmax()), gap.shape)
        return int(min(i, j)), int(max(i, j))


def _mean_difference(one: np.ndarray, other: np.ndarray) -> float:
    gaps = np.abs(one - other)[np.tril_indices(len(one), -1)]
    return float(np.nanmean(gaps)) if np.isfinite(gaps).any() else 0.0


def _two(one: float, other: float) -> tuple[str, str]:
    return f"{one:.3f}", f"{other:.3f}"
