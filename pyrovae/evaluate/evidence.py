"""Results of estimating log p(x): what all estimates have, and those of importance sampling."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..math import pareto_k_limit
from ..runtime.markup import Section
from ..runtime.result import Result
from .rise import powers, shortfalls_of, sizes_below
from .standard_errors import mean_error, monte_carlo_error
from .verdict import TOLERANCE, judgement, needed_particles, verdict_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class EvidenceEstimate(Result):
    r"""Estimates of log p(x), in nats, float64 on the CPU.

    Each is low in expectation. By how much is estimated from its own weights: from how much it
    rose with the last doublings of K, and from how heavy the tail of the weights is. Where little
    is left and the Monte-Carlo error is small, the mean is called "within 0.1 nats".

    `benchmarks/trust.py` measures how often this is wrong, on pairs with exact log p(x): of means
    called "within 0.1 nats" 2 to 3 in 100 were further off, 1 in 200 by 0.2 nats or more; of the
    others 3 in 10 were within 0.1 nats after all. By how many nats a mean is called too low is
    right within a factor of 3 in 7 cases of 10, and more often too much than too little.

    No such estimate can see what no draw has visited. A guide that misses a mode gives light
    tails, small rises and a wrong number: of 19 such means called "within 0.1 nats" 14 were low
    by log 2. `ais`, started from the prior, may find the mode; see `below`.

    Attributes:
        log_px: Log of the mean weight [N].
        standard_error: Monte-Carlo standard error of each, by the delta method [N]; NaN at K = 1.
        ess: Effective number of weights, between 1 and K [N].
        log_px_at: The estimate with fewer of the K weights [J, N]: mean over disjoint groups of
            `sizes`; the last row is `log_px`.
        num_particles: K.

    Source:
        That the bound rises with K: Importance Weighted Autoencoders (Burda et al., 2016),
        https://arxiv.org/abs/1509.00519; as 1/K, and estimates from fewer weights: Debiasing
        Evidence Approximations (Nowozin, 2018), https://openreview.net/forum?id=HyZoi-WRb, and
        Importance Weighting and Variational Inference (Domke & Sheldon, 2018),
        https://arxiv.org/abs/1808.09034
    """

    log_px: Tensor
    standard_error: Tensor
    ess: Tensor
    log_px_at: Tensor
    num_particles: int

    @property
    def source(self) -> str:
        """How log p(x) was estimated, and how near it probably is, in words."""
        raise NotImplementedError

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of weights of the rows of `log_px_at`: ..., K/4, K/2, K."""
        return sizes_below(self.num_particles)

    @property
    def shortfalls(self) -> Tensor:
        """By how many nats each is probably too low [N]; NaN at K = 1.

        What all further doublings of K would add if a shortfall falls as K**-a: the rise from K/8
        to K over 8**a - 1, with a = 1 / k-hat - 1, between 1/5 and 1. Of one datum it is a rough
        guess; the mean over many data is far better.
        """
        return shortfalls_of(self.log_px_at, self.sizes, self._powers)

    @property
    def rise(self) -> Tensor:
        """How many nats doubling K would add to each, by the same law [N]; NaN at K = 1."""
        return self.shortfalls * (1 - 2**-self._powers)

    @property
    def shortfall(self) -> float:
        """By how many nats `mean` is probably too low."""
        return float(self.shortfalls.mean())

    @property
    def shortfall_error(self) -> float:
        """Standard error of `shortfall`, from the spread over data; NaN for a single datum."""
        return mean_error(self.shortfalls)

    @property
    def within(self) -> float:
        """Nats by which `mean` is probably off at most: `shortfall` and two Monte-Carlo errors."""
        return self.shortfall + 2 * self.monte_carlo_error()

    @property
    def trusted(self) -> Tensor:
        """Whether each by itself is probably within 0.1 nats [N]; False where it is not known.

        The mean over data may be so without any of them: Monte-Carlo errors average out.
        """
        return self.shortfalls + 2 * self.standard_error < TOLERANCE

    @property
    def verdict(self) -> str:
        """How near `mean` probably is to the mean of log p(x), in one sentence."""
        return ": ".join(filter(None, self._verdict_in_two()))

    def mean(self) -> float:
        """Mean of log p(x) over the data."""
        return float(self.log_px.mean())

    def mean_standard_error(self) -> float:
        """Standard error of `mean` as an estimate for new data: their spread, sampling included.

        NaN for a single datum.
        """
        return mean_error(self.log_px)

    def monte_carlo_error(self) -> float:
        """The part of `mean_standard_error` that more particles would remove."""
        return monte_carlo_error(self.standard_error)

    def summary(self) -> dict[str, float]:
        """The figures of a table."""
        raise NotImplementedError

    def numbers(self) -> dict[str, Any]:
        return {
            **self.summary(),
            "verdict": self.verdict,
            "sizes": list(self.sizes),
            "log_px_at": self.log_px_at.mean(1).tolist(),
        }

    def records(self) -> list[dict[str, Any]]:
        names, columns = zip(*self._columns().items(), strict=True)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def cells(self) -> list[list[str]]:
        rows = [
            [_TITLES.get(name, name), *(f"{float(v):{_PATTERNS.get(name, '.3f')}}" for v in found)]
            for name, column in self._columns().items()
            if len(known := column[~column.isnan()])
            for found in [(known.mean(), known.median(), known.min(), known.max())]
        ]
        return [["per datum", "mean", "median", "least", "largest"], *rows]

    def notes(self) -> list[str]:
        return [f"{self._mean_in_words()}, {self._how}", self.verdict]

    def below(self, other: "EvidenceEstimate") -> tuple[float, float]:
        """By how many nats the mean is below another's, and the Monte-Carlo error of that.

        A check by other means, as `found.below(ais(model, guide, x[:16]))`: both are low in
        expectation, so that the higher one is nearer.

        Args:
            other: Of the same data, or of the first of them.
        """
        size = other.log_px.numel()
        difference = other.log_px - self.log_px[:size]
        errors = (other.standard_error.square() + self.standard_error[:size].square()).sqrt()
        return float(difference.mean()), monte_carlo_error(errors)

    def plot(self) -> "Figure":
        """The mean estimate against K with where it would go, and the spread over data."""
        from ..plots.evidence import evidence

        return evidence(self)

    def sections(self) -> list[Section]:
        return [Section(self.cells(), "\n".join(self.notes()))]  # the mean and the verdict first

    @property
    def _how(self) -> str:
        """What was drawn, in words."""
        return f"K = {self.num_particles}"

    @property
    def _powers(self) -> Tensor:
        """With which powers of K the shortfalls fall [N]."""
        return powers(torch.full_like(self.log_px, math.nan))

    @property
    def _way_out(self) -> str:
        """What to do where the mean is not near, in words."""
        needed = needed_particles(
            self.shortfalls, self._powers, self.monte_carlo_error(), self.num_particles
        )
        if needed is None:
            return "use `ais`, or improve the guide"
        return f"raise K to about {needed:,}, or use `ais`"

    def _verdict_in_two(self) -> tuple[str, str]:
        """The verdict, and its reason with a way out."""
        rise, error = float(self.rise.mean()), self.monte_carlo_error()
        if self.num_particles > 1 and not math.isfinite(self.shortfall):
            bad = int((~self.shortfalls.isfinite()).sum())
            why = f"too few weights of {bad} of {self.log_px.numel()} data are finite and above 0"
            return judgement(math.nan, error), why
        return verdict_of(self.shortfall, error, rise, self._way_out)

    def _columns(self) -> dict[str, Tensor]:
        """What there is of each datum, by name."""
        return {
            "log_px": self.log_px,
            "standard_error": self.standard_error,
            "rise": self.rise,
            "shortfall": self.shortfalls,
            "ess": self.ess,
        }

    def _common_figures(self) -> dict[str, float]:
        """The first entries of `summary`."""
        return {
            "log_px": self.mean(),
            "standard_error": self.mean_standard_error(),
            "monte_carlo_error": self.monte_carlo_error(),
            "rise": float(self.rise.mean()),
            "shortfall": self.shortfall,
            "shortfall_error": self.shortfall_error,
            "within": self.within,
            "ess_median": float(self.ess.median()),
            "ess_min": float(self.ess.min()),
        }

    def _mean_in_words(self) -> str:
        """The first words of `str`."""
        return (
            f"log p(x) {self.mean():.3f} +- {self.mean_standard_error():.3f} nats "
            f"(Monte Carlo {self.monte_carlo_error():.3f}) over {self.log_px.numel()} data"
        )


