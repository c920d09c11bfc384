"""What depends on what: data, latents, and the rows of a batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...particles.handlers import Trace
from ...particles.parameters import graph_leaves
from ..inspection import Batch, Inspection, base_of, is_factor, kind_of, log_prob_of, same
from ..problem import Problem
from ..runs import Node
from .base import Rule, listed

_CLOSE = 1e-4


class LatentsIgnored(Rule):
    code = "PV401"
    title = "the likelihood does not depend on the latents"
    remedy = "let the decoder's output depend on z"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        if not seen.latents or not seen.observed:
            return
        if seen.subsamples:
            return
        with perturbed(seen):
            drawn, moved = _watched_draws(seen), _moved(seen)
            first, then = seen.another(replay=drawn), seen.another(replay=moved)
        if moved is None or first.failed or then.failed:
            return
        latents = {id(node["value"]) for node in first.sites("guide").values()}
        for name in seen.observed:
            nodes = first.sites("model").get(name), then.sites("model").get(name)
            if nodes[0] is None or nodes[1] is None:
                return
            if not same(*map(log_prob_of, nodes)) or _comes_from(nodes[0], latents):
                return
        name = next(iter(seen.observed))
        yield self.problem(
            f"its log-density stays the same when {listed(seen.latents)} change",
            name,
            seen.line("model", name),
        )


class DataIgnoredByGuide(Rule):
    code = "PV402"
    title = "the guide does not depend on the data"
    remedy = "compute the guide's parameters from x, as an encoder does"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        plates = set(seen.plates_over_data)
        other = _changed_data(seen)
        if not plates or other is None or seen.subsamples or _has_row_parameters(seen):
            return
        inside = [
            name
            for name, (guide, _) in seen.latents.items()
            if any(f.name in plates and f.size != 1 for f in guide["cond_indep_stack"])
        ]
        given = tuple(_watched(arg) for arg in seen.args)
        with perturbed(seen):
            first, then = seen.another(given), seen.another(other)
        if not inside or first.failed or then.failed:
            return
        data = {id(arg) for arg in given if isinstance(arg, Tensor) and arg.requires_grad}
        for name in inside:
            nodes = first.sites("guide")[name], then.sites("guide").get(name)
            if nodes[1] is None or not same(nodes[0]["value"], nodes[1]["value"]):
                return
            if not same(*map(log_prob_of, nodes)) or _comes_from(nodes[0], data):
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
        other = _changed_data(seen)
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


class RowsMix(Rule):
    code = "PV404"
    title = "rows of a batch change the densities of other rows"
    remedy = (
        "let each row be computed by itself: no mean, no normalisation and no product over the "
        "batch dim; the bound of a datum must not depend on its neighbours"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        found = _mixing(seen, "evaluation")
        if found is not None:
            side, name = found
            yield self.problem(
                f"its log-density of the first rows in the {side} changes when other rows do, in "
                "evaluation mode too",
                name,
                seen.line(side, name),
            )


class BatchNorm(Rule):
    code, severity = "PV405", "information"
    title = "a network normalises over the batch"
    remedy = (
        "use LayerNorm or GroupNorm: with K particles BatchNorm mixes particles and data, and a "
        "datum's bound depends on its neighbours while training"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for network in seen.networks:
            names = [
                f"{name} ({type(m).__name__})" if name else type(m).__name__
                for name, m in network.named_modules()
                if isinstance(m, nn.modules.batchnorm._BatchNorm)
            ]
            if names:
                yield self.problem(
                    f"the network {type(network).__name__} has {listed(names)}; measuring runs "
                    "it in evaluation mode, where rows are apart",
                )
                return


class UnseenNoise(Rule):
    code = "PV406"
    title = "random numbers are drawn outside of pyro.sample"
    remedy = (
        "draw with pyro.sample, so that the density of the draw counts; dropout in evaluation "
        "mode: give nn.functional.dropout training=self.training"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        drawn = seen.run.sites("guide")
        of_model = seen.run.sites("model").items()
        if any(name not in drawn and not node["is_observed"] for name, node in of_model):
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


def _mixing(seen: Inspection, mode: str) -> tuple[str, str] | None:
    """Side and name of a site whose first rows change when the last ones do."""
    size = seen.num_rows
    if size < 4 or seen.batch_dim is None or seen.subsamples:
        return None
    half = size // 2
    rows = torch.arange(size)
    rows[half:] = torch.arange(size - half) % half  # the second half becomes the first
    replay = _with_rows(seen, rows)
    if replay is None:
        return None
    one = seen.another(replay=seen.run.draws, mode=mode, gradients=False)  # type: ignore[arg-type]
    other = seen.another(seen.rows(rows), replay=replay, mode=mode, gradients=False)  # type: ignore[arg-type]
    if one.failed or other.failed:
        return None
    for side in ("guide", "model"):
        there = other.sites(side)
        for name, node in one.sites(side).items():
            if name not in there or is_factor(node):
                continue
            scores = [log_prob_of(n) for n in (node, there[name])]
            dim = _dim(seen, node)
            if dim is None or any(s is None or s.dim() < -dim for s in scores):
                continue
            first, then = (s.narrow(dim, 0, half) if s.shape[dim] == size else s for s in scores)  # type: ignore[union-attr]
            if not same(first, then, _CLOSE * max(1.0, float(first.detach().abs().max()))):
                return side, name
    return None


def _with_rows(seen: Inspection, rows: Tensor) -> Trace | None:
    """The guide's trace with the draws of some rows in the place of others."""
    trace = seen.run.draws.copy()
    for name, node in seen.run.sites("guide").items():
        dim = _dim(seen, node)
        if dim is None:
            continue
        value, place = node["value"], dim - node["fn"].event_dim
        if value.dim() < -place or value.shape[place] != seen.num_rows:
            return None
        new = node.copy()
        new["value"] = value.index_select(place, rows)
        trace.nodes[name] = new
    return trace


