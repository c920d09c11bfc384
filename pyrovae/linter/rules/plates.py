"""Plates and scales."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ...errors import PyrovaeError, first_line
from ...particles.scales import _equal
from ..inspection import Inspection, is_factor, log_prob_of, show
from ..problem import Problem, Severity
from ..runs import Node
from ..source import line_of
from .base import Rule, listed
from .crash import with_event

_BATCH_SIZE = 100  # of `fit`, where none is given


class OutsideThePlate(Rule):
    code = "PV211"
    title = "a site stands outside of the plate over data"
    remedy = (
        "enclose it in the plate over data; where it belongs to all data, train with "
        "batch_plate=None or with the plate's name, such as ELBO(batch_plate='data')"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        plates = seen.plates_over_data
        if not plates:
            return
        plate, size = plates[0], seen.num_rows
        outside = [
            (side, name, node)
            for side, name, node in seen.nodes()
            if not any(f.name == plate for f in node["cond_indep_stack"])
        ]
        factors_only = all(is_factor(node) for _, _, node in outside)
        for side, name, node in outside:
            other = [f.name for f in node["cond_indep_stack"]]
            if is_factor(node) and factors_only and side == "model":
                yield self.problem(
                    f"this factor stands outside of plate '{plate}', so that no datum has a "
                    "bound of its own",
                    name,
                    seen.line(side, name),
                )
            elif name in seen.latents and seen.is_local(name):
                where = f"in plate '{other[0]}'" if other else f"outside of plate '{plate}'"
                yield self.problem(
                    f"it has {size} rows, one for each datum, and stands {where} in the {side}, "
                    f"while the data are in plate '{plate}': the bound is then one of all data "
                    "together, not one for each datum",
                    name,
                    seen.line(side, name),
                )


class NoPlate(Rule):
    code = "PV212"
    title = "no plate encloses the data"
    remedy = (
        "write `with pyro.plate('data', len(x)):` around the sites of each datum in model and "
        "guide, and declare the dims of one datum with `.to_event(n)`"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, node in seen.observed.items():
            if node["cond_indep_stack"] or seen.num_rows < 2:
                continue
            if node["value"].shape[:1] == (seen.num_rows,):
                yield self.problem(
                    "it is in no plate: the bound is one of all data together, and bounds that "
                    "are not linear (IWAE, Renyi) are then far lower than those of each datum",
                    name,
                    seen.line("model", name),
                )


class SequentialPlate(Rule):
    code = "PV213"
    title = "a plate is sequential"
    remedy = "write it as `with pyro.plate(...)`, one vectorised plate over data"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        told: set[str] = set()
        for side, name, node in seen.nodes():
            for frame in node["cond_indep_stack"]:
                if frame.dim is None and frame.name not in told:
                    told.add(frame.name)
                    yield self.problem(
                        f"plate '{frame.name}' around it is a Python loop (`for i in "
                        "pyro.plate(...)`), which costs a run of the networks for each entry",
                        name,
                        seen.line(side, name),
                    )


class PlatesDiffer(Rule):
    code, severity = "PV214", "fault"
    title = "one side lacks a plate of the other, or subsamples it otherwise"
    remedy = "write the same `pyro.plate(name, size, subsample=...)` in model and guide"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, (guide, model) in seen.latents.items():
            stacks = [
                {f.name: (f.full_size, f.size) for f in node["cond_indep_stack"]}
                for node in (guide, model)
            ]
            if stacks[0] == stacks[1]:
                continue
            plates = sorted(stacks[0].keys() ^ stacks[1].keys())
            if plates:
                lacks = "guide" if plates[0] not in stacks[0] else "model"
                sub = stacks[1] if lacks == "guide" else stacks[0]
                full, size = sub[plates[0]]
                of = f", which holds {size} of {full} data" if full not in (None, size) else ""
                yield self.problem(
                    f"the {lacks} lacks plate '{plates[0]}' around it{of}",
                    name,
                    seen.line(lacks, name),
                )
                continue
            differing = [p for p in stacks[0] if stacks[0][p] != stacks[1][p]]
            sizes = [stack[differing[0]] for stack in stacks]
            if -1 in (sizes[0][1], sizes[1][1]):
                continue
            yield self.problem(
                f"plate '{differing[0]}' holds {sizes[0][1]} of {sizes[0][0]} in the guide and "
                f"{sizes[1][1]} of {sizes[1][0]} in the model",
                name,
                seen.line("guide", name),
            )


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


class UnequalScales(Rule):
    code, severity = "PV216", "information"
    title = "sites of one datum are scaled unequally"
    remedy = (
        "none is needed for ELBO, STL and REINFORCE, which keep each site's scale; for IWAE and "
        "other bounds use one scale, or weigh the KL with pyrovae.Beta"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if any(ScalesDiffer().find(seen)) or any(PlatesDiffer().find(seen)):
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


class UndeclaredDims(Rule):
    code, severity = "PV217", "fault"
    title = "a log-density has dims that are of no plate"
    remedy = "declare the dims of one datum with `.to_event(n)`, or enclose the site in a plate"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side, name, node in seen.nodes():
            log_prob = log_prob_of(node)
            if log_prob is None or is_factor(node):
                continue
            dims = {f.dim for f in node["cond_indep_stack"] if f.dim is not None}
            loose = [
                d for d in range(-log_prob.dim(), 0) if d not in dims and log_prob.shape[d] > 1
            ]
            if not loose or not dims:
                continue
            line = seen.line(side, name)
            changed = with_event(line.text) if line and ".to_event" not in line.text else None
            yield self.problem(
                f"its log-density in the {side} has the shape {list(log_prob.shape)}, and no "
                f"plate stands at dim {loose[0]}",
                name,
                line,
                changed_line=changed,
            )


class PlateWithoutSize(Rule):
    code, severity = "PV218", "information"
    title = "the plate over data states no size"
    remedy = "none is needed; `pyro.plate('data', len(x))` lets Pyro check the shapes"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side, name, node in seen.nodes():
            for frame in node["cond_indep_stack"]:
                if frame.size < 0:
                    yield self.problem(
                        f"plate '{frame.name}' states no size, so that Pyro cannot see whether "
                        "shapes fit it; its size is taken from the log-densities",
                        name,
                        seen.line(side, name),
                    )
                    return


class SeveralPlates(Rule):
    code, severity = "PV219", "information"
    title = "several plates enclose every site, so it is not clear which is over data"
    remedy = "name the plate over data: objectives.ELBO(batch_plate='data'), and so on"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        stacks = [{f.name for f in node["cond_indep_stack"]} for _, _, node in seen.nodes()]
        common = sorted(set.intersection(*stacks)) if stacks else []
        if len(common) > 1:
            yield self.problem(f"plates {listed(common)} enclose every site")


class OneSizeOnly(Rule):
    code = "PV220"
    title = "the pair takes batches of one size only"
    remedy = (
        "take the number of rows from the data: `pyro.plate('data', len(x))`; a pair that is "
        "always given all data needs nothing"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if seen.num_rows < 3 or seen.subsamples or not seen.plates_over_data:
            return
        if any(RowParameters().find(seen)):
            return
        fewer = seen.another(seen.rows(torch.arange(seen.num_rows - 1)), gradients=False)
        if fewer.error is None or isinstance(fewer.error, PyrovaeError):
            return
        line = line_of(fewer.error)
        yield self.problem(
            f"it runs on {seen.num_rows} rows and fails on {seen.num_rows - 1}, as the last batch "
            f"of an epoch may be smaller: {first_line(fewer.error)[:160]}",
            line=line,
            severity=_of_batches(seen),
        )


class RowParameters(Rule):
    code = "PV221"
    title = "the guide has parameters for each row of the batch, not a function of the data"
    remedy = (
        "train on all data at once (batch_size=len(x)), write a guide that is a function of the "
        "data, or give the model a plate that subsamples"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        size, plates = seen.num_rows, seen.plates_over_data
        if size < 3 or seen.subsamples:
            return
        local = {
            name
            for name, (guide, _) in seen.latents.items()
            if any(f.name in plates for f in guide["cond_indep_stack"])
        }
        for name, leaf in seen.run.leaves("guide").items():
            if leaf.shape[:1] != (size,) or "$$$" in name or not local:
                continue
            if _follows_rows(seen, leaf, local):
                yield self.problem(
                    f"its shape is {list(leaf.shape)}: one value for each of {size} places in "
                    "a batch, which other data take in the next batch",
                    name,
                    seen.line("guide", name),
                    severity=_of_batches(seen),
                )
                return


def _of_batches(seen: Inspection) -> Severity:
    """Of what matters where all data do not fit into one batch."""
    return "warning" if seen.num_data > _BATCH_SIZE else "information"


def _follows_rows(seen: Inspection, leaf: Tensor, local: set[str]) -> bool:
    """Whether a row of a parameter counts for the same row of some latents alone."""
    before = leaf.detach().clone()
    try:
        with torch.no_grad():
            leaf[0] += 0.5
        moved = seen.another(gradients=False)
    finally:
        with torch.no_grad():
            leaf.copy_(before)
    if moved.failed:
        return False
    for name in local:
        here, there = seen.run.sites("guide")[name], moved.sites("guide")[name]
        for one, other in (
            (here["value"], there["value"]),
            (log_prob_of(here), log_prob_of(there)),
        ):
            if one is None or other is None or one.shape != other.shape:
                continue
            if one.shape[:1] != (seen.num_rows,):
                continue
            rows = (one != other).reshape(seen.num_rows, -1).any(1)
            if bool(rows[0]) and not bool(rows[1:].any()):
                return True
    return False


def _own_scale(node: Node) -> float | Tensor:
    scale: float | Tensor = node["scale"]
    for frame in node["cond_indep_stack"]:
        if frame.full_size not in (None, frame.size):
            scale = scale * frame.size / frame.full_size
    return scale
