"""Gradients that end on their way: from likelihood to draw, from parameter to density."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ..changes import comes_from, moved_draws, perturbed, watched_draws
from ..inspection import Inspection, base_of, kind_of, log_prob_of, same
from ..problem import Problem
from ..runs import Node
from .base import Rule, listed
from .parameters import Undeclared
from .untrained import NotReached


class ArgumentCutOff(Rule):
    code = "PV113"
    needs_shapes = True
    title = "an argument of a distribution follows parameters, and gives them no gradient"
    remedy = "remove .detach(), .data or torch.no_grad() on its way, or freeze what it comes from"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if NotReached().found(seen) or Undeclared().found(seen) or seen.subsamples:
            return  # of all that is cut off they tell
        with perturbed(seen):
            run = seen.another(replay=seen.run.draws)
        if run.failed:
            return
        for side, name, node in seen.nodes():
            there = run.sites(side).get(name)
            if there is None:
                continue
            moved = _arguments(there)
            for argument, value in _arguments(node).items():
                if value.requires_grad or same(value, moved.get(argument)):
                    continue
                yield self.problem(
                    f"the {argument} of its {kind_of(node['fn'])} in the {side} changes with the "
                    "parameters, and no gradient flows through it",
                    name,
                    seen.line(side, name),
                )


class LatentsCutOff(Rule):
    code, severity = "PV408", "fault"
    needs_shapes = True
    title = "the likelihood follows the latents, and gives them no gradient"
    remedy = (
        "remove .detach(), .data, rounding or torch.no_grad() between z and the decoder; else the "
        "guide learns from the KL alone"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        flowing = [
            name
            for name, (guide, _) in seen.latents.items()
            if guide["fn"].has_rsample and guide["value"].requires_grad
        ]
        if not flowing or len(flowing) < len(seen.latents) or seen.subsamples:
            return
        with perturbed(seen):
            first = seen.another(replay=watched_draws(seen))
            then = seen.another(replay=moved_draws(seen))
        if first.failed or then.failed:
            return
        latents = {id(node["value"]) for node in first.sites("guide").values()}
        scores = {n: s for n, s in first.sites("model").items() if s["is_observed"]}
        if any(comes_from(node, latents) for node in scores.values()):
            return
        for name, node in scores.items():
            there = then.sites("model").get(name)
            if there is not None and not same(log_prob_of(node), log_prob_of(there)):
                yield self.problem(
                    f"its log-density changes with {listed(flowing)}, and no gradient flows there",
                    name,
                    seen.line("model", name),
                )
                return


def _arguments(node: Node) -> dict[str, Tensor]:
    """Floating-point arguments of a distribution as they were given, by name."""
    base: Any = base_of(node["fn"])
    limits = getattr(base, "arg_constraints", None)
    names = limits if isinstance(limits, dict) else {}
    found = {name: vars(base).get(name) for name in names}
    return {n: v for n, v in found.items() if isinstance(v, Tensor) and v.is_floating_point()}
