"""Automatic guides of Pyro under minibatches: one posterior for each place in the batch."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyro
import torch
from pyro.infer.autoguide import AutoCallable, AutoGuide, AutoGuideList, AutoMessenger
from torch import Tensor

from ..data import BatchSource
from ..errors import PlateWarning, warn
from ..particles.held_networks import held_networks
from ..particles.isolation import isolated
from ..particles.traces import sample_sites
from ..particles.tracing import Program, record


def check_auto_guides(
    model: Program, guide: Program, source: BatchSource, first: Sequence[Tensor]
) -> None:
    """Warn where an automatic guide has parameters for the rows of a batch.

    The next batch has other data in these rows. Latents in a plate that subsamples belong to one
    datum each, and those outside of it to all.

    Args:
        model: Pyro model, called as `model(*first)`.
        guide: Pyro guide, which has been run on the batch.
        source: Of the batches.
        first: One of them, where the pair lies.
    """
    size = len(first[0])
    if source.num_data <= size:
        return
    found = {m: _local(m, first) for m in dict.fromkeys(_auto_guides(guide))}
    if not any(found.values()):
        return
    growing = _plates_that_grow(model, first)
    for auto, sites in found.items():
        names = [name for name, plates in sites.items() if growing is None or growing & plates]
        if names:
            known = ", ".join(f"'{name}'" for name in names)
            warn(
                f"fit: {type(auto).__name__} keeps one posterior of {known} for each of {size} "
                f"places in a batch, which {source.num_data} data take in turn; pass "
                f"batch_size={source.num_data}, write a guide that is a function of the data, or "
                "give the model, and the guide's create_plates, a plate that subsamples: "
                f"pyro.plate(name, {source.num_data}, subsample=indices)",
                PlateWarning,
            )


def _auto_guides(guide: Program) -> Iterator[Any]:
    for network in held_networks(guide):
        for module in network.modules():
            whole = AutoGuideList, AutoCallable  # made of other guides
            if isinstance(module, AutoGuide | AutoMessenger) and not isinstance(module, whole):
                yield module


def _local(auto: Any, first: Sequence[Tensor]) -> dict[str, set[str]]:  # noqa: ANN401
    """Latents of an automatic guide in plates that are as large as the batch, and these plates."""
    amortized = set(auto.amortized_plates) if isinstance(auto, AutoMessenger) else set()
    with isolated(), torch.no_grad(), pyro.validation_enabled(False):
        trace = record(auto.model, tuple(first), {})  # its part of the model
    size, found = len(first[0]), {}
    for name, site in sample_sites(trace).items():
        shape = site["fn"].batch_shape
        plates = {
            frame.name
            for frame in site["cond_indep_stack"]
            if frame.vectorized
            and len(shape) >= -frame.dim
            and shape[frame.dim] == size
            and frame.full_size in (None, frame.size)
        }
        if plates and not site["is_observed"] and not plates & amortized:
            found[name] = plates
    return found


def _plates_that_grow(model: Program, first: Sequence[Tensor]) -> set[str] | None:
    """Plates that hold as many rows as the model is given; None where it takes no other number."""
    more = tuple(torch.cat([tensor, tensor[:1]]) for tensor in first)
    try:
        with isolated(), torch.no_grad(), pyro.validation_enabled(False):
            sites = sample_sites(record(model, more, {}))
    except (RuntimeError, ValueError, IndexError):
        return None
    return {
        frame.name
        for site in sites.values()
        for frame in site["cond_indep_stack"]
        if frame.vectorized and site["fn"].batch_shape[frame.dim :][:1] == (len(more[0]),)
    }
