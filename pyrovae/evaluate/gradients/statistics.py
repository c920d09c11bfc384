"""Statistics of many draws of a gradient, by parameter and by group of parameters."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...runtime.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FALSE_ALARM = 1e-3  # how often an unbiased gradient is called biased, at most

NOISE_NOTE = (
    "~: within twice what noise of the reference alone gives; raise reference_draws, or give a "
    "reference with less noise"
)


@dataclass(frozen=True, eq=False)
class GradientStatistics(Result):
    """Moments of an objective's gradient at fixed parameters, float64 on the CPU.

    Attributes:
        mean: Mean of the draws, by the name of the leaf and in its shape.
        variance: Variance of a draw, by coordinate.
        reference: The gradient that the objective should follow; NaN where none was given.
        reference_error: Its standard error, zero where it is exact.
        reference_name: What it is.
        directional_snr: By group, the mean over draws of the ratio of a gradient's lengths along
            the reference and across it, where rounding allows no more than 1e7; NaN for a single
            coordinate, which has nothing across, and where a gradient is always zero.
        groups: Names of the leaves that the "guide" declares, the "model", or both ("shared").
        num_draws: How many.
        milliseconds: Median time of a draw, forward and backward; where a graph draws many in one
            call, its share of the call. It is no time of a training step.
        draws: Every draw [num_draws, *leaf], if they were kept.
    """

    mean: Mapping[str, Tensor]
    variance: Mapping[str, Tensor]
    reference: Mapping[str, Tensor]
    reference_error: Mapping[str, Tensor]
    reference_name: str
    directional_snr: Mapping[str, float]
    groups: Mapping[str, tuple[str, ...]]
    num_draws: int
    milliseconds: float
    draws: Mapping[str, Tensor] | None = None

    @property
    def snr(self) -> dict[str, Tensor]:
        """|reference| / standard deviation by coordinate; NaN where a gradient is always zero."""
        return {n: self._snr(n, reference) for n, reference in self.reference.items()}

    @property
    def bias(self) -> dict[str, Tensor]:
        """Mean minus reference by coordinate."""
        return {name: mean - self.reference[name] for name, mean in self.mean.items()}

    @property
    def z_scores(self) -> dict[str, Tensor]:
        """`bias` in its standard errors; zero where both gradients are always zero."""
        return {name: self._z_score(name, bias) for name, bias in self.bias.items()}

    def summary(self) -> dict[str, dict[str, Any]]:
        """By group: the figures of a table.

        "parameters"; "variance", the sum over coordinates; "variance_median"; "snr", the median
        over coordinates that are not always zero; "directional_snr"; "snr_floor", the median
        ratio that a reference of pure noise would show; "snr_is_noise", whether "snr" is below
        twice that and so no more than an upper bound; "max_z", the largest |z-score|;
        "is_biased", whether that is beyond chance, among so many.
        """
        from scipy.special import stdtr  # imported late: it takes as long as all of this room

        snr, z_scores, found = self.snr, self.z_scores, {}
        for group, names in self.groups.items():
            variance = _flat(self.variance[n] for n in names)
            noise = _flat(self.reference_error[n] for n in names) / np.sqrt(_positive(variance))
            z = np.abs(_flat(z_scores[n] for n in names))
            known = int(np.isfinite(z).sum() + np.isinf(z).sum())
            max_z = float(np.nanmax(z)) if known else math.nan
            chance = known * 2 * float(stdtr(self.num_draws - 1, -max_z)) if known else 1.0
            ratio = _median(_flat(snr[n] for n in names))
            floor = 0.6745 * _median(noise)  # the median of |N(0, 1)|
            found[group] = {
                "parameters": variance.size,
                "variance": float(variance.sum()),
                "variance_median": _median(variance),
                "snr": ratio,
                "snr_floor": floor,
                "snr_is_noise": ratio < 2 * floor,
                "directional_snr": self.directional_snr[group],
                "max_z": max_z,
                "is_biased": chance < _FALSE_ALARM,
            }
        return found

    def cells(self) -> list[list[str]]:
        head = ["group", "parameters", "variance", "SNR", "floor", "directional", "max |z|", ""]
        return [head] + [
            [
                group,
                f"{row['parameters']:,}",
                f"{row['variance']:.4g}",
                _marked(row),
                f"{row['snr_floor']:.3g}",
                f"{row['directional_snr']:.4g}",
                f"{row['max_z']:.1f}",
                "biased" if row["is_biased"] else "",
            ]
            for group, row in self.summary().items()
        ]

    def notes(self) -> list[str]:
        is_noise = any(row["snr_is_noise"] for row in self.summary().values())
        return [
            *([NOISE_NOTE] if is_noise else []),
            f"{self.num_draws:,} draws, {self.milliseconds:.2f} ms each; reference: "
            f"{self.reference_name}",
            "max |z|: largest difference from the reference, in standard errors",
        ]

    def records(self) -> list[dict[str, Any]]:
        return [{"group": group, **row} for group, row in self.summary().items()]

    def numbers(self) -> dict[str, Any]:
        return {
            "groups": self.summary(),
            "num_draws": self.num_draws,
            "milliseconds": self.milliseconds,
            "reference": self.reference_name,
        }

    def arrays(self) -> dict[str, Tensor]:
        """By leaf: `mean_NAME`, `variance_NAME` and `reference_NAME`."""
        return {
            f"{kind}_{name}": value
            for kind in ("mean", "variance", "reference")
            for name, value in getattr(self, kind).items()
        }

    def plot(self) -> "Figure":
        """Signal-to-noise ratios of all coordinates, a histogram for each group."""
        from ...plots.values import distributions  # matplotlib is slow to import

        snr = self.snr
        ratios = {
            group: torch.cat([snr[name].flatten() for name in names])
            for group, names in self.groups.items()
        }
        return distributions(
            ratios, label="signal-to-noise ratio of a coordinate", counted="coordinates",
            logarithmic=True, title=f"{self.num_draws:,} draws; signal: {self.reference_name}",
        )  # fmt: skip

    def _snr(self, name: str, reference: Tensor) -> Tensor:
        is_zero = (self.mean[name] == 0) & (self.variance[name] == 0)
        return torch.where(is_zero, math.nan, reference.abs() / self.variance[name].sqrt())

    def _z_score(self, name: str, bias: Tensor) -> Tensor:
        error = (self.variance[name] / self.num_draws + self.reference_error[name].square()).sqrt()
        size = max(self.mean[name].abs().max(), self.reference[name].abs().nan_to_num().max())
        bias = torch.where(bias.abs() <= 1e-12 * size, 0.0, bias)  # rounding is no bias
        return torch.where((bias == 0) & (error == 0), 0.0, bias / error)


def _marked(row: Mapping[str, Any]) -> str:
    return ("~" if row["snr_is_noise"] else "") + format(row["snr"], ".4g")


def _flat(tensors: Iterable[Tensor]) -> np.ndarray:
    return torch.cat([tensor.reshape(-1) for tensor in tensors]).numpy()


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, np.nan)


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else math.nan
