"""What a trained pair is worth on held-out data, in numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch

from ..data import Rows, rows
from ..data.columns import Columns, Transform
from ..evaluate import (
    ActiveUnits,
    ELBOParts,
    Evidence,
    active_units,
    elbo_parts,
    log_evidence,
    why_no_evidence,
)
from ..evaluate.inputs import Data
from ..math import nats_to_bits_per_dim
from ..models.capabilities import ReadsAsTable, ReadsAsText
from ..particles.device import device_of
from ..particles.modes import Mode, in_mode
from ..particles.one_by_one import warned_once
from ..particles.pair import takes_pair
from ..particles.tracing import Program
from .completing import completed
from .finite_history import finite_history
from .forms import owner_of
from .software import device_in_words, versions
from .subject import Row, Subject
from .table import Report


@takes_pair
def report(
    model: Program,
    guide: Program,
    test: Data,
    *,
    num_particles: int = 5000,
    chunk: int | None = None,
    compile: bool | Literal["auto"] = "auto",
    seed: int = 0,
    mode: Mode = "evaluation",
    progress: bool | None = None,
    sharded: bool = False,
    columns: Columns | None = None,
    transform: Transform | None = None,
    history: Sequence[Mapping[str, Any]] | None = None,
    name: str = "trained pair",
) -> Report:
    """Measure a trained pair on held-out data.

    Printed it is a table; `report(...).to_html("page.html")` writes a page with curves, pictures
    and a diagnosis too.

    Where the guide cannot estimate log p(x) (`why_no_evidence`), as that of an autoencoder, the
    reconstruction alone is measured, and the table says why.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        test: Data that were not trained on, of any kind that `pyrovae.data.rows` takes; of a
            dataset its `test`.
        num_particles: Particles per datum of the importance-sampling estimate.
        chunk: Particles times data at once; see `log_evidence`, as for `compile`.
        seed: Of all draws.
        mode: Of the pair's networks; see `log_evidence`.
        progress: See `SweepOptions`.
        sharded: The ranks that torchrun started share the work; see `log_evidence`.
        columns: See `SweepOptions`, as for `transform`.
        history: Of the training (`Run.history`), for the curves of the page.
        name: Of the pair, the title of the page.
    """
    held = rows(test, columns=columns, transform=transform)
    shape, device = list(held[:1][0].shape[1:]), device_of(model, guide, held[:2])
    subject = Subject(
        name=name,
        history=finite_history(history or ()),
        about={
            "test data": f"{len(held)} of shape {shape}",
            "measured on": device_in_words(device or torch.device("cpu")),
            "seed of the measurement": str(seed),
            "versions": versions(),
        },
    )
    complete = partial(
        completed, model=model, guide=guide, test=test, held=held, seed=seed, mode=mode
    )
    with in_mode(mode, model, guide), warned_once():
        # The measurements take the networks as this has put them.
        parts = elbo_parts(model, guide, held, compile=compile and "auto", seed=seed, mode="as is")
        why = why_no_evidence(model, guide, held[:2], mode="as is")
        if why is not None:
            subject = replace(subject, parts=parts)
            return replace(
                _without_evidence(parts, held, why), subject=subject, _complete=complete
            )
        evidence = log_evidence(
            model,
            guide,
            held,
            num_particles=num_particles,
            chunk=chunk,
            compile=compile,
            seed=seed,
            mode="as is",
            progress=progress,
            sharded=sharded,
        )
        units = active_units(model, guide, held, seed=seed, mode="as is")
    # Text and rows of a table have no dimensions that are alike: padding, or columns of all kinds.
    has_bits = not isinstance(owner_of(model), ReadsAsText | ReadsAsTable)
    found = _with_evidence(parts, evidence, units, held, num_particles, has_bits)
    subject = replace(subject, parts=parts, evidence=evidence, units=units)
    return replace(found, subject=subject, _complete=complete)


def _with_evidence(
    parts: ELBOParts,
    evidence: Evidence,
    units: ActiveUnits,
    held: Rows,
    num_particles: int,
    has_bits: bool,
) -> Report:
    means, errors, found = parts.means(), parts.standard_errors, evidence.summary()
    nll, dims = -evidence.mean(), held[:1][0].numel()
    bits = float(nats_to_bits_per_dim(torch.tensor(nll), dims))
    latents = sum(len(variance) for variance in units.variance.values())
    rows = [
        _size(held),
        ("ELBO", f"{means['elbo']:.2f}", f"+- {errors['elbo']:.2f}", "nats per datum"),
        ("  reconstruction", f"{means['reconstruction']:.2f}",
         f"+- {errors['reconstruction']:.2f}", "E log p(x|z)"),
        *(
            (f"  KL {name}", f"{means[f'kl[{name}]']:.2f}", f"+- {errors[f'kl[{name}]']:.2f}",
             parts.routes[name])
            for name in parts.kl_by_site
        ),
        ("NLL", f"{nll:.2f}", f"+- {found['standard_error']:.2f}",
         f"importance sampling, K = {num_particles}, Monte-Carlo error "
         f"{found['monte_carlo_error']:.3f}"),
        ("  too high by", *_off(evidence)),
        *([("bits/dim", f"{bits:.4f}", "", f"of the NLL over {dims} dimensions")] * has_bits),
        ("active units", f"{units.count} of {latents}", "",
         f"variance of E_q[z] above {units.threshold:g}"),
        *_by_layer(units),
        ("ESS", f"{found['ess_median']:.0f}", "", f"median; worst {found['ess_min']:.1f}"),
        ("Pareto k-hat", *_k_hat(found)),
    ]  # fmt: skip
    facts = {
        **means,
        **{f"{name}_standard_error": value for name, value in errors.items()},
        "nll": nll,
        "nll_standard_error": found["standard_error"],
        "bits_per_dim": bits if has_bits else None,
        "active_units": units.count,
        "latent_units": latents,
        **{f"active_units[{name}]": count for name, count in units.counts.items()},
        **{k: v for k, v in found.items() if k not in ("log_px", "standard_error")},
        "verdict": evidence.verdict,
    }
    return Report(tuple(rows), facts)


def _without_evidence(parts: ELBOParts, held: Rows, why: str) -> Report:
    mean, error = parts.means()["reconstruction"], parts.standard_errors["reconstruction"]
    rows = [
        _size(held),
        ("reconstruction", f"{mean:.2f}", f"+- {error:.2f}",
         "E log p(x|z), nats per datum: no bound on log p(x)"),
        ("NLL, bits/dim", "none", "", why),
    ]  # fmt: skip
    facts = {
        "reconstruction": mean,
        "reconstruction_standard_error": error,
        "nll": None,
        "bits_per_dim": None,
        "why_no_evidence": why,
    }
    return Report(tuple(rows), facts)


def _size(held: Rows) -> Row:
    return "test data", f"{len(held)}", "", f"of shape {list(held[:1][0].shape[1:])}"


def _by_layer(units: ActiveUnits) -> list[Row]:
    """Rows of the active units of each site, where there are several."""
    if len(units.counts) < 2:
        return []
    return [
        (f"  of {name}", f"{count} of {len(units.variance[name])}", "", units.routes[name])
        for name, count in units.counts.items()
    ]


def _off(evidence: Evidence) -> tuple[str, str, str]:
    """Value, error and remark of the row of what particles are missing to the NLL."""
    if math.isnan(evidence.shortfall):
        return "n/a", "", evidence.verdict
    error = evidence.shortfall_error
    words = evidence.verdict.replace("too low", "too high").replace("K adds", "K takes off")
    return f"{evidence.shortfall:.2f}", "" if math.isnan(error) else f"+- {error:.2f}", words


def _k_hat(found: dict[str, float]) -> tuple[str, str, str]:
    """Value, error and remark of the k-hat row."""
    if math.isnan(found["k_hat_median"]):
        return "n/a", "", "not defined: fewer than 25 particles, or weights that repeat"
    share = found["k_hat_above_0.7"]
    remark = f"median; worst {found['k_hat_max']:.2f}; above 0.7: {share:.1%}"
    return f"{found['k_hat_median']:.2f}", "", remark
