"""Plates: which enclose what."""

from collections.abc import Iterator

from ..inspection import Inspection, is_factor, log_prob_of
from ..problem import Problem
from .base import Rule, listed
from .crash import with_event


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
            changed = with_event(line.text) if line else None
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