def _dim(seen: Inspection, node: Node) -> int | None:
    plates = seen.plates_over_data[:1]
    dims = [f.dim for f in node["cond_indep_stack"] if f.name in plates]
    return dims[0] if dims else None


def _moved(seen: Inspection) -> Trace | None:
    """The guide's trace with other values of its latents; None where one has no other."""
    run = seen.another()
    trace = run.draws.copy()
    noise = torch.Generator().manual_seed(5)
    for name in seen.latents:
        node = run.sites("guide")[name].copy()
        value, kind = node["value"], kind_of(node["fn"])
        draw = torch.rand(value.shape, generator=noise, dtype=torch.float64).to(value.device)
        if kind in ("Categorical", "CollapsedCategorical", "LabelledCategorical"):
            node["value"] = (value + 1) % max(2, base_of(node["fn"]).logits.shape[-1])
        elif kind == "Bernoulli":
            node["value"] = 1 - value
        elif kind.startswith("OneHot"):
            node["value"] = value.roll(1, -1)
        elif value.is_floating_point():
            node["value"] = (value * (1 + 0.5 * draw) + 0.1 * draw).to(value.dtype).detach()
        else:
            return None
        trace.nodes[name] = node
    return trace


def _watched_draws(seen: Inspection) -> Trace:
    """The guide's trace with its draws as leaves, to see where they go."""
    run = seen.another()
    trace = run.draws.copy()
    for name in seen.latents:
        node = run.sites("guide")[name].copy()
        node["value"] = _watched(node["value"])
        trace.nodes[name] = node
    return trace


def _changed_data(seen: Inspection) -> Batch | None:
    """The batch with its rows in another order; None where all are equal."""
    if seen.num_rows < 2:
        return None
    rows = torch.arange(seen.num_rows).roll(1)
    return None if same(seen.args[0][rows], seen.args[0]) else seen.rows(rows)


def _has_row_parameters(seen: Inspection) -> bool:
    leaves = seen.run.leaves("guide").values()
    return any(leaf.shape[:1] == (seen.num_rows,) for leaf in leaves)


def _has_density(node: Node) -> bool:
    return bool(getattr(node["fn"], "has_density", True))


def _watched(arg: Any) -> Any:  # noqa: ANN401
    """The same values, such that gradients see where they go."""
    if not isinstance(arg, Tensor) or not arg.is_floating_point():
        return arg
    return arg.detach().clone().requires_grad_()


def _comes_from(node: Node, sources: set[int]) -> bool:
    """Whether a gradient flows from some tensors to the value or the density of a site."""
    for tensor in (log_prob_of(node), node["value"]):
        if isinstance(tensor, Tensor) and _reaches(tensor, sources):
            return True
    return False


def _reaches(tensor: Tensor, sources: set[int]) -> bool:
    return any(id(leaf) in sources for leaf in graph_leaves(tensor))


@contextmanager
def perturbed(seen: Inspection) -> Iterator[None]:
    """Within this context all parameters are moved a little, so that none is zero."""
    leaves = {
        id(leaf): leaf for side in ("guide", "model") for leaf in seen.run.leaves(side).values()
    }
    before = [(leaf, leaf.detach().clone()) for leaf in leaves.values()]
    noise = torch.Generator().manual_seed(6)
    try:
        with torch.no_grad():
            for leaf, value in before:
                if leaf.is_floating_point():
                    draw = torch.randn(value.shape, generator=noise, dtype=torch.float64)
                    leaf.add_(0.05 * draw.to(leaf))
        yield
    finally:
        with torch.no_grad():
            for leaf, value in before:
                leaf.copy_(value)
