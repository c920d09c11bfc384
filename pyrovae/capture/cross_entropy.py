"""Bernoulli log-densities that are summed at once, with one logarithm for many elements."""

from typing import Any, cast

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

_aten = torch.ops.aten
_VIEWS = {_aten.view.default, _aten._unsafe_view.default, _aten.reshape.default}
# Factors lie in [1/2, 1], so that a product of so many is no smaller than 2**-64; float32 goes
# down to 2**-126. Fewer than the second number are not worth the operations.
_MOST, _FEWEST = 64, 8
_LARGE = 4_096  # elements


def with_summed_cross_entropy(graph: GraphModule) -> GraphModule:
    """The graph, changed where it sums a binary cross entropy of logits over the last dimension.

    The sum over elements of (1 - x) l - min(l, 0) + log(1 + exp(-|l|)) takes a logarithm and an
    exponential an element. Since 1 / (1 + exp(-|l|)) is the sigmoid of |l|, the logarithms of up
    to 64 elements are that of one product. What is computed differs by rounding: of an element by
    one unit in the last place of 1, where the sum itself rounds as much. Infinities and NaN stay.
    """
    changed = False
    for node in list(graph.graph.nodes):
        chain = _chain(node)
        if chain is not None:
            _rewrite(graph, node, chain)
            changed = True
    if changed:
        graph.graph.eliminate_dead_code()
        graph.recompile()
    return graph


def _chain(node: Node) -> list[Node] | None:
    """From a cross entropy to the sum over its last dimension, each the only reader of one."""
    if node.target is not _aten.binary_cross_entropy_with_logits.default:
        return None
    plain = len(node.args) == 5 and node.args[2:] == (None, None, 0) and not node.kwargs
    if not plain or not _is_large(node):
        return None
    chain, reader = [node], _only_reader(node)
    while reader is not None and (reader.target in _VIEWS or reader.target is _aten.neg.default):
        chain.append(reader)
        reader = _only_reader(reader)
    if reader is None or reader.target is not _aten.sum.dim_IntList or reader.kwargs:
        return None
    summed = chain[-1].meta["val"]
    dims = cast(list[int], reader.args[1])
    is_last = list(dims) in ([-1], [summed.dim() - 1]) and len(reader.args) == 2
    return [*chain, reader] if is_last and _group(summed.shape[-1]) else None


def _rewrite(graph: GraphModule, node: Node, chain: list[Node]) -> None:
    *_, before, total = chain
    shape = list(before.meta["val"].shape)
    group = _group(shape[-1])
    parts = [*shape[:-1], shape[-1] // group, group]
    negative = sum(n.target is _aten.neg.default for n in chain) % 2 == 1
    logits, target = cast(tuple[Node, Node], node.args[:2])

    def put(operation: Any, *args: Any) -> Node:  # noqa: ANN401
        return graph.graph.call_function(operation, args)

    with graph.graph.inserting_before(total):
        size = put(_aten.sigmoid.default, put(_aten.abs.default, logits))
        log = put(_aten.log.default, put(_aten.prod.dim_int, _as(put, size, parts), -1))
        linear = put(_aten.mul.Tensor, put(_aten.rsub.Scalar, target, 1.0), logits)
        rest = put(_aten.sub.Tensor, linear, put(_aten.clamp_max.default, logits, 0))
        rest = put(_aten.sum.dim_IntList, _as(put, rest, shape), [-1])
        log = put(_aten.sum.dim_IntList, log, [-1])
        terms = (log, rest) if negative else (rest, log)
        made = put(_aten.sub.Tensor, *terms)
    made.meta = dict(total.meta)
    total.replace_all_uses_with(made)


def _as(put: Any, node: Node, shape: list[int]) -> Node:  # noqa: ANN401
    return put(_aten.view.default, node, shape)


def _group(size: int) -> int:
    """How many elements share a logarithm; zero where that is not worth while."""
    return next((g for g in range(min(_MOST, size), _FEWEST - 1, -1) if size % g == 0), 0)


def _only_reader(node: Node) -> Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _is_large(node: Node) -> bool:
    given = cast(tuple[Node, Node], node.args[:2])
    value, logits, target = (n.meta.get("val") for n in (node, *given))
    return (
        isinstance(value, Tensor)
        and isinstance(logits, Tensor)
        and isinstance(target, Tensor)
        and value.dtype in (torch.float32, torch.float64)
        and value.dtype == logits.dtype == target.dtype
        and value.shape == logits.shape
        and logits.is_contiguous()
        and value.numel() >= _LARGE
    )
