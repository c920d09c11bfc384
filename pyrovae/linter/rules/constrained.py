"""Values that a parameter may not take."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..inspection import Inspection, base_of
from ..problem import Problem
from ..runs import Node
from .base import Rule


class Unconstrained(Rule):
    code = "PV111"
    title = "nothing keeps a parameter in the range that a distribution needs"
    remedy = "give it a constraint: pyro.param(..., constraint=dist.constraints.positive)"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side, leaves in ((s, seen.run.leaves(s)) for s in ("guide", "model")):
            for name, leaf in leaves.items():
                if (
                    "$$$" in name
                    or not leaf.is_floating_point()
                    or _has_constraint(seen, side, name)
                ):
                    continue
                for where, site, node in seen.nodes():
                    argument = _bounded_argument(node, leaf)
                    if argument:
                        line = seen.line(side, name)
                        yield self.problem(
                            f"it is the {argument} of site '{site}' of the {where}, which must be "
                            "positive, and has no constraint: a training step can make it "
                            "negative",
                            name,
                            line,
                            changed_line=_with_constraint(line.text) if line else None,
                        )
                        break


def _has_constraint(seen: Inspection, side: str, name: str) -> bool:
    trace = seen.run.model if side == "model" else seen.run.guide
    value: Any = trace.nodes[name]["value"]
    leaf = seen.run.leaves(side)[name]
    return value.shape != leaf.shape or not torch.equal(value, leaf)


def _bounded_argument(node: Node, leaf: Tensor) -> str:
    """Name of the positive argument of a distribution that is a tensor itself, or a view of it."""
    base = base_of(node["fn"])
    for name, limit in getattr(base, "arg_constraints", {}).items():
        value = vars(base).get(name)
        lower = getattr(limit, "lower_bound", None)
        is_bounded = lower == 0 and not hasattr(limit, "upper_bound")
        if is_bounded and isinstance(value, Tensor) and value.data_ptr() == leaf.data_ptr():
            return name
    return ""


def _with_constraint(text: str) -> str | None:
    start = text.find("pyro.param(")
    if start < 0 or "constraint" in text:
        return None
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if text[place] == ")" and depth == 0:
            return f"{text[:place]}, constraint=dist.constraints.positive{text[place:]}"
    return None


class NonFiniteParameter(Rule):
    code, severity = "PV108", "fault"
    title = "a parameter is NaN or infinite"
    remedy = "start it again from finite values; the pair may have been trained too fast"
    needs_run = False

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side in ("guide", "model"):
            for name, leaf in seen.run.leaves(side).items():
                bad = int((~leaf.isfinite()).sum()) if leaf.is_floating_point() else 0
                if bad:
                    yield self.problem(
                        f"{bad} of its {leaf.numel()} entries are NaN or infinite",
                        name,
                        seen.line(side, name),
                    )
