"""The pictures of a trained pair."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .. import plots
from ..data import Split
from ..errors import ShapeError, SiteError
from ..evaluate import posterior_means, traverse
from ..evaluate.inputs import as_data
from ..particles import draw, simulate
from ..particles.device import device_of
from ..particles.isolation import isolated
from ..particles.modes import Mode, in_mode
from ..particles.tracing import Program
from .batches import batch_of, to_generate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UNITS = 10  # latent units that are traversed
_DOTS = 1000  # data in the map of the latents


def pictures(
    model: Program,
    guide: Program,
    test: Split,
    *,
    history: list[dict[str, Any]] | None = None,
    seed: int = 0,
    mode: Mode = "evaluation",
    bound: str = "bound",
) -> "dict[str, Figure]":
    """The pictures of a run by name: curves, reconstructions, samples, latent space, traversals.

    Pictures of images are left out where the data are none, and samples where the model has no
    prior to draw from.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        test: Data that were not trained on.
        history: Of the training, as `fit` gives it; draws the curves.
        seed: Of all draws.
        mode: Of the pair's networks; see `log_evidence`.
        bound: Name of what the history holds of training and validation data; see
            `train.curves.bound_in_words`.
    """
    found: dict[str, Figure] = {}
    if history:
        found["curves"] = plots.training_curves(
            history, title="Training, by epoch, and its parts on validation data", bound=bound
        )
    with isolated(), in_mode(mode, model, guide):
        device = device_of(model, guide, batch_of(test, 2))
        test = test if device is None else test.to(device)
        torch.manual_seed(seed)
        if _are_images(test.x) and _observes_the_data(model, guide, test):
            batch = batch_of(test, 32)
            rebuilt = as_data(simulate(model, *batch, guide=guide, mean=True), test.x[:32])
            found["reconstructions"] = plots.reconstructions(
                test.x[:32], rebuilt, title="Test data, and E p(x|z) for z drawn from the guide"
            )
            if _has_a_prior(model, guide, test):
                wanted = to_generate(test, 64)
                made = as_data(simulate(model, *wanted, mean=True), wanted[0])
                found["samples"] = plots.image_grid(
                    made, title="E p(x|z) for z drawn from the prior"
                )
        first = test[:_DOTS]
        site = _vector_site(model, guide, first)
        if site is not None:
            classes = first.y if first.y is not None and first.y.dim() == 1 else None
            by_class = "" if classes is None else ", by class"
            found["latents"] = plots.latent_space(
                posterior_means(model, guide, first, site=site, mode="as is"),
                classes,
                title=f"Posterior means of {site} of {len(first):,} test data{by_class}",
            )
        if "samples" in found:
            with suppress(SiteError):  # where there is not one latent vector
                moved = traverse(model, guide, first, num_units=_UNITS, seed=seed, mode="as is")
                found["traversals"] = plots.traversals(
                    moved, title="One latent unit is changed at a time"
                )
    return found


def _has_a_prior(model: Program, guide: Program, split: Split) -> bool:
    sites = draw(model, guide, *batch_of(split, 2), scales="ignored").model_sites.values()
    return not any(site.kind == "ImproperUniform" for site in sites)


def _observes_the_data(model: Program, guide: Program, split: Split) -> bool:
    try:
        as_data(simulate(model, *batch_of(split, 2), guide=guide), split.x[:2])
    except ShapeError:
        return False
    return True


def _are_images(x: Tensor) -> bool:
    return x.dim() == 4 and x.shape[1] in (1, 3)


def _vector_site(model: Program, guide: Program, split: Split) -> str | None:
    """The last latent site that holds one vector of real numbers a datum."""
    latents = draw(model, guide, *batch_of(split, 2), scales="ignored").latents
    names = [name for name, z in latents.items() if z.dim() == 3 and z.is_floating_point()]
    return names[-1] if names else None
