"""What rules look at: a pair, a batch, and what runs of it recorded."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor

from ..particles.handlers import Program, Trace
from ..particles.held_networks import held_networks
from ..particles.modes import Mode
from ..particles.tracing import FAILURES
from .problem import Problem
from .runs import Node, Run, run_pair
from .source import SourceLine

Batch = tuple[Any, ...]


@dataclass(frozen=True)
class Inspection:
    """A pair and a batch, with runs of them that are made when a rule first asks.

    Attributes:
        args: The batch: data first, tensors [B, ...] on the pair's device.
        kwargs: What else the pair takes.
        stored: What Pyro's store held before the first run, by name.
        found: What rules have found, by code.
        num_data: Rows of all data, of which the batch holds the first.
    """

    model: Program
    guide: Program
    args: Batch
    kwargs: dict[str, Any] = field(default_factory=dict)
    stored: Mapping[str, Tensor] = field(default_factory=dict)
    num_data: int = 0
    found: dict[str, list[Problem]] = field(default_factory=dict)

    @cached_property
    def run(self) -> Run:
        """The run that most rules look at: evaluation mode, seed 0, values not validated."""
        return self.another()

    @cached_property
    def as_is(self) -> Run:
        """The same in the mode that the networks are in, as training runs them."""
        trains = any(m.training for n in self.networks for m in n.modules())
        return self.another(mode="as is") if trains else self.run

    @cached_property
    def again(self) -> Run:
        """The same once more: same data, same seed."""
        return self.another()

    @cached_property
    def reseeded(self) -> Run:
        """The same with other draws."""
        return self.another(seed=1)

    def another(
        self,
        args: Batch | None = None,
        *,
        seed: int = 0,
        replay: Trace | None = None,
        mode: Mode = "evaluation",
        gradients: bool = True,
    ) -> Run:
        """One more run; by default as the first."""
        return run_pair(
            self.model, self.guide, self.args if args is None else args, self.kwargs,
            seed=seed, replay=replay, mode=mode, gradients=gradients,
        )  # fmt: skip

    @property
    def runs(self) -> bool:
        """Whether guide and model run to their ends."""
        return not self.run.failed

    @cached_property
    def latents(self) -> dict[str, tuple[Node, Node]]:
        """Messages of guide and model of the latents that both have, by name."""
        of_model = self.run.sites("model")
        return {
            name: (node, of_model[name])
            for name, node in self.run.sites("guide").items()
            if name in of_model and not node["is_observed"] and not of_model[name]["is_observed"]
        }

    @cached_property
    def observed(self) -> dict[str, Node]:
        """Messages of the model's observed sites but factors, by name."""
        sites = self.run.sites("model").items()
        return {n: s for n, s in sites if s["is_observed"] and not is_factor(s)}

    @cached_property
    def subsamples(self) -> bool:
        """Whether a plate holds a part of its data only."""
        return any(
            frame.full_size not in (None, frame.size)
            for _, _, node in self.nodes()
            for frame in node["cond_indep_stack"]
        )

    def is_local(self, name: str) -> bool:
        """Whether the first row of a latent counts for the first row of the data alone."""
        size, plates = self.num_rows, self.plates_over_data[:1]
        if size < 3 or name not in self.latents or not self.observed:
            return False
        node = self.latents[name][0]
        value = node["value"]
        dims = [d for d, n in enumerate(value.shape) if n == size]
        if not dims or not value.is_floating_point():
            return False
        moved, trace = node.copy(), self.run.draws.copy()
        moved["value"] = value.detach().clone()
        moved["value"].select(dims[0], 0).mul_(1.1).add_(0.05)
        trace.nodes[name] = cast(Any, moved)
        run = self.another(replay=trace, gradients=False)
        if run.failed:
            return False
        for observed, before in self.observed.items():
            scores = [log_prob_of(n) for n in (before, run.sites("model")[observed])]
            frames = [f.dim for f in before["cond_indep_stack"] if f.name in plates]
            if not frames or frames[0] is None or any(s is None for s in scores):
                return False
            rows = [
                score.detach().movedim(frames[0], 0).reshape(size, -1)
                for score in scores
                if score is not None
                and score.dim() >= -frames[0]
                and score.shape[frames[0]] == size
            ]
            if len(rows) < 2:
                return False
            changed = (rows[0] != rows[1]).any(1)
            if not bool(changed[0]) or bool(changed[1:].any()):
                return False
        return True

    def nodes(self) -> Iterator[tuple[str, str, Node]]:
        """Side, name and message of every site, guide before model."""
        for side in ("guide", "model"):
            for name, node in self.run.sites(side).items():
                yield side, name, node

    @cached_property
    def networks(self) -> list[torch.nn.Module]:
        """Networks that the programs hold."""
        return held_networks(self.model, self.guide)

    @cached_property
    def num_rows(self) -> int:
        """B: rows of the first argument; 0 where it is no tensor."""
        first = self.args[0] if self.args else None
        return len(first) if isinstance(first, Tensor) and first.dim() else 0

    def rows(self, chosen: Tensor) -> Batch:
        """The batch with some rows of each argument that has one for each datum."""
        return tuple(
            arg[chosen] if isinstance(arg, Tensor) and arg.shape[:1] == (self.num_rows,) else arg
            for arg in self.args
        )

    def line(self, side: str, name: str | None) -> SourceLine | None:
        """Where a statement stands in the user's program."""
        return self.run.lines.get((side, name or ""))

    @cached_property
    def batch_dim(self) -> int | None:
        """Dim of the plate that encloses the sites and has a row for each datum."""
        for name in self.plates_over_data:
            for _, _, node in self.nodes():
                for frame in node["cond_indep_stack"]:
                    if frame.name == name and frame.dim is not None:
                        return int(frame.dim)
        return None

    @cached_property
    def plates_over_data(self) -> list[str]:
        """Names of the plates around observed sites, or factors, the most frequent first."""
        sites = self.run.sites("model").values()
        scored = list(self.observed.values()) or [node for node in sites if is_factor(node)]
        stacks = [node["cond_indep_stack"] for node in scored]
        names = [f.name for stack in stacks for f in stack]
        size = self.num_rows
        fitting = {
            f.name for s in stacks for f in s if f.size in (size, -1) or f.full_size == size
        }
        found = sorted(
            set(names), key=lambda n: (n not in fitting, -names.count(n), names.index(n))
        )
        return found


