"""Operations of a graph that write over what nobody reads any more."""

from collections.abc import Iterator
from operator import getitem
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

_aten = torch.ops.aten
_METHODS: dict[Any, str] = {
    _aten.abs.default: "abs_",
    _aten.add.Tensor: "add_",
    _aten.clamp_max.default: "clamp_max_",
    _aten.clamp_min.default: "clamp_min_",
    _aten.div.Tensor: "div_",
    _aten.exp.default: "exp_",
    _aten.log.default: "log_",
    _aten.mul.Scalar: "mul_",
    _aten.mul.Tensor: "mul_",
    _aten.neg.default: "neg_",
    _aten.pow.Tensor_Scalar: "pow_",
    _aten.relu.default: "relu_",
    _aten.sigmoid.default: "sigmoid_",
    _aten.sub.Tensor: "sub_",
    _aten.tanh.default: "tanh_",
}
_COMMUTE = {_aten.add.Tensor, _aten.mul.Tensor}
_WITH_OUT: dict[Any, Any] = {_aten.sub.Tensor: torch.sub, _aten.div.Tensor: torch.div}
_LARGE = 1_024  # elements; memory for fewer is had at once


def written_in_place(graph: GraphModule) -> GraphModule:
    """The graph, its elementwise operations writing into the memory of an argument read last.

    New memory has to be mapped and is not in the processor's cache: for the simplest operations
    that takes longer than the arithmetic. The numbers are those of the graph, bit for bit. No
    operation of it may write yet. Inputs are not written into, nor what the graph gives.
    """
    nodes = list(graph.graph.nodes)
    owner = _owners(nodes)
    last = _last_readers(nodes, owner)
    for index, node in enumerate(nodes):
        for place, given in _candidates(node):
            base = owner[given]
            if last.get(base) == index and _may_hold(given, node, owner) and _is_made(base):
                _write(node, place)
                last[base] = last.get(owner[node], index)
                _merge(owner, owner[node], base)
                break
    graph.recompile()
    return graph


def _owners(nodes: list[Node]) -> dict[Node, Node]:
    """For each node the one whose memory it may share."""
    owner: dict[Node, Node] = {}
    for node in nodes:
        source = _source(node)
        owner[node] = node if source is None else owner[source]
    return owner


def _source(node: Node) -> Node | None:
    """The argument of which a node may be a view."""
    schema = getattr(node.target, "_schema", None)
    is_view = node.target is getitem or (
        schema is not None and any(given.alias_info is not None for given in schema.returns)
    )
    return node.all_input_nodes[0] if is_view and node.all_input_nodes else None


def _is_made(node: Node) -> bool:
    """Whether a node makes memory of its own: no input, no constant, nothing unknown."""
    return node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload)


def _last_readers(nodes: list[Node], owner: dict[Node, Node]) -> dict[Node, int]:
    last: dict[Node, int] = {}
    for index, node in enumerate(nodes):
        for given in node.all_input_nodes:
            last[owner[given]] = index
    return last


def _candidates(node: Node) -> Iterator[tuple[int, Node]]:
    """Arguments that a node could write over, and their places."""
    if node.op != "call_function" or node.kwargs or node.target not in _METHODS:
        return
    for place, given in enumerate(node.args[:2]):
        if isinstance(given, Node) and (
            place == 0 or node.target in _COMMUTE or node.target in _WITH_OUT
        ):
            yield place, given


def _may_hold(given: Node, node: Node, owner: dict[Node, Node]) -> bool:
    """Whether the result has the form of an argument, and no other is a view of its memory."""
    before, after = given.meta.get("val"), node.meta.get("val")
    others = (n for n in node.all_input_nodes if n is not given)
    return (
        isinstance(before, Tensor)
        and isinstance(after, Tensor)
        and after.numel() >= _LARGE
        and before.dtype == after.dtype
        and before.shape == after.shape
        and before.stride() == after.stride()
        and before.is_contiguous()
        and all(owner[other] is not owner[given] for other in others)
    )


def _write(node: Node, place: int) -> None:
    if place == 0 or node.target in _COMMUTE:
        args = list[Any](node.args)
        args[0], args[place] = args[place], args[0]
        node.op, node.target, node.args = "call_method", _METHODS[node.target], tuple(args)
    else:
        node.target, node.kwargs = _WITH_OUT[node.target], {"out": node.args[place]}


def _merge(owner: dict[Node, Node], one: Node, other: Node) -> None:
    for node, base in owner.items():
        if base is one:
            owner[node] = other
