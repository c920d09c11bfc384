"""Graphs for torch's interpreter, where each operation costs more than its arithmetic."""

from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

_ATEN = torch.ops.aten
_FILLED: dict[Any, Any] = {  # their values depend on shapes alone; the value, or None: an argument
    _ATEN.new_zeros.default: 0,
    _ATEN.zeros_like.default: 0,
    _ATEN.new_ones.default: 1,
    _ATEN.ones_like.default: 1,
    _ATEN.new_full.default: None,
    _ATEN.full_like.default: None,
}
_EMPTY = {_ATEN.empty.memory_format, _ATEN.new_empty.default, _ATEN.empty_like.default}
_MAY_DO_NOTHING = {
    _ATEN.alias.default,
    _ATEN.detach.default,
    _ATEN.expand.default,
    _ATEN.permute.default,
    _ATEN.slice.Tensor,
    _ATEN.view.default,
}
# torch's own functions reach the same kernels in half the time.
_QUICK: dict[Any, Any] = {
    _ATEN.add.Tensor: torch.add,
    _ATEN.addmm.default: torch.addmm,
    _ATEN.div.Tensor: torch.div,
    _ATEN.exp.default: torch.exp,
    _ATEN.log.default: torch.log,
    _ATEN.mm.default: torch.mm,
    _ATEN.mul.Scalar: torch.mul,
    _ATEN.mul.Tensor: torch.mul,
    _ATEN.neg.default: torch.neg,
    _ATEN.permute.default: torch.permute,
    _ATEN.pow.Tensor_Scalar: torch.pow,
    _ATEN.relu.default: torch.relu,
    _ATEN.select.int: torch.select,
    _ATEN.sub.Tensor: torch.sub,
    _ATEN.sum.dim_IntList: torch.sum,
    _ATEN.tanh.default: torch.tanh,
    _ATEN.unsqueeze.default: torch.unsqueeze,
}
_QUICK_METHODS: dict[Any, str] = {
    _ATEN.expand.default: "expand",
    _ATEN.reshape.default: "reshape",
    _ATEN.view.default: "view",
}


_UNARY = {_ATEN.neg.default, _ATEN.exp.default, _ATEN.log.default, _ATEN.mul.Scalar}


def narrowed(graph: GraphModule) -> GraphModule:
    """The graph, with functions of a repeated tensor computed before it is repeated."""
    for node in list(graph.graph.nodes):
        given = node.args[0] if node.target in _UNARY else None
        if not isinstance(given, Node) or given.target is not _ATEN.expand.default:
            continue
        source, value = given.args[0], _meta(given)
        if value is None or not isinstance(source, Node):
            continue
        with graph.graph.inserting_before(node):
            small = graph.graph.call_function(node.target, (source, *node.args[1:]), node.kwargs)
            made = graph.graph.call_function(given.target, (small, *given.args[1:]), given.kwargs)
        small.meta, made.meta = {"val": _meta(source)}, {"val": value}
        node.replace_all_uses_with(made)
        graph.graph.erase_node(node)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def interpreted(graph: GraphModule) -> GraphModule:
    """The graph, its operations under the names by which Python calls them fastest."""
    for node in graph.graph.nodes:
        if node.op != "call_function" or node.kwargs:
            continue
        if node.target in _QUICK:
            node.target = _QUICK[node.target]
        elif node.target in _QUICK_METHODS:
            node.op, node.target = "call_method", _QUICK_METHODS[node.target]
    graph.recompile()
    return graph


def is_random(node: Node) -> bool:
    """Whether an operation draws random numbers."""
    random = torch.Tag.nondeterministic_seeded
    return isinstance(node.target, torch._ops.OpOverload) and random in node.target.tags


def fills_new(node: Node) -> bool:
    """Whether an operation draws into a tensor that has just been made, and is nowhere else."""
    into = node.args[0] if node.args else None
    return (
        is_random(node)
        and isinstance(into, Node)
        and into.target in _EMPTY
        and len(into.users) == 1
    )


def simplified(graph: GraphModule) -> GraphModule:
    """The graph without operations that change nothing; what is filled with a number is constant.

    The results are those of the graph, bit for bit. No operation of it may write into a tensor.
    """
    graph = GraphModule(graph, _copied(graph.graph))
    for node in list(graph.graph.nodes):
        given = _same_as(node)
        if given is not None:
            node.replace_all_uses_with(given)
            graph.graph.erase_node(node)
        elif node.target in _FILLED:
            _fill(graph.graph, node)
    # A draw that nobody reads moves the random stream all the same.
    graph.graph.eliminate_dead_code(lambda node: node.is_impure() or is_random(node))
    return graph


def _same_as(node: Node) -> Node | None:
    """What goes into an operation that gives just that."""
    given: Any = node.args[0] if node.args else None
    if node.target is _ATEN.cat.default and len(given) == 1:
        return given[0]
    is_first_power = node.target is _ATEN.pow.Tensor_Scalar and node.args[1] == 1
    if not (is_first_power or node.target in _MAY_DO_NOTHING) or not isinstance(given, Node):
        return None
    before, after = _meta(given), _meta(node)
    if before is None or after is None:
        return None
    same = before.shape == after.shape and before.stride() == after.stride()
    return given if same and before.dtype == after.dtype else None


def _fill(graph: Graph, node: Node) -> None:
    """Put a constant in the place of a tensor that is filled with one number."""
    made = _meta(node)
    if made is None or not made.is_contiguous():
        return
    value = _FILLED[node.target]
    value = node.args[-1] if value is None else value
    options: dict[str, Any] = {"dtype": made.dtype, "device": made.device, "pin_memory": False}
    with graph.inserting_before(node):
        constant = graph.call_function(_ATEN.full.default, (list(made.shape), value), options)
    constant.meta = dict(node.meta)
    node.replace_all_uses_with(constant)
    graph.erase_node(node)


def _meta(node: Node) -> Tensor | None:
    """A tensor without values, like the one that the node gives."""
    value = node.meta.get("val")
    return value if isinstance(value, Tensor) else None


def _copied(graph: Graph) -> Graph:
    copy = Graph()
    copy.output(copy.graph_copy(graph, {}))
    return copy
