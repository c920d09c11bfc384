"""The table of several objectives on one pair."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...runtime.markup import Section
from ..gradients.statistics import NOISE_NOTE
from ..verdict import TOLERANCE
from .effort import in_words
from .rounding import decimals, with_digits
from .table import Table, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUPS = ("guide", "model", "shared")

_NAME = 36  # characters
_LARGEST = 1e6  # a ratio that gradients in single precision can show
_NUMBERS = {"num_draws": "bound", "gradient_draws": "gradient", "reference_draws": "reference"}
_DOUBT = 4.5  # Monte Carlo errors on the wrong side of log p(x)


class Comparison(Table):
    """What `compare` found: a row per objective, and `facts` that hold for all.

    Columns of a row:
        objective: Its name.
        kind: On which side of log p(x) its expectation is: "lower", "upper", "estimate" (either)
            or "unknown".
        num_particles: K.
        decoder_evaluations: Per datum and step, counted.
        comparable: Whether the row has what all rows should have; `note` says why not.
        bound: In nats per datum.
        bound_error: Its standard error over data; NaN where the objective has no bound per datum.
        bound_monte_carlo_error: Its standard error over draws.
        num_draws: Of the bound, the same for all rows, so that their differences are of equal
            random numbers.
        not_finite: How many of them are not finite.
        gap: log p(x) minus the bound; `gap_error` is its Monte Carlo error, of both.
        ess: Effective sample size, median over data.
        k_hat: Median over data, from `k_hat_weights` weights each; `k_hat_limit` is the largest
            k-hat at which so many weights suffice.
        milliseconds: Median of a step, forward and backward; `milliseconds_low` and
            `milliseconds_high` are the quartiles.
        peak_bytes: Of a step.
        reference: The gradient that is the signal of the signal-to-noise ratios.
        gradient_draws: Of the gradient. Draw i has the same random numbers in all rows, whose
            numbers of draws may differ.
        reference_draws: Of the reference; zero where it is exact.
        unreached: What is not as precise as it should be, and after how many draws; "" where all
            is.
        unfinished: What an interrupt left out; "" where the row is whole.

    For each group of parameters ("guide", "model", "shared") there are columns like
    "guide_variance": "variance" (of the gradient of the loss, summed over coordinates), "snr",
    "snr_floor", "snr_is_noise", "directional_snr", "max_z", "is_biased" (see
    `GradientStatistics`), "variance_x_ms", and the standard errors "variance_error", "snr_error"
    (with the noise of the reference, which makes it too large) and "directional_snr_error".

    The table prints as many digits as these errors leave.
    """

    @property
    def groups(self) -> list[str]:
        """Those groups of parameters that the pair has."""
        return [g for g in GROUPS if any(f"{g}_variance" in row for row in self.rows)]

    def title(self) -> str:
        facts = self.facts
        lines = [
            f"{facts['num_data']} data, log p(x) {facts['log_px']:.3f} "
            f"+- {facts['log_px_error']:.3f} ({facts['log_px_source']})",
            f"rows: {facts['rows_at']}; {self._draws()}, the same seeds for all",
            facts["device"],
        ]
        return "\n".join([*lines, ""])

    def notes(self) -> list[str]:
        return self._notes_on_bounds()

    def sections(self) -> list[Section]:
        """Bounds and cost, then the gradients of at most two groups of parameters each."""
        found = [Section(self.cells(), self.title(), self.notes()), *self._gradients()]
        title = (
            "gradients of the loss: variance summed over coordinates, median SNR, directional SNR"
        )
        found[1] = found[1]._replace(title=title)
        found[-1] = found[-1]._replace(notes=self._notes_on_gradients())
        return found

    def plot(self) -> "Figure":
        """Bounds, signal-to-noise ratios and cost; see `plots.comparison`."""
        from ...plots import comparison  # matplotlib is slow to import

        return comparison(self)

    def cells(self) -> Sequence[Sequence[str]]:
        header = ["objective", "kind", "K", "evals", "bound", "+- data", "+- MC", "gap", "+-",
                  "ESS", "k-hat", "ms", "MB"]  # fmt: skip
        return [
            header,
            *(
                [
                    _short(row["objective"]),
                    row["kind"] + ("?" if self._is_contradicted(row) else ""),
                    str(row["num_particles"]) + ("" if row["comparable"] else "!"),
                    figure(row["decoder_evaluations"], "g"),
                    *_with_errors(row),
                    figure(row["ess"], ".1f"),
                    figure(row["k_hat"], ".2f") + ("*" if _misses_a_tail(row) else ""),
                    figure(row["milliseconds"], ".2f"),
                    figure(row["peak_bytes"] / 1e6, ".1f"),
                ]
                for row in self.rows
            ),
        ]

    def _draws(self) -> str:
        """How many draws there were, in words."""
        of = {key: [row[key] for row in self.rows if row.get(key)] for key in _NUMBERS}
        if not self.facts.get("is_adaptive") or not self.rows:
            return f"{self.facts['num_draws']} draws each"
        words = [f"{_span(of[key], ',')} of a {what}" for key, what in _NUMBERS.items() if of[key]]
        return "draws: " + ", ".join(words)

    def _notes_on_bounds(self) -> list[str]:
        rows, drawn = self.rows, self.facts["num_draws"]
        lines = [f"! {row['objective']}: {row['note']}" for row in rows if not row["comparable"]]
        lines += [
            f"{row['objective']}: {row['not_finite']} of {row.get('num_draws', drawn)} draws of "
            "its value are not finite"
            for row in rows
            if row["not_finite"]
        ]
        if any(row["kind"] in ("upper", "estimate") for row in rows):
            lines += [
                "kind: a lower bound is below log p(x) in expectation, an upper one above it once "
                "K is large,",
                "  an estimate on either side, so that a small gap is no sign of a good one",
            ]
        if any(map(self._is_contradicted, rows)):
            lines += [
                f"?: on the other side of log p(x) by over {_DOUBT} Monte Carlo errors: the "
                "kind is wrong,",
                "  K is too small for an upper bound, or log p(x) is estimated too low",
            ]
        pools = [row["k_hat_weights"] for row in rows if not math.isnan(row["k_hat_weights"])]
        if pools:
            lines.append(f"k-hat: of {_span(pools, 'g')} weights per datum, of all draws together")
        if any(map(_misses_a_tail, rows)):
            lines.append(
                "*: an upper bound lives on the largest weights, and this tail is too heavy for "
                "so many: it is too low"
            )
        low = self.facts.get("log_px_shortfall", 0.0)
        if low > TOLERANCE:
            lines.append(
                f"log p(x), and so every gap, is probably about {low:.2g} nats too low; give more "
                "particles, or truth='ais'"
            )
        lines += [
            f"{row['objective']}: interrupted: {row['unfinished']}"
            for row in rows
            if row.get("unfinished")
        ]
        return lines + self._notes_on_draws()

    def _notes_on_draws(self) -> list[str]:
        lines = []
        if any(row["milliseconds"] == row["milliseconds"] for row in self.rows):
            lines.append(
                "ms: one step without compiling, forward and backward, taken in turn; MB: its peak"
            )
        if self.facts.get("is_adaptive"):
            lines += in_words()
        lines += [
            f"not so precise: {row['objective']}: {row['unreached']}"
            for row in self.rows
            if row.get("unreached")
        ]
        return lines

    def _is_contradicted(self, row: Mapping[str, Any]) -> bool:
        beyond = {"lower": row["gap"] < 0, "upper": row["gap"] > 0}
        return bool(beyond.get(row["kind"], False) and abs(row["gap"]) > _DOUBT * row["gap_error"])

    def _gradients(self) -> list[Section]:
        blocks = []
        for start in range(0, len(self.groups), 2):  # two groups are as wide as a screen
            groups = self.groups[start : start + 2]
            titles = [t for g in groups for t in (f"{g}: variance", "SNR", "dSNR", "var x ms")]
            lines = [
                [_short(row["objective"]), *(cell for g in groups for cell in _cells(row, g))]
                for row in self.rows
            ]
            blocks.append(Section([["objective", *titles], *lines]))
        return blocks

    def _notes_on_gradients(self) -> list[str]:
        cells = [(row, group) for row in self.rows for group in self.groups]
        lines = []
        if any(f"{group}_variance_error" in row for row, group in cells):
            lines.append("digits: the last one is the first that a standard error changes")
        if any(row[f"{group}_variance"] == 0 for row, group in cells):
            lines.append("-: no ratio, because a gradient is always zero")
        if any(row[f"{group}_is_biased"] for row, group in cells):
            lines.append("b: the mean of these gradients differs from their reference")
        if any(row[f"{group}_snr_is_noise"] for row, group in cells):
            lines.append(NOISE_NOTE)
        return lines


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 3]}..."


def _span(values: list[float], pattern: str) -> str:
    low, high = format(min(values), pattern), format(max(values), pattern)
    return low if low == high else f"{low} to {high}"


def _misses_a_tail(row: Mapping[str, Any]) -> bool:
    return row["kind"] == "upper" and bool(row["k_hat"] >= row["k_hat_limit"])


def _ratio(value: float, error: float) -> str:
    if value > _LARGEST:
        return f">{_LARGEST:.0e}".replace("e+0", "e")
    return with_digits(value, error)


def _with_errors(row: Mapping[str, Any]) -> list[str]:
    """The bound with its errors, and the gap with its own."""
    error, gap_error = row["bound_monte_carlo_error"], row["gap_error"]
    of_bound, of_gap = f".{decimals(error)}f", f".{decimals(gap_error)}f"
    return [
        format(row["bound"], of_bound),
        figure(row["bound_error"], of_bound),
        figure(error, of_bound),
        figure(row["gap"], of_gap),
        figure(gap_error, of_gap),
    ]


def _cells(row: Mapping[str, Any], group: str) -> list[str]:
    def cell(key: str) -> tuple[float, float]:
        name = f"{group}_{key}"
        return row[name], row.get(f"{name}_error", math.nan)

    variance, error = cell("variance")
    if row.get("unfinished") and math.isnan(variance):
        return ["-"] * 4
    product = row[f"{group}_variance_x_ms"]
    return [
        with_digits(variance, error) if math.isfinite(variance) else format(variance, ".3g"),
        ("~" if row[f"{group}_snr_is_noise"] else "")
        + _ratio(*cell("snr"))
        + ("b" if row[f"{group}_is_biased"] else ""),
        _ratio(*cell("directional_snr")),
        with_digits(product, product * error / variance if variance else math.nan),
    ]
