"""What completing data gives."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...evaluate.standard_errors import mean_error, monte_carlo_error
from ...runtime.result import Result
from ...runtime.values import flat

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 16, 5  # data, and completions of each


_MOST_R_HAT = 1.1


@dataclass(frozen=True, eq=False)
class LogHidden:
    """Estimates of log p(hidden|observed) in nats, float64 on the CPU.

    Attributes:
        log_prob: Of each datum [N]; 0 where nothing is known of what was hidden.
        standard_error: Monte Carlo standard error of each [N]; NaN from one draw. It is itself
            no guide where the ESS is small.
        ess: Effective number of weights, or chains, that it rests on [N].
    """

    log_prob: Tensor
    standard_error: Tensor
    ess: Tensor


@dataclass(frozen=True, eq=False)
class Completion(Result):
    """Draws of p(x|observed), on the CPU, and how they were made.

    Attributes:
        completions: S for each datum [S, N, *data_shape]. What was observed of x itself is kept
            exactly.
        mean: Mean of p(x|observed), averaged over all draws of z, with x summed out given each
            [N, *data_shape]: of less noise than the mean of `completions`.
        std: Standard deviation by element, likewise.
        latents: Of each completion, by site [S, N, ...].
        observed: What was observed: x with NaN where it is hidden [N, *data_shape], or y.
        original: The true data with NaN where they are not known [N, *data_shape].
        hidden: Which elements were hidden, bool [N, *data_shape].
        method: How they were drawn.
        log_hidden: log p(hidden|observed) by way of estimating it. "importance" is
            log p(x) - log p(observed), each a lower bound in expectation by importance sampling:
            too high where the second is the looser one. "annealed" (of "hmc" alone) and
            "predictive", the log of the mean of p(hidden|z) over draws of z, are too low in
            expectation; "predictive" far more so where many elements are hidden. Where the ESS is
            below ten, the Monte Carlo error is too small as well.
        ess: Effective number of importance weights [N]; NaN for chains.
        acceptance: Share of moves that were accepted [N]; NaN without.
        r_hat: Split R-hat, the largest of all latents and of the log-density [N]: above 1.1 the
            chains disagree, and are to run longer. NaN without chains.
    """

    completions: Tensor
    mean: Tensor
    std: Tensor
    latents: Mapping[str, Tensor]
    observed: Tensor
    original: Tensor
    hidden: Tensor
    method: str
    log_hidden: Mapping[str, LogHidden]
    ess: Tensor
    acceptance: Tensor
    r_hat: Tensor

    @property
    def scored(self) -> Tensor:
        """Which elements were hidden and are known, bool [N, *data_shape]."""
        return self.hidden & ~self.original.isnan()

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of `mean` against what was hidden, in dB.

        The signal is the range of the true data. NaN where nothing of what was hidden is known.
        """
        at = self.scored
        known = self.original[~self.original.isnan()]
        if not bool(at.any()):
            return math.nan
        error = (self.mean - self.original)[at].double().square().mean()
        return 10 * math.log10(float((known.max() - known.min()).double().square() / error))

    def cells(self) -> Sequence[Sequence[str]]:
        found = self.numbers()
        table = [["completed by", self.method], ["data", str(found["num_data"])]]
        table += [["elements hidden, of each", f"{found['hidden_of_each']:.1f}"]]
        for name in self.log_hidden:
            held = found["log_hidden"].get(name)
            if held is not None:
                text = f"{held['mean']:.2f} +- {_number_as_text(held['standard_error'])} nats"
                text += f" (Monte Carlo {_number_as_text(held['monte_carlo_error'])}, "
                text += f"ESS {held['ess_median']:.1f})"
                table.append([f"log p(hidden|observed), {name}", text])
        for name, words, unit in (
            ("psnr", "PSNR of the mean", " dB"),
            ("ess_median", "ESS, median", ""),
            ("acceptance_median", "acceptance, median", ""),
            ("r_hat_median", "R-hat, median", ""),
            ("r_hat_max", "R-hat, max", ""),
        ):
            if found[name] is not None:
                table.append([words, f"{found[name]:.2f}{unit}"])
        if (found["r_hat_median"] or 0.0) > _MOST_R_HAT:
            table.append(["the chains disagree (R-hat above 1.1)", "raise num_steps"])
        return table

    def records(self) -> list[dict[str, Any]]:
        """One row."""
        return [flat(self.numbers())]

    def numbers(self) -> dict[str, Any]:
        is_scored = bool(self.scored.any())
        rows = self.scored.flatten(1).any(1)
        log_hidden = {
            name: {
                "mean": float(held.log_prob[rows].mean()),
                "standard_error": _number(mean_error(held.log_prob[rows])),
                "monte_carlo_error": _number(monte_carlo_error(held.standard_error[rows])),
                "ess_median": float(held.ess[rows].median()),
            }
            for name, held in self.log_hidden.items()
            if is_scored
        }
        return {
            "method": self.method,
            "num_data": len(self.mean),
            "num_completions": len(self.completions),
            "hidden_of_each": float(self.hidden.double().sum()) / len(self.mean),
            "log_hidden": log_hidden,
            "psnr": _number(self.psnr),
            "ess_median": _number(float(self.ess.median())),
            "acceptance_median": _number(float(self.acceptance.median())),
            "r_hat_median": _number(float(self.r_hat.median())),
            "r_hat_max": _number(float(self.r_hat.max())),
        }

    def arrays(self) -> dict[str, Tensor]:
        return {
            "completions": self.completions,
            "mean": self.mean,
            "std": self.std,
            "observed": self.observed,
            **{f"log_hidden_{name}": held.log_prob for name, held in self.log_hidden.items()},
        }

    def plot(self) -> "Figure | None":
        """Rows: the original, what was observed, completions, the mean; None of other data."""
        from ...plots import image_grid  # matplotlib is imported with the first picture

        shape = self.mean.shape[1:]
        if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] not in (1, 3)):
            return None
        count, several = min(_SHOWN[0], len(self.mean)), min(_SHOWN[1], len(self.completions))
        known = self.original[~self.original.isnan()]
        values = known if known.numel() else self.completions
        grey = 0.5 * float(values.min() + values.max())
        parts = [("original", self.original)] if known.numel() else []
        parts.append(("observed", self._enlarged()))
        parts += [(f"draw {s + 1}", self.completions[s]) for s in range(several)]
        parts.append(("mean", self.mean))
        images = torch.cat([part[:count].to(self.mean).nan_to_num(grey) for _, part in parts])
        low, high = float(values.min()), float(values.max())
        return image_grid(
            images.clamp(low, high),
            columns=count,
            row_names=[name for name, _ in parts],
            title="What was observed of data, draws of the rest, and their mean",
        )

    def _enlarged(self) -> Tensor:
        """What was observed at the size of the data; NaN where it is no image."""
        small, shape = self.observed, self.mean.shape
        if small.dim() != len(shape):
            return torch.full(shape, math.nan)
        height, width = (-(-a // b) for a, b in zip(shape[-2:], small.shape[-2:], strict=True))
        grown = small.repeat_interleave(height, -2).repeat_interleave(width, -1)
        return grown if grown.shape == shape else torch.full(shape, math.nan)


def _number_as_text(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
