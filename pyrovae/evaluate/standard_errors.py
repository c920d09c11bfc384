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


def cells_of_means(
    means: Mapping[str, float],
    standard_errors: Mapping[str, float],
    monte_carlo_errors: Mapping[str, float],
) -> list[list[str]]:
    """A table with a row for each mean in nats, and its two errors, all by name."""
    rows = [
        [
            name,
            *(f"{value:.3f}" for value in (mean, standard_errors[name], monte_carlo_errors[name])),
        ]
        for name, mean in means.items()
    ]
    return [["mean per datum", "nats", "+-", "Monte Carlo"], *rows]


def records_of_means(
    means: Mapping[str, float],
    standard_errors: Mapping[str, float],
    monte_carlo_errors: Mapping[str, float],
) -> list[dict[str, Any]]:
    """The same as values."""
    return [
        {
            "term": name,
            "nats": mean,
            "standard_error": standard_errors[name],
            "monte_carlo_error": monte_carlo_errors[name],
        }
        for name, mean in means.items()
    ]


def numbers_of_means(
    means: Mapping[str, float],
    standard_errors: Mapping[str, float],
    monte_carlo_errors: Mapping[str, float],
) -> dict[str, Any]:
    """The same for a JSON file, by name."""
    return {
        "means": dict(means),
        "standard_errors": dict(standard_errors),
        "monte_carlo_errors": dict(monte_carlo_errors),
    }
