"""log p(x) of a batch, with which bounds are compared: as given, or estimated."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import torch
from torch import Tensor, nan

from ...errors import ConfigError, PlateError, ShapeError
from ..annealing import Annealed, ais
from ..evidence import Evidence, EvidenceEstimate
from ..log_evidence import log_evidence
from .bounds import Subject
from .effort import NATS, bound_tolerance

_PARTICLES = (312, 1250, 5000)

Known = Tensor | float | Evidence | Annealed | Literal["evidence", "ais"]
"""log p(x) by datum [B], its mean, what `log_evidence` or `ais` found, or which of them to run."""


@dataclass(frozen=True)
class MeanEvidence:
    """Mean of log p(x) over the data, with its Monte Carlo error and how it was found.

    An estimate is probably too low by `shortfall`; NaN where that is not known.
    """

    value: float
    error: float
    source: str
    shortfall: float = 0.0


UNKNOWN = MeanEvidence(nan, nan, "not estimated yet", nan)


def mean_evidence(
    subject: Subject,
    known: Known,
    source: str | None,
    particles: int | None,
    vectorize_particles: bool = True,
    *,
    bounds: Sequence[float] = (),
    seconds: float = math.inf,
    progress: bool | None = False,
) -> MeanEvidence:
    """What is known, or an estimate; NaN where there is neither, with the reason as its source.

    Args:
        subject: The pair and its batch.
        known: See `Known`.
        source: What to call it; None says how it was found.
        particles: Of "evidence"; None takes as many as the gaps to the bounds need, from some
            300 to 5,000.
        vectorize_particles: Of either estimate.
        bounds: Of which the gaps are wanted.
        seconds: What "evidence" may take, beyond its fewest particles, where `particles` is None.
        progress: See `SweepOptions`.

    Raises:
        ConfigError: `known` names no estimate.
        ShapeError: `known` is not [B].
    """
    found: Any = known
    if isinstance(known, str):
        if known not in ("evidence", "ais"):
            raise ConfigError(
                f"compare: truth={known!r}; choose 'evidence' or 'ais', or give log p(x) as a "
                "tensor, a number, or what `log_evidence` or `ais` found"
            )
        how: Any = {
            "vectorize_particles": vectorize_particles,
            "progress": progress,
            "seed": subject.seed,
            "mode": "as is",  # the caller has put the networks into their mode
        }
        try:
            if known == "ais":
                found = ais(*_call(subject), **how)
            elif particles is None:
                found = _evidence(subject, bounds, seconds, how)
            else:
                found = _evidence_of(subject, particles, how)
        except PlateError as error:
            return MeanEvidence(nan, nan, f"unknown: {error}", nan)
    if isinstance(found, EvidenceEstimate):
        _check(found.log_px.shape, subject)
        words = source or found.source
        return MeanEvidence(found.mean(), found.monte_carlo_error(), words, found.shortfall)
    per_datum = torch.as_tensor(found).detach().double()
    if per_datum.dim():
        _check(per_datum.shape, subject)
    return MeanEvidence(float(per_datum.mean()), 0.0, source or "as given")


def _evidence(
    subject: Subject, bounds: Sequence[float], seconds: float, how: dict[str, Any]
) -> Evidence:
    """With as many particles as it takes, or as there is time for.

    Few particles mostly do. Where they do not, what they show says how many might, and these are
    drawn anew.
    """
    particles = _PARTICLES[0]
    while True:
        started = perf_counter()
        found = _evidence_of(subject, particles, how)
        spent = perf_counter() - started
        gaps = [found.mean() - bound for bound in bounds]
        enough = min(map(bound_tolerance, gaps), default=NATS)
        # What is not known, of few data or few weights, is not small.
        if found.shortfall <= enough and found.monte_carlo_error() <= enough:
            return found
        more = [k for k in _PARTICLES if k > particles and spent * k / particles <= seconds]
        if not more:
            return found
        # At best what is missing falls as 1/K, and the error as its root.
        needed = max(found.shortfall / enough, (found.monte_carlo_error() / enough) ** 2)
        particles = next((k for k in more if k >= needed * particles), more[-1])


def _evidence_of(subject: Subject, particles: int, how: dict[str, Any]) -> Evidence:
    options: Any = {**how, "compile": subject.compile}
    return log_evidence(*_call(subject), num_particles=particles, **options)


def _call(subject: Subject) -> tuple[Any, ...]:
    return (subject.model, subject.guide, subject.data, *subject.args)


def _check(shape: torch.Size, subject: Subject) -> None:
    size = len(subject.data[0])
    if shape != (size,):
        raise ShapeError(
            f"compare got a truth of shape {list(shape)} for {size} data; give one value per "
            "datum, of the same batch, or the mean as one number"
        )
