"""All metrics of disentanglement of one representation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...errors import DataError
from ...runtime.markup import Section
from ...runtime.progress import progress_bar
from ...runtime.result import Result
from .base import Gaps, checked
from .beta_vae import beta_vae_metric
from .dci import DCI, dci
from .factor_vae import factor_vae_metric
from .mig import mig
from .sap import sap

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sklearn.base import ClassifierMixin


@dataclass(frozen=True, eq=False)
class Disentanglement(Result):
    """How far each factor of variation has a code of its own. Higher is better, one the most.

    Attributes:
        mig: Mutual information gap; its `matrix` holds I(z_i; v_f) / H(v_f) [L, F].
        dci: Disentanglement, completeness, informativeness.
        sap: Separated attribute predictability.
        factor_vae: Accuracy of the FactorVAE metric.
        beta_vae: Accuracy of the beta-VAE metric.
        names: Of the factors.
        num_data: N.
        num_live: Codes that vary; the others were set to a constant.
    """

    mig: Gaps
    dci: DCI
    sap: Gaps
    factor_vae: float
    beta_vae: float
    names: tuple[str, ...]
    num_data: int
    num_live: int

    def summary(self) -> dict[str, float]:
        """The scores by name."""
        return {
            "mig": self.mig.score,
            "dci_disentanglement": self.dci.disentanglement,
            "dci_completeness": self.dci.completeness,
            "dci_informativeness": self.dci.informativeness,
            "sap": self.sap.score,
            "factor_vae": self.factor_vae,
            "beta_vae": self.beta_vae,
        }

    def cells(self) -> list[list[str]]:
        chance = f"accuracy, {1 / len(self.names):.3f} by chance"
        remarks = {
            "dci_informativeness": "accuracy",
            "sap": "at most one less the accuracy by chance",
            "factor_vae": chance,
            "beta_vae": chance,
        }
        return [["metric", "score", ""]] + [
            [name, f"{score:.3f}", remarks.get(name, "")] for name, score in self.summary().items()
        ]

    def sections(self) -> list[Section]:
        """The scores, then the factors."""
        factors = [["factor", "best code", "information", "gap", "predicted"]] + [
            [
                row["factor"],
                str(row["best_code"]),
                *(f"{row[name]:.3f}" for name in ("information", "gap", "predicted")),
            ]
            for row in self.records()
        ]
        codes = len(self.mig.matrix)
        note = f"{self.num_data:,} data, {self.num_live} of {codes} codes vary"
        return [Section(self.cells()), Section(factors, notes=[note])]

    def records(self) -> list[dict[str, Any]]:
        """A row for each factor."""
        return [
            {
                "factor": name,
                "best_code": best,
                "information": float(self.mig.matrix[best, i]),
                "gap": float(self.mig.per_factor[i]),
                "predicted": float(self.dci.accuracy[i]),
            }
            for i, (name, best) in enumerate(zip(self.names, self.mig.best.tolist(), strict=True))
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            **self.summary(),
            "factors": self.records(),
            "num_data": self.num_data,
            "num_live": self.num_live,
        }

    def arrays(self) -> dict[str, Tensor]:
        return {"information": self.mig.matrix, "importance": self.dci.importance}

    def plot(self) -> Figure:
        """Information and importance of each code for each factor."""
        from ...plots.matrices import matrices  # matplotlib is slow to import

        found = {
            f"information: MIG {self.mig.score:.3f}": self.mig.matrix,
            f"importance: DCI {self.dci.disentanglement:.3f}": self.dci.importance,
        }
        return matrices(found, columns=self.names)


def disentanglement(
    codes: Tensor,
    factors: Tensor,
    *,
    names: Sequence[str] | None = None,
    min_variance: float = 1e-2,
    bins: int | None = 20,
    classifier: ClassifierMixin | None = None,
    regularisation: float = 0.01,
    test_share: float = 1 / 3,
    num_votes: int = 10_000,
    num_test_votes: int = 5_000,
    batch_size: int = 64,
    seed: int = 0,
    progress: bool | None = None,
) -> Disentanglement:
    """Measure how far codes are disentangled, by all metrics of the field.

    Of a pair, the codes are its posterior means: `posterior_means(model, guide, split)`. All
    choices have defaults, which the functions of the metrics state with their source. Scores
    depend on these choices, on the grid of factors and on N: compare only scores that were
    measured alike. Ten thousand rows of ten codes take some seconds.

    Args:
        codes: [N, L].
        factors: The index of each factor's value, whole numbers [N, F]. Better all combinations
            of them, or a large random sample, than few rows.
        names: Of the factors, for the table.
        min_variance: Codes that vary less are set to a constant. By default that of inactive
            units (`active_units`) in codes of unit prior variance: metrics that bin or scale each
            code would magnify what the decoder does not use. Zero keeps every code.
        bins: See `mig`.
        classifier: See `dci`.
        regularisation: See `sap`.
        test_share: Of the rows, kept to judge the classifiers of `dci` and `sap`.
        num_votes: See `factor_vae_metric` and `beta_vae_metric`, as for the next two.
        seed: Of rows, classifiers and votes.
        progress: See `SweepOptions`.

    Raises:
        ConfigError: A choice is out of range.
        DataError: Codes and factors are no tables with equally many rows, a code is not finite,
            a factor is no whole number or always the same, or the rows are too few.

    Source:
        Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations (Locatello et al., 2019), which compares them,
        https://arxiv.org/abs/1811.12359

    Example:
        >>> from pyrovae.data import ShapeGrid
        >>> factors = ShapeGrid(num_positions=4).factors()
        >>> found = disentanglement(factors.flip(1).float(), factors)
        >>> {name: round(score, 2) for name, score in found.summary().items() if name != "sap"}
        {'mig': 1.0, 'dci_disentanglement': 1.0, 'dci_completeness': 1.0,
         'dci_informativeness': 1.0, 'factor_vae': 1.0, 'beta_vae': 1.0}
    """
    values, columns = checked(codes, factors, "disentanglement")
    if names is not None and len(names) != columns.shape[1]:
        raise DataError(
            f"disentanglement got {len(names)} names for {columns.shape[1]} factors; name each"
        )
    known, held = torch.from_numpy(columns), torch.from_numpy(values)
    live = held.var(0, unbiased=False) > min_variance
    held = torch.where(live, held, held.mean(0))
    voting = {
        "num_votes": num_votes, "num_test_votes": num_test_votes, "batch_size": batch_size,
        "seed": seed,
    }  # fmt: skip
    split: dict[str, Any] = {"test_share": test_share, "seed": seed}
    metrics: dict[str, Callable[[], Any]] = {
        "mig": lambda: mig(held, known, bins=bins),
        "dci": lambda: dci(held, known, classifier=classifier, **split),
        "sap": lambda: sap(held, known, regularisation=regularisation, **split),
        "factor_vae": lambda: factor_vae_metric(held, known, **voting),
        "beta_vae": lambda: beta_vae_metric(held, known, **voting),
    }
    found = {}
    with progress_bar(len(metrics), "metrics", progress) as bar:
        for name, metric in metrics.items():
            bar.set_description(name, refresh=False)
            found[name] = metric()
            bar.update()
    return Disentanglement(
        **found,
        names=tuple(names or map(str, range(columns.shape[1]))),
        num_data=len(held),
        num_live=int(live.sum()),
    )
