"""Parameters that are declared and would not train."""

from collections.abc import Iterator
from contextlib import suppress

from torch import Tensor, nn

from ...errors import ParameterError
from ...particles.parameters import graph_leaves, trainable
from ...train.step.unreached import check_reached
from ..inspection import Inspection, log_prob_of
from ..problem import Problem
from .base import Rule, listed
from .parameters import Undeclared


class NotReached(Rule):
    code, severity = "PV103", "fault"
    needs_shapes = True
    title = "no gradient reaches parameters that the pair computes with"
    remedy = (
        "remove torch.no_grad(), .detach() and .data on their way, or freeze them with "
        "`requires_grad_(False)`"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        with suppress(ParameterError):
            leaves = trainable(seen.model, seen.guide, *seen.args, **seen.kwargs)
            try:
                check_reached(seen.model, seen.guide, seen.args, seen.kwargs, leaves)
            except ParameterError as error:
                names = str(error).split("'")[1::2]
                side = str(error).split()[1]
                yield self.problem(
                    f"the {side} depends on {listed(n for n in names if n in leaves)}, and "
                    "no gradient reaches them",
                    names[0],
                    seen.line(side, names[0]),
                )


class NoParameters(Rule):
    code = "PV104"
    title = "the pair declares no parameter, so nothing would train"
    remedy = "declare some: `pyro.param`, `pyro.module('name', network)`, or a PyroModule"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if seen.run.leaves("guide") or seen.run.leaves("model") or Undeclared().found(seen):
            return
        frozen = [p for network in seen.networks for p in network.parameters()]
        what = "; all parameters of its networks are frozen" if frozen else ""
        remedy = "call `requires_grad_(True)` on those that should train" if frozen else None
        yield self.problem(f"nothing in the pair would train{what}", remedy=remedy)


class Frozen(Rule):
    code, severity = "PV105", "information"
    title = "parameters of a network are frozen"
    remedy = "none is needed where that is meant; else call `requires_grad_(True)` on them"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        used = _used(seen)
        for network, names in used.items():
            frozen = [n for n, p in network.named_parameters() if not p.requires_grad]
            if frozen and names:
                yield self.problem(
                    f"{len(frozen)} of {len(list(network.parameters()))} parameters of the "
                    f"network {type(network).__name__} have requires_grad=False: {listed(frozen)}"
                )


class Unused(Rule):
    code, severity = "PV110", "information"
    needs_shapes = True
    title = "a declared network is not used"
    remedy = "remove it, or use it; unused parameters get no gradient"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        reached: set[int] = set()
        for _, _, node in seen.nodes():
            for tensor in (log_prob_of(node), node["value"]):
                if isinstance(tensor, Tensor):
                    reached |= {id(leaf) for leaf in graph_leaves(tensor)}
        if NotReached().found(seen):
            return
        for side in ("guide", "model"):
            groups: dict[str, list[str]] = {}
            for name, leaf in seen.run.leaves(side).items():
                if "$$$" in name:
                    part = name.partition("$$$")[0]
                    groups.setdefault(part, []).append("" if id(leaf) in reached else name)
            for part, names in groups.items():
                if all(names):
                    yield self.problem(
                        f"the {side} declares the network '{part}', and no log-density depends "
                        "on it",
                        part,
                        seen.line(side, names[0]),
                    )


class MadeAnew(Rule):
    code, severity = "PV109", "fault"
    title = "a network is made anew in every run, so its training is lost"
    remedy = "make networks once, outside of model and guide"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if seen.again.failed:
            return
        for side in ("guide", "model"):
            first, then = seen.run.leaves(side), seen.again.leaves(side)
            fresh = [n for n, p in first.items() if n in then and then[n] is not p]
            if fresh:
                yield self.problem(
                    f"{listed(fresh)} are other tensors in the second run of the {side} than in "
                    "the first",
                    fresh[0],
                    seen.line(side, fresh[0]),
                )


def _used(seen: Inspection) -> dict[nn.Module, bool]:
    """Outermost networks of the pair, and whether the pair declares or is one of them."""
    inner = {c for n in seen.networks for c in n.modules() if c is not n}
    return {n: True for n in seen.networks if n not in inner}