@dataclass(frozen=True, eq=False)
class Evidence(EvidenceEstimate):
    """Importance-sampling estimates of log p(x), in nats, float64 on the CPU.

    `verdict` says in nats how near their mean probably is, and what it cannot see is said at
    `EvidenceEstimate`. ESS and k-hat tell of the weights, not of the error of log p(x).

    Attributes:
        log_px: Log of the mean weight [N].
        standard_error: Monte-Carlo standard error of each, by the delta method [N]; NaN at K = 1.
        ess: Effective number of particles, between 1 and K [N].
        log_px_at: The estimate with fewer of the K weights [J, N]: see `EvidenceEstimate`.
        num_particles: K.
        k_hat: Shape of the weights' tail [N]: above 1/2 their variance is infinite, and the
            estimate rises more slowly than 1/K. Minus infinity where the weights are equal, or
            are a few values that repeat; NaN below 25 particles and where it is not known; see
            `pyrovae.math.pareto_k`.
        log_px_psis: Log of the mean Pareto-smoothed weight [N]: of less variance, and no longer a
            lower bound in expectation. NaN below 25 particles.
        num_nan: How many of the K weights are not a number [N].
        num_infinite: How many are infinite [N]. (A weight of zero is neither.)
        not_finite_sites: Sites whose log-densities are NaN or beyond what a float holds, and of
            how many data.
    """

    k_hat: Tensor
    log_px_psis: Tensor
    num_nan: Tensor
    num_infinite: Tensor
    not_finite_sites: Mapping[str, int]

    @property
    def threshold(self) -> float:
        """Largest k-hat at which K weights estimate other means well: min(1 - 1 / log10 K, 0.7).

        Log p(x) itself may be near where k-hat is larger, and `verdict` says so.
        """
        return pareto_k_limit(self.num_particles)

    @property
    def source(self) -> str:
        return f"importance sampling, K = {self.num_particles}: {self._verdict_in_two()[0]}"

    def summary(self) -> dict[str, float]:
        """The figures of a table: nats per datum, ESS and k-hat (median and worst of those known).

        "nan" and "infinite" count weights, of all data together.
        """
        return {
            **self._common_figures(),
            "k_hat_median": float(self.k_hat.nanmedian()),
            "k_hat_max": _largest(self.k_hat),
            "k_hat_above_0.7": float((self.k_hat > 0.7).double().mean()),
            "log_px_psis": float(self.log_px_psis.mean()),
            "k_hat_threshold": self.threshold,
            "trusted": float(self.trusted.double().mean()),
            "nan": int(self.num_nan.sum()),
            "infinite": int(self.num_infinite.sum()),
            "num_data": self.log_px.numel(),
            "num_particles": self.num_particles,
        }

    def notes(self) -> list[str]:
        return [*super().notes(), *self._not_finite()]

    @property
    def _powers(self) -> Tensor:
        return powers(self.k_hat)

    def _columns(self) -> dict[str, Tensor]:
        return {**super()._columns(), "k_hat": self.k_hat, "log_px_psis": self.log_px_psis}

    def _not_finite(self) -> list[str]:
        """How many weights are not finite, and which sites make them so."""
        data = int(((self.num_nan > 0) | (self.num_infinite > 0)).sum())
        if not data:
            return []
        sites = ", ".join(f"'{n}' of {count}" for n, count in self.not_finite_sites.items())
        where = f"density of {sites} data" if sites else "differences of infinite densities"
        return [
            f"{int(self.num_nan.sum())} weights are NaN and {int(self.num_infinite.sum())} "
            f"infinite, at {data} of {self.k_hat.numel()} data ({where} not finite)"
        ]


_TITLES = {
    "log_px": "log p(x)",
    "standard_error": "Monte-Carlo error",
    "rise": "doubling K adds",
    "shortfall": "probably too low by",
    "ess": "ESS",
    "k_hat": "k-hat",
    "log_px_psis": "Pareto-smoothed",
    "acceptance": "acceptance",
}
_PATTERNS = {"ess": ".1f", "k_hat": ".2f", "acceptance": ".2f"}


def _largest(k_hat: Tensor) -> float:
    """The largest k-hat that is known; NaN where none is."""
    known = k_hat[~k_hat.isnan()]
    return float(known.max()) if known.numel() else math.nan
