"""Data that a pair makes: from its prior, or of other data through the latents."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..data import Split
from ..errors import PyrovaeError
from ..evaluate.inputs import as_data
from ..particles import draw, simulate
from ..particles.device import device_of
from ..particles.isolation import isolated
from ..particles.modes import Mode, in_mode
from ..particles.tracing import Program
from .batches import batch_of, to_generate
from .forms import Form, Images, Made


@torch.no_grad()
def sampled(
    pair: Any,  # noqa: ANN401
    model: Program,
    wanted: tuple[Tensor, ...],
    form: Form,
    *,
    mean: bool,
    options: Mapping[str, Any] | None = None,
) -> Tensor:
    """Data of latents from the prior [n, ...], on the CPU.

    Data that are no images are made by the method `generate` of the pair, where it has one: text
    is decoded letter by letter, say, which the program of the model is not written for.

    Args:
        pair: The object whose program the model is.
        model: Pyro model.
        wanted: What `to_generate` gives: how many, and of what.
        form: Of the data.
        mean: The mean of p(x|z) where that is a datum; else a draw.
        options: Further arguments of `generate`.
    """
    make, mean = getattr(pair, "generate", None), mean and form.has_means
    with in_mode("evaluation", model):
        if callable(make) and not isinstance(form, Images):
            counts = next(iter(inspect.signature(make).parameters), "") == "n"
            given = len(wanted[0]) if counts or len(wanted) == 1 else wanted[1]
            found = make(given, **_taken(make, mean), **(options or {}))
        else:
            found = as_data(simulate(model, *wanted, mean=mean), wanted[0])
    return found.cpu()


@torch.no_grad()
def rebuilt(
    pair: Any,  # noqa: ANN401
    model: Program,
    guide: Program,
    batch: tuple[Tensor, ...],
    form: Form,
    *,
    mean: bool,
    options: Mapping[str, Any] | None = None,
) -> Tensor:
    """What comes back of data through the latents [B, ...], on the CPU.

    Args:
        pair: The object whose programs they are; its method `reconstruct` is used as `sampled`
            uses `generate`.
        model: Pyro model.
        guide: Pyro guide.
        batch: What the pair is called with.
        form: Of the data.
        mean: See `sampled`.
        options: Further arguments of `reconstruct`.
    """
    make, mean = getattr(pair, "reconstruct", None), mean and form.has_means
    with in_mode("evaluation", model, guide):
        if callable(make) and not isinstance(form, Images):
            found = make(*batch, **_taken(make, mean), **(options or {}))
        else:
            found = as_data(simulate(model, *batch, guide=guide, mean=mean), batch[0])
    return found.cpu()


def made_of(
    pair: Any,  # noqa: ANN401
    model: Program,
    guide: Program,
    test: Split,
    form: Form,
    *,
    seed: int = 0,
    mode: Mode = "evaluation",
    num: int = 24,
) -> Made:
    """Reconstructions of the first data, and samples, as far as the pair can make them."""
    with isolated(), in_mode(mode, model, guide):
        device = device_of(model, guide, batch_of(test, 2))
        few = test[:num]
        few = few if device is None else few.to(device)
        few = few.binarized(seed) if few.dynamic else few
        torch.manual_seed(seed)
        back = samples = None
        remarks = []
        try:
            back = rebuilt(pair, model, guide, batch_of(few, num), form, mean=True)
        except PyrovaeError as error:
            remarks.append(f"No reconstructions: {error}")
        try:
            if has_prior(model, guide, few):
                samples = sampled(pair, model, to_generate(few, num), form, mean=True)
        except PyrovaeError as error:
            remarks.append(f"No samples: {error}")
    return Made(form.given(batch_of(few, num)).cpu(), back, samples, remarks)


def has_prior(model: Program, guide: Program, split: Split) -> bool:
    """Whether the latents of the model can be drawn."""
    sites = draw(model, guide, *batch_of(split, 2), scales="ignored").model_sites.values()
    return not any(site.kind == "ImproperUniform" for site in sites)


def _taken(make: Any, mean: bool) -> dict[str, bool]:  # noqa: ANN401
    return {"mean": mean} if "mean" in inspect.signature(make).parameters else {}
