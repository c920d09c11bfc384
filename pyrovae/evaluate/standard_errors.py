"""Means over particles and data, and their standard errors."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def over_particles(draws: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over particles and its standard error, NaN at K = 1. [K, N] -> [N], [N]."""
    size = len(draws)
    error = draws.std(0) / math.sqrt(size) if size > 1 else math.nan * draws[0]
    return draws.mean(0), error


def mean_error(per_datum: Tensor) -> float:
    """Standard error of the mean over data, from their spread; NaN for a single datum. [N]."""
    size = per_datum.numel()
    return float(per_datum.std()) / math.sqrt(size) if size > 1 else math.nan


def monte_carlo_error(standard_errors: Tensor) -> float:
    """Standard error of a mean over data from the independent errors of its terms. [N]."""
    return float(standard_errors.square().sum().sqrt()) / standard_errors.numel()


def errors_of_means(means: Mapping[str, Tensor], errors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The attributes `standard_errors` and `monte_carlo_errors` of a result, by name of a term.

    Args:
        means: Mean of each term over particles [N].
        errors: Its standard error [N].
    """
    return {
        "standard_errors": {name: mean_error(mean) for name, mean in means.items()},
        "monte_carlo_errors": {name: monte_carlo_error(error) for name, error in errors.items()},
    }


def averaged(terms: Mapping[str, Tensor]) -> dict[str, Any]:
    """The attributes of a result that averages terms: their means [N], and both kinds of errors.

    Args:
        terms: By name [K, N].
    """
    found = {name: over_particles(term) for name, term in terms.items()}
    means = {name: mean for name, (mean, _) in found.items()}
    return means | errors_of_means(means, {name: error for name, (_, error) in found.items()})


def lines_of_means(
    means: Mapping[str, float],
    standard_errors: Mapping[str, float],
    monte_carlo_errors: Mapping[str, float],
    *,
    widths: tuple[int, int],
) -> list[str]:
    """A line for each mean, with its two errors.

    Args:
        means: By name.
        standard_errors: By name.
        monte_carlo_errors: By name.
        widths: Of the column of names, and of the column of means.
    """
    name_width, mean_width = widths
    return [
        f"{name:<{name_width}}{mean:{mean_width}.3f} +- {standard_errors[name]:.3f} nats "
        f"(Monte Carlo {monte_carlo_errors[name]:.3f})"
        for name, mean in means.items()
    ]
