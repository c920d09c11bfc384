"""Plates that draw a part of the data, and programs that take another part."""

from collections.abc import Iterator

from torch import Tensor

from ..inspection import Inspection, base_of, same
from ..problem import Problem
from ..runs import Node, Run
from .base import Rule


class IndicesIgnored(Rule):
    code, severity = "PV222", "fault"
    title = "a plate draws which data it holds, and a site takes the same ones always"
    remedy = (
        "index the data by what the plate gives: `with pyro.plate(...) as rows:` and `x[rows]`"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if seen.num_rows < 2 or seen.reseeded.failed:
            return
        plates = _redrawn(seen.run, seen.reseeded)
        for side in ("model", "guide"):
            after = seen.reseeded.sites(side)
            for name, node in seen.run.sites(side).items():
                inside = [f.name for f in node["cond_indep_stack"] if f.name in plates]
                if not inside or name not in after:
                    continue
                if node["is_observed"]:
                    one, other = node["value"], after[name]["value"]
                    stays = isinstance(one, Tensor) and _has_rows(one) and same(one, other)
                else:
                    stays = side == "guide" and _same_arguments(node, after[name])
                if stays:
                    what = "what it observes" if node["is_observed"] else "its distribution"
                    yield self.problem(
                        f"plate '{inside[0]}' holds other data in another run, and {what} in the "
                        f"{side} is the same",
                        name,
                        seen.line(side, name),
                    )


def _redrawn(one: Run, other: Run) -> set[str]:
    """Names of plates that hold other indices in the second run."""
    names = {
        frame.name
        for node in one.sites("model").values()
        for frame in node["cond_indep_stack"]
        if frame.full_size not in (None, frame.size)
    }
    return {
        name
        for name in names
        if name in one.model.nodes
        and name in other.model.nodes
        and not same(one.model.nodes[name]["value"], other.model.nodes[name]["value"])
    }


def _same_arguments(node: Node, other: Node) -> bool:
    """Whether a distribution has arguments that differ between rows, the same in both runs."""
    bases = base_of(node["fn"]), base_of(other["fn"])
    names = getattr(bases[0], "arg_constraints", None)
    pairs = [
        (vars(bases[0]).get(name), vars(bases[1]).get(name))
        for name in (names if isinstance(names, dict) else ())
    ]
    tensors = [(a, b) for a, b in pairs if isinstance(a, Tensor) and isinstance(b, Tensor)]
    return any(_has_rows(a) for a, _ in tensors) and all(same(a, b) for a, b in tensors)


def _has_rows(value: Tensor) -> bool:
    """Whether not all rows are equal."""
    return value.dim() > 0 and len(value) > 1 and not same(value, value.roll(1, 0))
