"""Parameters that are not declared, or declared twice."""

from collections.abc import Iterator

from pyro.nn import PyroModule
from torch import Tensor

from ...errors import ParameterError
from ...particles.parameters import graph_leaves
from ..inspection import Inspection, log_prob_of
from ..problem import Problem
from ..source import line_of
from .base import Rule


class Undeclared(Rule):
    code, severity = "PV101", "fault"
    title = "a network or tensor that requires grad is not declared to Pyro, so it never trains"
    remedy = (
        "call `pyro.module('name', network)` in the pair, use a PyroModule, or freeze it with "
        "`requires_grad_(False)`"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        known = {
            id(leaf) for side in ("guide", "model") for leaf in seen.run.leaves(side).values()
        }
        known |= {id(arg) for arg in seen.args if isinstance(arg, Tensor)}
        told: set[int] = set()
        for side, name, node in seen.nodes():
            log_prob = log_prob_of(node)
            if log_prob is None:
                continue
            leaves = {id(leaf): leaf for leaf in graph_leaves(log_prob)}
            lost = [leaf for key, leaf in leaves.items() if key not in known | told]
            if not lost:
                continue
            told |= {id(leaf) for leaf in lost}
            owner = owner_of(seen, lost)
            what = f"the network {owner}" if owner else f"a tensor of shape {list(lost[0].shape)}"
            yield self.problem(
                f"the {side} computes it with {what}, which requires grad and is not declared "
                "to Pyro",
                name,
                seen.line(side, name),
                remedy=self._remedy(seen, side, owner),
            )

    def _remedy(self, seen: Inspection, side: str, owner: str) -> str:
        if _is_bare(seen, side):
            return (
                f"decorate the {side} with @pyro.nn.pyro_method, as its PyroModule declares "
                "parameters only within such methods and `forward`"
            )
        if not owner:
            return (
                "declare it in the pair, `scale = pyro.param('scale', torch.tensor(0.3))`, where "
                "`constraint=` keeps it in a range, or freeze it with `requires_grad_(False)`"
            )
        return self.remedy


class OneNameTwice(Rule):
    code, severity = "PV102", "fault"
    title = "two networks or tensors are declared under one name, so one never trains"
    remedy = "give each network a name of its own: pyro.module('encoder', ...), 'decoder', ..."
    needs_run = False

    def find(self, seen: Inspection) -> Iterator[Problem]:
        error = seen.run.error
        if not isinstance(error, ParameterError) or "declares two tensors" not in str(error):
            return
        name = str(error).partition("parameter '")[2].partition("'")[0]
        line = line_of(error)
        yield self.problem(
            f"the {seen.run.failed} declares a second tensor under a name that the pair has used; "
            "Pyro's store keeps the first one",
            name,
            line,
        )


def _is_bare(seen: Inspection, side: str) -> bool:
    """Whether a program is a method of a PyroModule that may not be a `pyro_method`."""
    owner = getattr(seen.model if side == "model" else seen.guide, "__self__", None)
    return isinstance(owner, PyroModule)


def owner_of(seen: Inspection, leaves: list[Tensor]) -> str:
    """Class of the smallest network that holds all of some tensors; "" where none does."""
    wanted = {id(leaf) for leaf in leaves}
    holding = [
        network for network in seen.networks if wanted <= {id(p) for p in network.parameters()}
    ]
    smallest = min(holding, key=lambda n: len(list(n.modules())), default=None)
    return type(smallest).__name__ if smallest is not None else ""
