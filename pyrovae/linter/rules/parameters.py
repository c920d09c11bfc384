"""Parameters that would not train, or that are shared by accident."""

from collections.abc import Iterator
from contextlib import suppress

import torch
from torch import Tensor, nn

from ...errors import ParameterError
from ...particles.parameters import graph_leaves, trainable
from ...train.step.unreached import check_reached
from ..inspection import Inspection, base_of, log_prob_of
from ..problem import Problem
from ..runs import Node
from ..source import line_of
from .base import Rule, listed


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
            )


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


class NotReached(Rule):
    code, severity = "PV103", "fault"
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
        if seen.run.leaves("guide") or seen.run.leaves("model") or any(Undeclared().find(seen)):
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


class StoreHasAnother(Rule):
    code, severity = "PV106", "information"
    title = "Pyro's store holds another tensor under a parameter's name"
    remedy = (
        "call `pyro.clear_param_store()` before a new pair is made, if you train with Pyro's own "
        "SVI; pyrovae.SVI and pyrovae.fit train the networks' own tensors"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side in ("guide", "model"):
            names = [
                name
                for name, leaf in seen.run.leaves(side).items()
                if isinstance(leaf, nn.Parameter)
                and name in seen.stored
                and seen.stored[name] is not leaf
                and seen.stored[name].data_ptr() != leaf.data_ptr()
            ]
            if names:
                yield self.problem(
                    f"a pair that ran before left other tensors in Pyro's store under "
                    f"{listed(names)}; with Pyro's own SVI these would be used, and the networks "
                    "of this pair would stay untrained",
                    names[0],
                    seen.line(side, names[0]),
                )


class NotContiguous(Rule):
    code, severity = "PV107", "information"
    title = "weights are not contiguous (channels_last), so Pyro's store would copy them"
    remedy = (
        "keep weights contiguous, if you train with Pyro's own SVI; pyrovae.SVI and pyrovae.fit "
        "train them as they are"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side in ("guide", "model"):
            names = [n for n, p in seen.run.leaves(side).items() if not p.is_contiguous()]
            if names:
                yield self.problem(
                    f"{listed(names)} are not contiguous; Pyro's own SVI would train copies, "
                    "and the network would keep its first weights",
                    names[0],
                    seen.line(side, names[0]),
                )


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


class Unused(Rule):
    code, severity = "PV110", "information"
    title = "a declared network is not used"
    remedy = "remove it, or use it; unused parameters get no gradient"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        reached: set[int] = set()
        for _, _, node in seen.nodes():
            for tensor in (log_prob_of(node), node["value"]):
                if isinstance(tensor, Tensor):
                    reached |= {id(leaf) for leaf in graph_leaves(tensor)}
        if any(NotReached().find(seen)):
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


def owner_of(seen: Inspection, leaves: list[Tensor]) -> str:
    """Class of the smallest network that holds all of some tensors; "" where none does."""
    wanted = {id(leaf) for leaf in leaves}
    holding = [
        network for network in seen.networks if wanted <= {id(p) for p in network.parameters()}
    ]
    smallest = min(holding, key=lambda n: len(list(n.modules())), default=None)
    return type(smallest).__name__ if smallest is not None else ""


def _used(seen: Inspection) -> dict[nn.Module, bool]:
    """Outermost networks of the pair, and whether the pair declares or is one of them."""
    inner = {c for n in seen.networks for c in n.modules() if c is not n}
    return {n: True for n in seen.networks if n not in inner}


def _has_constraint(seen: Inspection, side: str, name: str) -> bool:
    trace = seen.run.model if side == "model" else seen.run.guide
    value = trace.nodes[name]["value"]
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
