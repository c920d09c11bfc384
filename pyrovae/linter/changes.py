"""The pair with other data, draws or parameters: what follows them, and what does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor

from ..particles.handlers import Trace
from ..particles.parameters import graph_leaves
from .inspection import Batch, Inspection, base_of, kind_of, log_prob_of, same
from .runs import Node


def moved_draws(seen: Inspection) -> Trace | None:
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
        trace.nodes[name] = cast(Any, node)
    return trace


def watched_draws(seen: Inspection) -> Trace:
    """The guide's trace with its draws as leaves, to see where they go."""
    run = seen.another()
    trace = run.draws.copy()
    for name in seen.latents:
        node = run.sites("guide")[name].copy()
        node["value"] = watched(node["value"])
        trace.nodes[name] = cast(Any, node)
    return trace


def changed_data(seen: Inspection) -> Batch | None:
    """The batch with its rows in another order; None where all are equal."""
    if seen.num_rows < 2:
        return None
    rows = torch.arange(seen.num_rows).roll(1)
    return None if same(seen.args[0][rows], seen.args[0]) else seen.rows(rows)


def watched(arg: Any) -> Any:  # noqa: ANN401
    """The same values, such that gradients see where they go."""
    if not isinstance(arg, Tensor) or not arg.is_floating_point():
        return arg
    return arg.detach().clone().requires_grad_()


def comes_from(node: Node, sources: set[int]) -> bool:
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
