"""Results of estimating log p(x): what all estimates have, and those of importance sampling."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..math import MIN_PARTICLES_PARETO, pareto_k_limit
from .standard_errors import mean_error, monte_carlo_error


@dataclass(frozen=True, eq=False)
class EvidenceEstimate:
    """Estimates of log p(x), in nats, float64 on the CPU.

    Attributes:
        log_px: Log of the mean weight [N].
        standard_error: Monte-Carlo standard error of each, by the delta method [N]; NaN at K = 1.
        ess: Effective number of weights, between 1 and K [N].
    """

    log_px: Tensor
    standard_error: Tensor
    ess: Tensor

    @property
    def source(self) -> str:
        """How log p(x) was estimated, in words."""
        raise NotImplementedError

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

    def _common_figures(self) -> dict[str, float]:
        """The first entries of `summary`."""
        return {
            "log_px": self.mean(),
            "standard_error": self.mean_standard_error(),
            "monte_carlo_error": self.monte_carlo_error(),
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

    An estimate is low by about half its squared standard error, and by an unknown amount where
    k-hat is large.

    Attributes:
        log_px: Log of the mean weight [N].
        standard_error: Monte-Carlo standard error of each, by the delta method [N]; NaN at K = 1.
        ess: Effective number of particles, between 1 and K [N].
        k_hat: Shape of the weights' tail [N]: above `threshold` an estimate should not be
            trusted. Minus infinity where the weights are equal, or are a few values that repeat;
            NaN below 25 particles and where it is not known; see `pyrovae.math.pareto_k`.
        log_px_psis: Log of the mean Pareto-smoothed weight [N]: of less variance, and no longer a
            lower bound in expectation. NaN below 25 particles.
        num_particles: K.
        num_nan: How many of the K weights are not a number [N].
        num_infinite: How many are infinite [N]. (A weight of zero is neither.)
        not_finite_sites: Sites whose log-densities are NaN or beyond what a float holds, and of
            how many data.
    """

    k_hat: Tensor
    log_px_psis: Tensor
    num_particles: int
    num_nan: Tensor
    num_infinite: Tensor
    not_finite_sites: Mapping[str, int]

    @property
    def threshold(self) -> float:
        """Largest k-hat at which K particles suffice: min(1 - 1 / log10 K, 0.7)."""
        return pareto_k_limit(self.num_particles)

    @property
    def trusted(self) -> Tensor:
        """Whether k-hat is known and below `threshold` [N]: no proof that an estimate is good.

        In many dimensions the draws may not have reached the tail of the weights.
        """
        return self.k_hat < self.threshold

    @property
    def source(self) -> str:
        """How log p(x) was estimated, and whether to trust it."""
        words = f"importance sampling, K = {self.num_particles}"
        if bool(self.k_hat.isnan().all()):
            return f"{words}, k-hat not known"
        doubted, unknown = int((~self.trusted).sum()), int(self.k_hat.isnan().sum())
        words += f", median k-hat {float(self.k_hat.nanmedian()):.2f}"
        if doubted:
            words += (
                f": not to be trusted for {doubted} of {self.k_hat.numel()} data, which are not "
                f"below {self.threshold:.2f}" + (f" or not known ({unknown})" if unknown else "")
            )
        return words

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

    def __str__(self) -> str:
        s = self.summary()
        return (
            f"{self._mean_in_words()}, K = {self.num_particles}; ESS median "
            f"{s['ess_median']:.1f}, worst {s['ess_min']:.1f}; k-hat median "
            f"{s['k_hat_median']:.2f}, worst {s['k_hat_max']:.2f}; "
            f"{self._not_finite()}{self._verdict()}"
        )

    def _not_finite(self) -> str:
        """How many weights are not finite, and which sites make them so."""
        data = int(((self.num_nan > 0) | (self.num_infinite > 0)).sum())
        if not data:
            return ""
        sites = ", ".join(f"'{n}' of {count}" for n, count in self.not_finite_sites.items())
        where = f"density of {sites} data" if sites else "differences of infinite densities"
        return (
            f"{int(self.num_nan.sum())} weights are NaN and {int(self.num_infinite.sum())} "
            f"infinite, at {data} of {self.k_hat.numel()} data ({where} not finite); "
        )

    def _verdict(self) -> str:
        total, unknown = self.trusted.numel(), int(self.k_hat.isnan().sum())
        if unknown == total:
            return (
                f"whether to trust it is not known: k-hat needs K >= {MIN_PARTICLES_PARETO} and "
                "finite weights above zero, whose largest are no chance repeats"
            )
        limit = f"k-hat {self.threshold:.2f}, the limit at K = {self.num_particles}"
        left, ways = total - int(self.trusted.sum()), "raise K, improve the guide, or anneal"
        if left == 0:
            return f"every datum is below {limit}"
        if unknown == 0:
            why = f", which are not below {limit}"
        else:
            why = f": {left - unknown} are not below {limit}, and of {unknown} k-hat is not known"
        return f"do not trust {left} of {total} data{why}: {ways} with `ais`"


def _largest(k_hat: Tensor) -> float:
    """The largest k-hat that is known; NaN where none is."""
    known = k_hat[~k_hat.isnan()]
    return float(known.max()) if known.numel() else math.nan
