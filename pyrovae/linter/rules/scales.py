"""Scales of the sites, which weigh their log-densities."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import TransformedDistribution

from ...particles.scales import _equal
from ..inspection import Inspection, kind_of, show
from ..problem import Problem
from ..runs import Node
from .base import Rule
from .plates import PlatesDiffer


class ScalesDiffer(Rule):
    code, severity = "PV215", "fault"
    title = "a latent is scaled otherwise in the guide than in the model"
    remedy = (
        "weigh a KL with pyrovae.Beta(beta), which scales both sides by one number and takes 0; "
        "else put the same `poutine.scale` around model and guide"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, (guide, model) in seen.latents.items():
            stacks = [[f.name for f in n["cond_indep_stack"]] for n in (guide, model)]
            if _equal(guide["scale"], model["scale"]) or sorted(stacks[0]) != sorted(stacks[1]):
                continue  # of the latter another rule tells
            one = [_own_scale(n) for n in (guide, model)]
            side = "model" if _equal(one[0], 1.0) else "guide"
            yield self.problem(
                f"the model scales it by {show(model['scale'])} and the guide by "
                f"{show(guide['scale'])}, so that the sum of both is no KL",
                name,
                seen.line(side, name),
            )


class MasksDiffer(Rule):
    code, severity = "PV223", "fault"
    title = "a latent is masked otherwise in the guide than in the model"
    remedy = "put the same `poutine.mask` around the site in model and guide"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, (guide, model) in seen.latents.items():
            if kind_of(guide["fn"]) == "Delta":
                continue  # a point has no density that a mask would leave out
            masks = [_own_mask(node) for node in (guide, model)]
            if masks[0] is None or masks[1] is None:
                continue
            if _equal(*(mask.float() for mask in masks if mask is not None)):
                continue
            side = "model" if bool(masks[0].all()) else "guide"
            yield self.problem(
                "model and guide leave out other entries of it, so that the sum of both is no KL",
                name,
                seen.line(side, name),
            )


class UnequalScales(Rule):
    code, severity = "PV216", "information"
    title = "sites of one datum are scaled unequally"
    remedy = (
        "none is needed for ELBO, STL and REINFORCE, which keep each site's scale; for IWAE and "
        "other bounds use one scale, or weigh the KL with pyrovae.Beta"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if ScalesDiffer().found(seen) or PlatesDiffer().found(seen):
            return
        for name, node in seen.observed.items():
            plate = seen.plates_over_data[:1]
            for latent, (guide, _) in seen.latents.items():
                inside = plate and any(f.name in plate for f in guide["cond_indep_stack"])
                if inside and not _equal(guide["scale"], node["scale"]):
                    yield self.problem(
                        f"it is scaled by {show(node['scale'])}, and the latent '{latent}' by "
                        f"{show(guide['scale'])}; the objective is not the ELBO of the model",
                        name,
                        seen.line("model", name),
                    )
                    return


def _own_mask(node: Node) -> Tensor | None:
    """Which entries of a site count; None where that cannot be told."""
    fn, mask = node["fn"], node["mask"]
    found = torch.tensor(True) if mask is None else torch.as_tensor(mask)
    while hasattr(fn, "base_dist") and not isinstance(fn, TransformedDistribution):
        inner = getattr(fn, "_mask", None) if type(fn).__name__ == "MaskedDistribution" else None
        if inner is not None:
            if torch.as_tensor(inner).dim() and fn is not node["fn"]:
                return None  # of single dims of an event
            found = found & torch.as_tensor(inner)
        fn = fn.base_dist
    return found


def _own_scale(node: Node) -> float | Tensor:
    scale: float | Tensor = node["scale"]
    for frame in node["cond_indep_stack"]:
        if frame.full_size not in (None, frame.size):
            scale = scale * frame.size / frame.full_size
    return scale
