"""The graph of a computation under many seeds that gives what the computation gave."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import CaptureError, first_line
from .captured import Compiler
from .deviation import deviation, rounding
from .graph import Traced, put
from .seeded_graph import SeededGraph


class Drawn(NamedTuple):
    """What a computation gave under some seeds.

    Attributes:
        seeds: In order.
        values: Its results, each with an axis of seeds first [S, ...].
        before: What it changes, before these draws.
        after: The same after them.
    """

    seeds: Sequence[int]
    values: Sequence[Tensor]
    before: Sequence[Tensor] = ()
    after: Sequence[Tensor] = ()


def checked_graph(
    traced: Traced, drawn: Drawn, compiler: Compiler | None = None, name: str = ""
) -> SeededGraph:
    """A graph that gives and writes what has been drawn, many seeds at once if it can.

    What the computation changes is left as it was after the draws.

    Args:
        traced: The computation, traced under other seeds.
        drawn: By the computation itself.
        compiler: See `SeededGraph`, as for `name`.
        name: How warnings call the computation.

    Raises:
        CaptureError: There is none.
    """
    reason = ""
    try:
        for together in (True, False):
            try:
                graph = SeededGraph(traced, together, compiler, name)
                reason = why_not(graph, drawn)
            except (CaptureError, RuntimeError) as error:
                reason = first_line(error)
                continue
            if not reason:
                return graph
    finally:
        put(traced.changed, drawn.after)
    raise CaptureError(reason)


def why_not(graph: SeededGraph, drawn: Drawn) -> str:
    """How a graph differs from what has been drawn; empty where it does not, but for rounding."""
    put(graph.traced.changed, drawn.before)
    found = graph(drawn.seeds)
    off = max(_off(found, drawn.values), _off(graph.traced.changed, drawn.after))
    if off <= rounding([*drawn.values, *graph.traced.externals]):
        return ""
    return (
        f"its graph differs from it by {off:.1e}, relative, under another seed; something in it "
        "changes from call to call without being a tensor"
    )


def _off(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Relative difference of what is finite; infinite where other numbers or shapes are."""
    if [value.shape for value in found] != [value.shape for value in expected]:
        return math.inf
    for one, other in zip(found, expected, strict=True):
        if not torch.equal(one.isfinite(), other.isfinite()):
            return math.inf
    finite = [[torch.where(v.isfinite(), v, 0) for v in values] for values in (found, expected)]
    return deviation(*finite)
