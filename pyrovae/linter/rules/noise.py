"""Noise outside of sample statements."""

from collections.abc import Iterator

from torch import nn

from ..inspection import Inspection, log_prob_of, same
from ..problem import Problem
from ..runs import Node
from .base import Rule

_CLOSE = 1e-4


class UnseenNoise(Rule):
    code = "PV406"
    needs_shapes = True
    title = "random numbers are drawn outside of pyro.sample"
    remedy = (
        "draw with pyro.sample, so that the density of the draw counts; dropout in evaluation "
        "mode: give nn.functional.dropout training=self.training"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        by_guide = seen.run.sites("guide")
        of_model = seen.run.sites("model").items()
        if any(name not in by_guide and not node["is_observed"] for name, node in of_model):
            return  # what the guide lacks, the model draws
        replayed = seen.another(seed=2, replay=seen.run.draws)
        if replayed.failed:
            return
        for side in ("guide", "model"):
            there = replayed.sites(side)
            for name, node in seen.run.sites(side).items():
                if name not in there:
                    continue
                drawn = (node["infer"] or {}).get("is_auxiliary") or not _has_density(node)
                if drawn:
                    return
                if not same(log_prob_of(node), log_prob_of(there[name]), _CLOSE):
                    yield self.problem(
                        f"its log-density in the {side} differs from run to run at the same "
                        "draws and data, in evaluation mode",
                        name,
                        seen.line(side, name),
                    )
                    return


class UnseenNoiseInTraining(Rule):
    code, severity = "PV407", "information"
    title = "networks drop out in training mode"
    remedy = "none is needed; measuring runs networks in evaluation mode"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for network in seen.networks:
            names = [
                name
                for name, m in network.named_modules()
                if isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0
            ]
            if names:
                yield self.problem(
                    f"the network {type(network).__name__} has dropout; what is trained is the "
                    "bound of a network with noise of its own"
                )
                return


def _has_density(node: Node) -> bool:
    return bool(getattr(node["fn"], "has_density", True))
