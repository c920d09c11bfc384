"""What estimators make of the pair."""

from collections.abc import Iterator
from contextlib import suppress

import torch

from ...errors import PyrovaeError
from ...particles import plan
from ...particles.kl import kl_routes
from ...particles.tracing import FAILURES
from ..inspection import Inspection, log_prob_of
from ..problem import Problem
from .base import Rule


class NotScoredAgain(Rule):
    code, severity = "PV601", "information"
    title = "a flow cannot be scored at other values than those that it drew"
    remedy = (
        "none is needed for ELBO and IWAE; for DReG, STL, MIWAE in chunks and `score` take a flow "
        "with an inverse, such as nn.flows.AffineCoupling"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side, name, node in seen.nodes():
            if node["is_observed"] or not isinstance(node["value"], torch.Tensor):
                continue
            if log_prob_of(node) is None:
                continue
            fresh = {**node, "value": node["value"].detach().clone()}
            fresh.pop("unscaled_log_prob", None)
            if log_prob_of(fresh) is None:
                yield self.problem(
                    f"its flow in the {side} has no inverse: it scores its own draws only",
                    name,
                    seen.line(side, name),
                )


class NoParticleAxis(Rule):
    code, severity = "PV602", "information"
    needs_shapes = True
    title = "the pair cannot take an axis of particles, so they are drawn one by one"
    remedy = (
        "wrap networks that take one batch axis in pyrovae.nn.OneBatchAxis, and index dims from "
        "the right (dim=-1); only speed with K > 1 is at stake"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        with suppress(PyrovaeError, *FAILURES):
            _, refusal = plan(seen.model, seen.guide, *seen.args, **seen.kwargs)
            if refusal:
                yield self.problem(f"with two particles: {refusal[:200]}")


class OrderOfHierarchy(Rule):
    code, severity = "PV603", "information"
    title = "the order of a hierarchy allows no closed-form KL"
    remedy = (
        "none is needed: its KL is sampled; pyro.infer.TraceMeanField_ELBO would compute a wrong "
        "value. A guide in the order of the model (top down) has closed forms"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        with suppress(PyrovaeError, *FAILURES), torch.no_grad():
            for name, route in kl_routes(
                seen.model, seen.guide, *seen.args, **seen.kwargs
            ).items():
                if "before it and the guide after it" in route:
                    yield self.problem(
                        route.removeprefix("sampled: "), name, seen.line("guide", name)
                    )


class ScoreFunction(Rule):
    code, severity = "PV604", "information"
    title = "a latent has no reparameterised sampler, so its gradient needs the score function"
    remedy = (
        "mark it infer={'enumerate': 'parallel'} for pyro.infer.TraceEnum_ELBO or StratifiedELBO, "
        "relax it (RelaxedOneHotCategorical), or use VIMCO or RWS"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, (guide, _) in seen.latents.items():
            marked = (guide["infer"] or {}).get("enumerate") is not None
            if not guide["fn"].has_rsample and not marked:
                yield self.problem(
                    "its draws have no gradient; ELBO and IWAE add that of the score function, "
                    "which is noisy",
                    name,
                    seen.line("guide", name),
                )
