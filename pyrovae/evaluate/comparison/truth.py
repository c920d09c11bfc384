"""log p(x) of a batch, with which bounds are compared: as given, or estimated."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nan

from ...errors import ConfigError, PlateError, ShapeError
from ..annealing import Annealed, ais
from ..evidence import Evidence, EvidenceEstimate
from ..log_evidence import log_evidence
from .bounds import Subject

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


def mean_evidence(
    subject: Subject,
    known: Known,
    source: str | None,
    particles: int,
    vectorize_particles: bool = True,
) -> MeanEvidence:
    """What is known, or an estimate; NaN where there is neither, with the reason as its source.

    Args:
        subject: The pair and its batch.
        known: See `Known`.
        source: What to call it; None says how it was found.
        particles: Of "evidence".
        vectorize_particles: Of either estimate.

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
        try:
            found = _estimate(subject, known, particles, vectorize_particles)
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


def _estimate(
    subject: Subject, name: str, particles: int, vectorize_particles: bool
) -> EvidenceEstimate:
    call: tuple[Any, ...] = (subject.model, subject.guide, subject.data, *subject.args)
    how: Any = {"seed": subject.seed, "vectorize_particles": vectorize_particles}
    how["progress"] = subject.progress
    how["mode"] = "as is"  # the caller has put the networks into their mode
    if name == "ais":
        return ais(*call, **how)
    return log_evidence(*call, num_particles=particles, **how)


def _check(shape: torch.Size, subject: Subject) -> None:
    size = len(subject.data[0])
    if shape != (size,):
        raise ShapeError(
            f"compare got a truth of shape {list(shape)} for {size} data; give one value per "
            "datum, of the same batch, or the mean as one number"
        )
