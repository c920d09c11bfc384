"""Matrix products of a graph on a CPU, by the library that is fastest at them."""

from typing import Any, cast

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from . import onednn

_aten = torch.ops.aten
_VIEWS = {_aten.view.default, _aten._unsafe_view.default, _aten.reshape.default}
_NAMES = {_aten.tanh.default: "tanh", _aten.relu.default: "relu"}
_NARROW = 16  # columns
_LARGE = 2**18  # multiplications; below that a call costs as much as its arithmetic


def with_fused_products(graph: GraphModule) -> GraphModule:
    """The graph, its large float32 products computed by oneDNN with what follows them.

    oneDNN adds a bias, and applies `tanh` or `relu`, while the result is in cache. On an AMD EPYC
    with 512-bit vectors it multiplies twice as fast as the library that torch takes for `mm`; on
    processors of Intel the two are equally fast. What is computed differs by rounding. Products
    are replaced where each is read by views and its bias alone. Batches of products with few
    columns are taken transposed, which is three times as fast. Without oneDNN the graph stays as
    it is.
    """
    if not onednn.is_available():
        return graph
    for node in list(graph.graph.nodes):
        if node.target is _aten.bmm.default:
            _turn(graph, node)
        elif node.target in (_aten.mm.default, _aten.addmm.default) and _is_large(node):
            _replace(graph, node)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def _turn(graph: GraphModule, product: Node) -> None:
    """The transposed product of the transposed factors, where rows are many and columns few."""
    one, other = _nodes(product)
    rows, columns = product.meta["val"].shape[1:]
    if columns > _NARROW or rows < 2 * columns:
        return

    def turned(node: Node) -> Node:
        found = graph.graph.call_function(_aten.transpose.int, (node, 1, 2))
        found.meta = {"val": node.meta["val"].transpose(1, 2)}
        return found

    with graph.graph.inserting_before(product):
        again = graph.graph.call_function(_aten.bmm.default, (turned(other), turned(one)))
        again.meta = {"val": product.meta["val"].new_empty(len(one.meta["val"]), columns, rows)}
        made = graph.graph.call_function(
            _aten.clone.default, (turned(again),), {"memory_format": torch.contiguous_format}
        )
        made.meta = dict(product.meta)
    product.replace_all_uses_with(made)


def _replace(graph: GraphModule, product: Node) -> None:
    given: Any = product.args
    bias, one, other = (None, *given) if len(given) == 2 else given
    last, name = product, "none"
    if bias is None:
        end = _through_views(product)
        width = product.meta["val"].shape[-1]
        if end is not None and end.target is _aten.add.Tensor and not end.kwargs:
            others = [n for n in end.args if isinstance(n, Node) and _is_row(n, width)]
            kept = end.meta["val"].shape[-1] == width
            if len(others) == 1 and len(end.all_input_nodes) == 2 and kept:
                bias, last = others[0], end
    elif not _is_row(bias, product.meta["val"].shape[-1]) or product.kwargs:
        return
    reader = _through_views(last)
    if reader is not None and reader.target in _NAMES:
        last, name = reader, _NAMES[reader.target]
    with graph.graph.inserting_before(last):
        weight = graph.graph.call_function(_aten.t.default, (other,))
        found = graph.graph.call_function(onednn.linear, (one, weight, bias, name))
        found.meta = {"val": product.meta["val"]}
        weight.meta = {"val": other.meta["val"].t()}
        made = found
        if last.meta["val"].shape != product.meta["val"].shape:
            shape = list(last.meta["val"].shape)
            made = graph.graph.call_function(_aten.view.default, (found, shape))
            made.meta = dict(last.meta)
    last.replace_all_uses_with(made)


def _through_views(node: Node) -> Node | None:
    """What alone reads a node or a view of it, views apart."""
    while len(node.users) == 1:
        (reader,) = node.users
        if reader.target not in _VIEWS:
            return reader
        node = reader
    return None


def _is_row(node: Any, width: int) -> bool:  # noqa: ANN401
    value = node.meta.get("val") if isinstance(node, Node) else None
    return isinstance(value, Tensor) and tuple(value.shape) == (width,)


def _nodes(product: Node) -> tuple[Node, Node]:
    """The two factors."""
    one, other = cast(tuple[Node, Node], product.args[-2:])
    return one, other


def _is_large(node: Node) -> bool:
    one, other = (n.meta.get("val") for n in _nodes(node))
    return (
        isinstance(one, Tensor)
        and isinstance(other, Tensor)
        and one.dtype == other.dtype == torch.float32
        and one.device.type == "cpu"
        and one.shape[0] * one.shape[1] * other.shape[1] >= _LARGE
    )
