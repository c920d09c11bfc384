"""log p(x) of a batch, to which bounds are compared: as given, or estimated."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nan

from ...errors import ConfigError, PlateError, ShapeError
from ..annealing import Annealed, ais
from ..evidence import Evidence, log_evidence
from .bounds import Subject

Known = Tensor | float | Evidence | Annealed | Literal["evidence", "ais"]
"""log p(x) by datum [B], its mean, what `log_evidence` or `ais` found, or which of them to run."""


@dataclass(frozen=True)
class Truth:
    """log p(x), a mean over the data, with its Monte Carlo error and where it comes from."""

    value: float
    error: float
    source: str


def truth_of(
    subject: Subject,
    known: Known,
    source: str | None,
    particles: int,
    vectorize_particles: bool = True,
) -> Truth:
    """What is known, or an estimate, or neither, and why.

    Args:
        subject: The pair and its batch.
        known: See `Known`.
        source: What to call it; None says where it comes from.
        particles: Of "evidence".
        vectorize_particles: Of either estimate.
    """
    found = known
    if isinstance(known, str):
        if known not in ("evidence", "ais"):
            raise ConfigError(
                f"compare: truth={known!r}; choose 'evidence' or 'ais', or give log p(x) as a "
                "tensor, a number, or what `log_evidence` or `ais` found"
            )
        try:
            found = _estimate(subject, known, particles, vectorize_particles)
        except PlateError as error:
            return Truth(nan, nan, f"unknown: {error}")
    if isinstance(found, Evidence | Annealed):
        _check(found.log_px.shape, subject)
        words = _of_evidence(found) if isinstance(found, Evidence) else _of_ais(found)
        return Truth(found.mean(), found.monte_carlo_error(), source or words)
    per_datum = torch.as_tensor(found).detach().double()
    if per_datum.dim():
        _check(per_datum.shape, subject)
    return Truth(float(per_datum.mean()), 0.0, source or "as given")


def _estimate(
    subject: Subject, name: str, particles: int, vectorize_particles: bool
) -> Evidence | Annealed:
    call: tuple[Any, ...] = (subject.model, subject.guide, subject.data, *subject.args)
    how: Any = {"seed": subject.seed, "vectorize_particles": vectorize_particles}
    how["mode"] = "as is"  # the caller has put the networks into the mode that it wants
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


def _of_evidence(found: Evidence) -> str:
    words = f"importance sampling, K = {found.num_particles}"
    if bool(found.k_hat.isnan().all()):
        return f"{words}, k-hat not known"
    doubted, unknown = int((~found.trusted).sum()), int(found.k_hat.isnan().sum())
    words += f", median k-hat {float(found.k_hat.nanmedian()):.2f}"
    if doubted:
        words += (
            f": not to be trusted for {doubted} of {found.k_hat.numel()} data, which are not "
            f"below {found.threshold:.2f}" + (f" or not known ({unknown})" if unknown else "")
        )
    return words


def _of_ais(found: Annealed) -> str:
    s = found.summary()
    return (
        f"annealed importance sampling from the {found.start}, {found.num_temperatures} "
        f"temperatures, {found.num_particles} chains, median ESS {s['ess_median']:.1f}, "
        f"acceptance {s['acceptance_median']:.2f}"
    )
