"""What `detect_anomalies` finds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ...runtime.result import Result
from .discrimination import Discrimination

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SURE = 3  # standard errors


@dataclass(frozen=True)
class Alarms:
    """What a calibrated threshold does.

    Attributes:
        threshold: The score below which data are anomalies.
        found: Share of the anomalies below it.
        false: Share of the normal data below it.
        interval: Where the false-alarm rate lies in 95 % of calibrations of this size.
    """

    threshold: float
    found: float
    false: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Anomalies(Result):
    """How well scores tell foreign data from a pair's own.

    Attributes:
        normal: Scores of the normal data by name [N], float64 on the CPU; higher is more normal.
        foreign: Scores of the foreign data by name [M].
        discrimination: AUROC, AUPR and FPR of each score.
        alarms: What the threshold of each score does.
        false_alarm_rate: That the thresholds were calibrated for.
        left_out: Scores that this pair or these data cannot have, and why.
        extremes: By the first score the data that are most and least normal, with captions; each
            [E, *data_shape].
    """

    normal: Mapping[str, Tensor]
    foreign: Mapping[str, Tensor]
    discrimination: Mapping[str, Discrimination]
    alarms: Mapping[str, Alarms]
    false_alarm_rate: float
    left_out: Mapping[str, str]
    extremes: Sequence[tuple[str, Tensor]]

    def cells(self) -> list[list[str]]:
        head = ["score", "AUROC", "+-", "AUPR", "+-", "FPR95", "+-", "found", "false alarms"]
        return [head] + [
            [
                name,
                *(
                    f"{value:.3f}"
                    for value in (d.auroc, d.auroc_error, d.aupr, d.aupr_error, d.fpr95,
                                  d.fpr95_error, self.alarms[name].found, self.alarms[name].false)
                ),
            ]
            for name, d in self.discrimination.items()
        ]  # fmt: skip

    def numbers(self) -> dict[str, Any]:
        return {
            "num_normal": len(next(iter(self.normal.values()))),
            "num_foreign": len(next(iter(self.foreign.values()))),
            "false_alarm_rate": self.false_alarm_rate,
            "scores": {
                name: {**asdict(d), "alarms": asdict(self.alarms[name])}
                for name, d in self.discrimination.items()
            },
            "left_out": dict(self.left_out),
        }

    def arrays(self) -> dict[str, Tensor]:
        return {
            f"{kind}_{name}": scores
            for kind, every in (("normal", self.normal), ("foreign", self.foreign))
            for name, scores in every.items()
        }

    def plot(self) -> "Figure":
        from ...plots.anomalies import score_histograms

        titles = {n: f"{n}: AUROC {d.auroc:.3f}" for n, d in self.discrimination.items()}
        images = all(t.dim() == 4 and t.shape[1] in (1, 3) for _, t in self.extremes)
        return score_histograms(
            self.normal, self.foreign, titles=titles, strips=self.extremes if images else ()
        )

    def notes(self) -> list[str]:
        first = next(iter(self.discrimination.values()))
        lines = [
            f"{self.numbers()['num_normal']} normal and {self.numbers()['num_foreign']} foreign "
            f"data; AUPR of a score of no use: {first.prevalence:.3f}; thresholds for "
            f"{100 * self.false_alarm_rate:g} % false alarms",
        ]
        lines += [f"{name}: {why}" for name, why in self.left_out.items()]
        lines += [
            f"{name} ranks the foreign data as more normal than the pair's own, a known failure "
            "of likelihoods (Nalisnick et al., 2019)"
            for name, d in self.discrimination.items()
            if d.auroc + _SURE * d.auroc_error < 0.5
        ]
        return lines

    def records(self) -> list[dict[str, Any]]:
        """A row for each score."""
        return [
            {
                "score": name,
                **asdict(d),
                "found": self.alarms[name].found,
                "false_alarms": self.alarms[name].false,
            }
            for name, d in self.discrimination.items()
        ]
