"""The leaves of a pair, grouped by the program that declares them."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from ...errors import ParameterError
from ...particles.traces import leaves_of
from ...particles.tracing import Pair, Program


def declared(
    model: Program, guide: Program, batch: tuple[Any, ...]
) -> dict[str, dict[str, Tensor]]:
    """Leaves by name in the groups "guide", "model" and "shared" (declared by both).

    Raises:
        ParameterError: There are none.
    """
    by_guide, by_model = map(leaves_of, Pair(model, guide, batch, {}).trace())
    ids = [{id(leaf) for leaf in leaves.values()} for leaves in (by_guide, by_model)]
    groups: dict[str, dict[str, Tensor]] = {"guide": {}, "model": {}, "shared": {}}
    seen: set[int] = set()
    for name, leaf in {**by_guide, **by_model}.items():
        if id(leaf) not in seen:
            seen.add(id(leaf))
            inside = [id(leaf) in known for known in ids]
            groups["shared" if all(inside) else "guide" if inside[0] else "model"][name] = leaf
    found = {group: leaves for group, leaves in groups.items() if leaves}
    if not found:
        raise ParameterError(
            "the pair declares no parameters, so it has no gradients; use `pyro.param`, call "
            "`pyro.module('name', network)` in the pair, or use a PyroModule"
        )
    return found


def slices(groups: Mapping[str, Mapping[str, Tensor]]) -> Iterator[slice]:
    """Where each group lies in the vector of all leaves."""
    start = 0
    for leaves in groups.values():
        stop = start + sum(leaf.numel() for leaf in leaves.values())
        yield slice(start, stop)
        start = stop
