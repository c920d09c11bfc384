"""Side effects of the programs' Python."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..inspection import Inspection, log_prob_of, same
from ..problem import Problem
from ..runs import Node
from .base import Rule, listed


class RunsDiffer(Rule):
    code = "PV501"
    title = "two runs with the same data and the same seed differ"
    remedy = (
        "let model and guide depend on their arguments and parameters alone: no counters, no "
        "attributes that a run changes, no clock"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if seen.again.failed:
            yield self.problem(
                f"the second run fails, and the first did not: {seen.again.error}",
                remedy="let model and guide leave everything as it was",
            )
            return
        for side in ("guide", "model"):
            there = seen.again.sites(side)
            for name, node in seen.run.sites(side).items():
                if name not in there:
                    return  # another rule tells of it
                if not same(log_prob_of(node), log_prob_of(there[name]), 1e-5):
                    yield self.problem(
                        f"its log-density in the {side} is another one in the second run",
                        name,
                        seen.line(side, name),
                    )
                    return


class OtherStreams(Rule):
    code = "PV502"
    title = "random numbers of numpy or Python are drawn"
    remedy = "draw with pyro.sample, or torch; a graph would freeze such numbers"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if seen.run.streams:
            yield self.problem(f"a run draws from {listed(seen.run.streams)}")


class WritesArguments(Rule):
    code, severity = "PV503", "fault"
    title = "the pair writes into its arguments"
    remedy = "compute a new tensor: x = x.clamp(...) in the place of x.clamp_(...)"
    needs_run = False

    def find(self, seen: Inspection) -> Iterator[Problem]:
        before = [a._version if isinstance(a, Tensor) else None for a in seen.args]
        run = seen.another(seed=3, gradients=False)
        for number, (arg, version) in enumerate(zip(seen.args, before, strict=True)):
            if isinstance(arg, Tensor) and arg._version != version:
                yield self.problem(
                    f"argument {number + 1} has been written into, so that the next use of the "
                    "batch sees other data",
                )
        del run


class SeedsItself(Rule):
    code, severity = "PV504", "fault"
    title = "the pair seeds the random stream, so every draw is the same"
    remedy = "seed once, outside of model and guide"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if seen.reseeded.failed or not seen.latents:
            return
        drawn = {n: (g, seen.reseeded.sites("guide").get(n)) for n, (g, _) in seen.latents.items()}
        drawn = {
            n: pair
            for n, pair in drawn.items()
            if not _is_discrete(pair[0]) and type(pair[0]["fn"]).__name__ != "Delta"
        }
        values = [
            (here["value"], there["value"])
            for here, there in drawn.values()
            if there is not None and _spreads(here)
        ]
        if values and all(same(here, there) for here, there in values):
            name = next(iter(drawn))
            yield self.problem(
                "two runs from different seeds draw the same", name, seen.line("guide", name)
            )


class ChangesAttributes(Rule):
    code = "PV505"
    title = "a run changes plain attributes of a network or an object of the pair"
    remedy = "pass what changes as an argument, or keep it as a tensor that is written in place"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        modules = {id(m): m for n in seen.networks for m in n.modules()}
        before = {key: _plain(m) for key, m in modules.items()}
        run = seen.another(seed=4, gradients=False)
        del run
        for key, module in modules.items():
            after = _plain(module)
            changed = [n for n, v in before[key].items() if n in after and after[n] != v]
            if changed:
                yield self.problem(
                    f"{listed(changed)} of {type(module).__name__} changes from run to run",
                )


def _plain(module: torch.nn.Module) -> dict[str, object]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, bool | int | float | str) and not name.startswith("_")
        and name != "training"
    }  # fmt: skip


def _is_discrete(node: Node) -> bool:
    return bool(getattr(node["fn"], "has_enumerate_support", False))


def _spreads(node: Node) -> bool:
    """Whether a distribution draws different values at all: not a point mass."""
    try:
        return bool((node["fn"].variance > 0).any())
    except (NotImplementedError, AttributeError, RuntimeError):
        return "Delta" not in repr(node["fn"])