def is_factor(node: Node) -> bool:
    """Whether a site is a `pyro.factor`."""
    return type(base_of(node["fn"])).__name__ == "Unit"


def base_of(fn: Any) -> Any:  # noqa: ANN401
    """A distribution without wrappers that only reshape or mask it."""
    wrappers = ("Independent", "MaskedDistribution", "ExpandedDistribution")
    while type(fn).__name__ in wrappers:
        fn = fn.base_dist
    return fn


def kind_of(fn: Any) -> str:  # noqa: ANN401
    """Name of a distribution's class, without such wrappers."""
    base = base_of(fn)
    name = type(base).__name__
    return "factor" if name == "Unit" else name.strip("_")


def log_prob_of(node: Node) -> Tensor | None:
    """Log-density of what a site recorded; None where it cannot be scored."""
    if "unscaled_log_prob" in node:  # of a flow that scores its latest draw only
        return cast(Tensor, node["unscaled_log_prob"])
    with suppress(*FAILURES, NotImplementedError):
        found = node["fn"].log_prob(node["value"], *node["args"], **node["kwargs"])
        return found if isinstance(found, Tensor) else None
    return None


def same(one: Tensor | None, other: Tensor | None, tolerance: float = 0.0) -> bool:
    """Whether two tensors hold the same, NaN equal to NaN."""
    if one is None or other is None:  # what cannot be scored again cannot be compared
        return True
    if one.shape != other.shape:
        return False
    one, other = one.detach(), other.detach()
    if one.is_floating_point():
        return torch.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
    return bool(torch.equal(one, other))


def show(number: Any) -> str:  # noqa: ANN401
    """A number, or the shape of a tensor."""
    if isinstance(number, Tensor) and number.numel() > 1:
        return f"a tensor of shape {list(number.shape)}"
    value = float(number)
    return f"{value:.4g}" if math.isfinite(value) else str(value)
