"""The pictures of a trained pair."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

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
from .forms import Arrays, Images, Made, form_of, owner_of
from .making import has_prior, made_of

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
    pair: Any = None,  # noqa: ANN401
    made: Made | None = None,
) -> "dict[str, Figure]":
    """The pictures of a run by name: curves, reconstructions, samples, latent space, traversals.

    Pictures of data are left out where they have none, as text, and samples where the model has
    no prior to draw from.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        test: Data that were not trained on.
        history: Of the training, as `fit` gives it; draws the curves.
        seed: Of all draws.
        mode: Of the pair's networks; see `log_evidence`.
        bound: Name of what the history holds of training and validation data; see
            `train.curves.bound_in_words`.
        pair: The object whose programs they are, which may say how its data are read; by default
            the one whose methods they are.
        made: Of data that are no images, what `made_of` gives; by default it is made here.
    """
    pair = owner_of(model) if pair is None else pair
    found: dict[str, Figure] = {}
    if history:
        found["curves"] = plots.training_curves(
            history, title="Training, by epoch, and its parts on validation data", bound=bound
        )
    with isolated(), in_mode(mode, model, guide):
        device = device_of(model, guide, batch_of(test, 2))
        test = test if device is None else test.to(device)
        torch.manual_seed(seed)
        form = form_of(pair, test[:1].x)
        if made is None and not isinstance(form, Images | Arrays):
            made = made_of(pair, model, guide, test, form, seed=seed, mode="as is")
        if made is not None:
            found |= form.figures(made)
        torch.manual_seed(seed)
        if (
            isinstance(form, Images)
            and len(test.shape) == 3
            and _observes_the_data(model, guide, test)
        ):
            batch = batch_of(test, 32)
            rebuilt = as_data(simulate(model, *batch, guide=guide, mean=True), test.x[:32])
            found["reconstructions"] = plots.reconstructions(
                test.x[:32], rebuilt, title="Test data, and E p(x|z) for z drawn from the guide"
            )
            if has_prior(model, guide, test):
                wanted = to_generate(test, 64)
                drawn = as_data(simulate(model, *wanted, mean=True), wanted[0])
                found["samples"] = plots.image_grid(
                    drawn, title="E p(x|z) for z drawn from the prior"
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
        if "samples" in found and isinstance(form, Images):
            with suppress(SiteError):  # where there is not one latent vector
                moved = traverse(model, guide, first, num_units=_UNITS, seed=seed, mode="as is")
                found["traversals"] = plots.traversals(
                    moved, title="One latent unit is changed at a time"
                )
    return found


def _observes_the_data(model: Program, guide: Program, split: Split) -> bool:
    try:
        as_data(simulate(model, *batch_of(split, 2), guide=guide), split[:2].x)
    except ShapeError:
        return False
    return True


def _vector_site(model: Program, guide: Program, split: Split) -> str | None:
    """The last latent site that holds one vector of real numbers a datum."""
    latents = draw(model, guide, *batch_of(split, 2), scales="ignored").latents
    names = [name for name, z in latents.items() if z.dim() == 3 and z.is_floating_point()]
    return names[-1] if names else None
