"""Likelihoods and guides that ignore what they are given."""

from collections.abc import Iterator

from torch import Tensor

from ..changes import changed_data, comes_from, moved_draws, perturbed, watched, watched_draws
from ..inspection import Inspection, log_prob_of, same
from ..problem import Problem
from .base import Rule, listed


class LatentsIgnored(Rule):
    code = "PV401"
    needs_shapes = True
    title = "the likelihood does not depend on the latents"
    remedy = "let the decoder's output depend on z"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if not seen.latents or not seen.observed:
            return
        if seen.subsamples:
            return
        with perturbed(seen):
            drawn, moved = watched_draws(seen), moved_draws(seen)
            first, then = seen.another(replay=drawn), seen.another(replay=moved)
        if moved is None or first.failed or then.failed:
            return
        latents = {id(node["value"]) for node in first.sites("guide").values()}
        for name in seen.observed:
            here, there = first.sites("model").get(name), then.sites("model").get(name)
            if here is None or there is None:
                return
            if not same(log_prob_of(here), log_prob_of(there)) or comes_from(here, latents):
                return
        name = next(iter(seen.observed))
        yield self.problem(
            f"its log-density stays the same when {listed(seen.latents)} change",
            name,
            seen.line("model", name),
        )


class DataIgnoredByGuide(Rule):
    code = "PV402"
    needs_shapes = True
    title = "the guide does not depend on the data"
    remedy = "compute the guide's parameters from x, as an encoder does"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        plates = set(seen.plates_over_data)
        other = changed_data(seen)
        if not plates or other is None or seen.subsamples or _has_row_parameters(seen):
            return
        inside = [
            name
            for name, (guide, _) in seen.latents.items()
            if any(f.name in plates and f.size != 1 for f in guide["cond_indep_stack"])
        ]
        given = tuple(watched(arg) for arg in seen.args)
        with perturbed(seen):
            first, then = seen.another(given), seen.another(other)
        if not inside or first.failed or then.failed:
            return
        data = {id(arg) for arg in given if isinstance(arg, Tensor) and arg.requires_grad}
        for name in inside:
            here, there = first.sites("guide")[name], then.sites("guide").get(name)
            if there is None or not same(here["value"], there["value"]):
                return
            if not same(log_prob_of(here), log_prob_of(there)) or comes_from(here, data):
                return
        yield self.problem(
            f"other data give the same draws of {listed(inside)}, so that all data share one "
            "posterior",
            inside[0],
            seen.line("guide", inside[0]),
        )


class DataNotScored(Rule):
    code, severity = "PV403", "fault"
    title = "what the model observes is not the data that it is given"
    remedy = "observe the argument itself: pyro.sample('x', ..., obs=x)"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        other = changed_data(seen)
        yield from self._drawn(seen)
        if other is None or not seen.observed or seen.subsamples:
            return
        run = seen.another(other, gradients=False)
        if run.failed:
            return
        for name, node in seen.observed.items():
            there = run.sites("model").get(name)
            if there is None or not same(node["value"], there["value"]):
                return
        name = next(iter(seen.observed))
        yield self.problem(
            "other data leave what it observes as it is", name, seen.line("model", name)
        )

    def _drawn(self, seen: Inspection) -> Iterator[Problem]:
        """Sites that observe what is computed of the latents, as where both are swapped."""
        moved = None if seen.subsamples else moved_draws(seen)
        run = seen.another(replay=moved, gradients=False) if moved is not None else seen.run
        if moved is None or run.failed:
            return
        for name, node in seen.observed.items():
            there = run.sites("model").get(name)
            if there is not None and not same(node["value"], there["value"]):
                yield self.problem(
                    f"what it observes changes with the draws of {listed(seen.latents)}",
                    name,
                    seen.line("model", name),
                    severity="warning",
                )


def _has_row_parameters(seen: Inspection) -> bool:
    leaves = seen.run.leaves("guide").values()
    return any(leaf.shape[:1] == (seen.num_rows,) for leaf in leaves)
