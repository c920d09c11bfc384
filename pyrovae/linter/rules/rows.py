"""Rows of a batch that influence each other."""

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from ...particles.handlers import Trace
from ..inspection import Inspection, log_prob_of, same
from ..problem import Problem
from ..runs import Node
from .base import Rule, listed

_CLOSE = 1e-4


class RowsMix(Rule):
    code = "PV404"
    needs_shapes = True
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
            if name not in there:
                continue
            dim = _dim(seen, node)
            halves = [_rows_of(n, dim, half, size) for n in (node, there[name])]
            if halves[0] is None or halves[1] is None:
                continue
            if not same(halves[0], halves[1], _CLOSE * max(1.0, float(halves[0].abs().max()))):
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
        trace.nodes[name] = cast(Any, new)
    return trace


def _dim(seen: Inspection, node: Node) -> int | None:
    plates = seen.plates_over_data[:1]
    dims = [f.dim for f in node["cond_indep_stack"] if f.name in plates]
    return dims[0] if dims else None


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


def _rows_of(node: Node, dim: int | None, half: int, size: int) -> Tensor | None:
    """The log-densities of the first rows; None where the site has none of its own."""
    score = log_prob_of(node)
    if score is None or dim is None:
        return None
    if score.dim() < -dim:  # one number for all rows
        return score.detach()
    return (score.narrow(dim, 0, half) if score.shape[dim] == size else score).detach()
