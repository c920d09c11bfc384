"""What a trained pair is worth: one table, one JSON file, and pictures."""

import json
import math
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import torch
from matplotlib.figure import Figure
from torch import Tensor

from .. import plots
from ..data import Split
from ..errors import ShapeError, SiteError
from ..evaluate import (
    ActiveUnits,
    ELBOParts,
    active_units,
    elbo_parts,
    log_evidence,
    posterior_means,
    traverse,
    why_no_evidence,
)
from ..evaluate.inputs import as_data
from ..math import nats_to_bits_per_dim
from ..particles import draw, simulate
from ..particles.device import device_of, to_device_of
from ..particles.isolation import isolated
from ..particles.modes import Mode, in_mode
from ..particles.one_by_one import warned_once
from ..particles.tracing import Program
from ..runtime.files import save

_UNITS = 10  # latent units that are traversed


@dataclass(frozen=True)
class Report:
    """Measurements of a pair on held-out data.

    Attributes:
        rows: What is measured, its value, its standard error or None, and a remark.
        facts: The same numbers by name, for a machine.
    """

    rows: tuple[tuple[str, str, str, str], ...]
    facts: dict[str, Any]

    def __str__(self) -> str:
        widths = [max(len(row[i]) for row in self.rows) for i in range(3)]
        return "\n".join(
            f"{what:<{widths[0]}}  {value:>{widths[1]}} {error:<{widths[2]}}  {remark}".rstrip()
            for what, value, error, remark in self.rows
        )

    def save(self, path: Path) -> None:
        """Write the numbers as JSON; those that do not exist are null.

        Raises:
            SaveError: The file cannot be written; one that was there is as it was.
        """
        clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v
                 for k, v in self.facts.items()}  # fmt: skip
        save(Path(path), json.dumps(clean, indent=2) + "\n")


def report(
    model: Program,
    guide: Program,
    test: Split,
    *,
    num_particles: int = 5000,
    chunk: int | None = None,
    compile: bool | Literal["auto"] = False,
    seed: int = 0,
    mode: Mode = "evaluation",
    progress: bool = False,
    sharded: bool = False,
) -> Report:
    """Measure a trained pair on held-out data.

    Of a pair without an evidence that its guide could estimate (`why_no_evidence`), such as an
    autoencoder, the reconstruction alone is measured, and the table says why.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        test: Data that were not trained on.
        num_particles: Particles per datum of the importance-sampling estimate.
        chunk: Particles times data at once; see `log_evidence`, as for `compile`.
        seed: Of all draws.
        mode: Of the pair's networks; see `log_evidence`.
        progress: Show a bar.
        sharded: The ranks that torchrun started share the work; see `log_evidence`.
    """
    # What is measured takes the networks as they are then.
    with in_mode(mode, model, guide), warned_once():
        parts = elbo_parts(model, guide, test, compile=compile and "auto", seed=seed, mode="as is")
        few = test[:2].binarized(0) if test.dynamic else test
        batch = to_device_of(model, guide, _batch(few, 2))
        why = why_no_evidence(model, guide, *batch, mode="as is")
        if why is not None:
            return _without_evidence(parts, test, why)
        evidence = log_evidence(
            model,
            guide,
            test,
            num_particles=num_particles,
            chunk=chunk,
            compile=compile,
            seed=seed,
            mode="as is",
            progress=progress,
            sharded=sharded,
        )
        units = active_units(model, guide, test, seed=seed, mode="as is")
    means, errors, found = parts.means(), parts.standard_errors, evidence.summary()
    nll, dims = -evidence.mean(), test.shape.numel()
    bits = float(nats_to_bits_per_dim(torch.tensor(nll), dims))
    latents = sum(len(variance) for variance in units.variance.values())
    rows = [
        ("test data", f"{len(test)}", "", f"of shape {list(test.shape)}"),
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
        ("bits/dim", f"{bits:.4f}", "", f"of the NLL over {dims} dimensions"),
        ("active units", f"{units.count} of {latents}", "",
         f"variance of E_q[z] above {units.threshold:g}"),
        *_by_layer(units),
        ("ESS", f"{found['ess_median']:.0f}", "", f"median; worst {found['ess_min']:.1f}"),
        ("Pareto k-hat", *_k_hat(found)),
    ]  # fmt: skip
    facts = {
        **{f"{name}": value for name, value in means.items()},
        **{f"{name}_standard_error": value for name, value in errors.items()},
        "nll": nll,
        "nll_standard_error": found["standard_error"],
        "bits_per_dim": bits,
        "active_units": units.count,
        "latent_units": latents,
        **{f"active_units[{name}]": count for name, count in units.counts.items()},
        **{k: v for k, v in found.items() if k not in ("log_px", "standard_error")},
    }
    return Report(tuple(rows), facts)


def _without_evidence(parts: ELBOParts, test: Split, why: str) -> Report:
    mean, error = parts.means()["reconstruction"], parts.standard_errors["reconstruction"]
    rows = [
        ("test data", f"{len(test)}", "", f"of shape {list(test.shape)}"),
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


def _by_layer(units: ActiveUnits) -> list[tuple[str, str, str, str]]:
    """Rows of the active units of each site, where there are several."""
    if len(units.counts) < 2:
        return []
    return [
        (f"  of {name}", f"{count} of {len(units.variance[name])}", "", units.routes[name])
        for name, count in units.counts.items()
    ]


def _k_hat(found: dict[str, float]) -> tuple[str, str, str]:
    """Value, error and remark of the k-hat row."""
    if math.isnan(found["k_hat_median"]):
        return "n/a", "", "not defined: fewer than 25 particles, or weights that repeat"
    share = found["k_hat_above_0.7"]
    remark = f"median; worst {found['k_hat_max']:.2f}; above 0.7: {share:.1%}"
    if share > 0.05:
        remark += "; there the NLL is probably lower than estimated"
    return f"{found['k_hat_median']:.2f}", "", remark


def pictures(
    model: Program,
    guide: Program,
    test: Split,
    *,
    history: list[dict[str, Any]] | None = None,
    seed: int = 0,
    mode: Mode = "evaluation",
) -> dict[str, Figure]:
    """The pictures of a run by name: curves, reconstructions, samples, latent space, traversals.

    Those that the data do not allow (images of data that are no images) are left out, as are
    samples of a model that has no prior to draw from. Networks are in evaluation mode, or with
    `mode="as is"` in the mode that they are in.
    """
    found: dict[str, Figure] = {}
    if history:
        found["curves"] = plots.training_curves(history)
    with isolated(), in_mode(mode, model, guide):
        home = device_of(model, guide, _batch(test, 2))
        test = test if home is None else test.to(home)
        torch.manual_seed(seed)
        if _are_images(test.x) and _observes_the_data(model, guide, test):
            batch = _batch(test, 32)
            rebuilt = as_data(simulate(model, *batch, guide=guide, mean=True), test.x[:32])
            found["reconstructions"] = plots.reconstructions(
                test.x[:32], rebuilt, title="originals over reconstructions"
            )
            if _has_a_prior(model, guide, test):
                wanted = to_generate(test, 64)
                made = as_data(simulate(model, *wanted, mean=True), wanted[0])
                found["samples"] = plots.image_grid(made, title="samples from the prior")
        first = test[:2000]
        site = _vector_site(model, guide, first)
        if site is not None:
            classes = first.y if first.y is not None and first.y.dim() == 1 else None
            found["latents"] = plots.latent_space(
                posterior_means(model, guide, first, site=site, mode="as is"),
                classes,
                title=f"E_q[{site}]",
            )
        if "samples" in found:
            with suppress(SiteError):  # where there is not one latent vector
                moved = traverse(model, guide, first, num_units=_UNITS, seed=seed, mode="as is")
                found["traversals"] = plots.traversals(moved, title="one latent unit at a time")
    return found


def save_pictures(found: dict[str, Figure], folder: Path) -> list[Path]:
    """Write each figure as `folder/<name>.png`.

    Raises:
        SaveError: One cannot be written; what was there is as it was.
    """
    paths = [folder / f"{name}.png" for name in found]
    for path, figure in zip(paths, found.values(), strict=True):
        save_figure(path, figure)
    return paths


def save_figure(path: Path, figure: Figure) -> None:
    """Write a figure as a PNG; makes the folder.

    Raises:
        SaveError: It cannot be written; what was there is as it was.
    """
    content = BytesIO()
    figure.savefig(content, format="png")
    save(path, content.getvalue())


def _has_a_prior(model: Program, guide: Program, split: Split) -> bool:
    sites = draw(model, guide, *_batch(split, 2), scales="ignored").model_sites.values()
    return not any(site.kind == "ImproperUniform" for site in sites)


def _observes_the_data(model: Program, guide: Program, split: Split) -> bool:
    try:
        as_data(simulate(model, *_batch(split, 2), guide=guide), split.x[:2])
    except ShapeError:
        return False
    return True


def to_generate(split: Split, n: int) -> tuple[Tensor, ...]:
    """Arguments for a model that is to make `n` data: how many, and of what.

    Returns:
        x, of which only the number and the shape count [n, ...]; where the batches have labels,
        also y: every class in turn, or what the first rows have where it is no class [n, ...].
    """
    x = split.x[:1].expand(n, *split.shape)
    if not split.with_labels or split.y is None:
        return (x,)
    if split.y.dim() > 1 or split.y.is_floating_point():
        rows = torch.arange(n, device=split.y.device) % len(split)
        return x, split.y[rows]
    classes = split.y.unique()
    classes = classes[classes >= 0]
    return x, classes.repeat_interleave(-(-n // len(classes)))[:n]


def _batch(split: Split, n: int) -> tuple[Tensor, ...]:
    few = split[:n]
    return (few.x,) if not few.with_labels or few.y is None else (few.x, few.y)


def _are_images(x: Tensor) -> bool:
    return x.dim() == 4 and x.shape[1] in (1, 3)


def _vector_site(model: Program, guide: Program, split: Split) -> str | None:
    """The last latent site that holds one vector of real numbers a datum."""
    latents = draw(model, guide, *_batch(split, 2), scales="ignored").latents
    names = [name for name, z in latents.items() if z.dim() == 3 and z.is_floating_point()]
    return names[-1] if names else None
