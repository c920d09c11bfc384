"""A graph in two: the random numbers that it draws, and what it computes from them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node
from torch.fx.node import map_arg

from ..errors import CaptureError

_NEW = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}


class Split(NamedTuple):
    """The parts of a graph; each takes what the graph takes, and then what the part before gave.

    Attributes:
        fixed: Gives what random numbers are drawn from and does not depend on any.
        noise: Draws the random numbers, in the order of the graph.
        rest: Draws none, and gives what the graph gives.
        values: Nodes of the graph that hold the random numbers.
        largest: Bytes of the largest tensor that depends on random numbers.
    """

    fixed: GraphModule
    noise: GraphModule
    rest: GraphModule
    values: list[Node]
    largest: int


def split_noise(graph: GraphModule) -> Split:
    """Take the random numbers out of a graph.

    They may depend on what the graph computes, other random numbers included: the noise then
    computes it too. What `empty_like` and its kin are given counts by its shape alone.

    Args:
        graph: Of single operations, each with its result in `meta["val"]`, as `trace` makes it.

    Raises:
        CaptureError: It draws nothing, or writes into tensors otherwise than to draw.
    """
    nodes = list(graph.graph.nodes)
    draws = {node for node in nodes if draws_random_numbers(node)}
    if not draws:
        raise CaptureError("it draws no random numbers")
    if written := [node for node in nodes if writes_in_place(node)]:
        raise CaptureError(f"it writes in place, by {written[0].target}")
    random = _after(nodes, draws)
    needed = _before(nodes, draws)
    # Memory that is drawn into is new for each draw.
    again = {n for n in nodes if n in needed and (n in random or _is_new(n))}
    passed = [
        node
        for node in nodes
        if node in needed - again
        and node.op != "placeholder"
        and any(node in _arguments(user) for user in node.users if user in again)
    ]
    values = [value for node in nodes if node in draws for value in _tensors(node)]
    results = list(nodes[-1].args[0])
    sizes = [_meta(value).nbytes for node in random for value in _tensors(node)]
    return Split(
        _part(graph, [], passed),
        _part(graph, passed, values, draws),
        _part(graph, values, results),
        values,
        max(sizes, default=0),
    )


def draws_random_numbers(node: Node) -> bool:
    """Whether an operation of a graph advances a random stream."""
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def writes_in_place(node: Node) -> bool:
    """Whether an operation writes into other than memory made for it alone, to draw into."""
    schema = getattr(node.target, "_schema", None)
    if schema is None or not schema.is_mutable:
        return False
    place = node.args[0]
    alone = isinstance(place, Node) and len(place.users) == 1 and _is_new(place)
    return not (alone and draws_random_numbers(node))


def _is_new(node: Node) -> bool:
    """Whether a node makes a tensor whose values mean nothing yet."""
    return node.op == "call_function" and _name(node) in _NEW


def _is_by_shape(node: Node) -> bool:
    """Whether a node reads the shape of its first argument alone."""
    return _name(node).endswith("_like") or _name(node).startswith("new_")


def _name(node: Node) -> str:
    return getattr(node.target, "__name__", "").split(".")[0]


def _arguments(node: Node) -> list[Node]:
    """The nodes whose values a node reads."""
    return [n for n in node.all_input_nodes if not (_is_by_shape(node) and n is node.args[0])]


def _after(nodes: Iterable[Node], sources: set[Node]) -> set[Node]:
    found = set(sources)
    for node in nodes:
        if node.op != "output" and not found.isdisjoint(_arguments(node)):
            found.add(node)
    return found


def _before(
    nodes: Sequence[Node], targets: Iterable[Node], known: Iterable[Node] = ()
) -> set[Node]:
    """The nodes that targets are computed from, themselves included, short of those known."""
    found, stop = set(targets), set(known)
    for node in reversed(nodes):
        if node in found and node not in stop:
            found.update(_arguments(node))
    return found


def _tensors(node: Node) -> list[Node]:
    """A node, or those that pick the tensors out of what it gives."""
    if isinstance(node.meta.get("val"), Tensor):
        return [node]
    return [user for user in node.users if isinstance(user.meta.get("val"), Tensor)]


def _meta(node: Node) -> Tensor:
    return node.meta["val"]


def _part(
    graph: GraphModule, given: Sequence[Node], wanted: Sequence[Any], also: Iterable[Node] = ()
) -> GraphModule:
    """What computes some nodes from the inputs of the graph and from nodes that are given."""
    nodes = list(graph.graph.nodes)
    targets = [node for node in wanted if isinstance(node, Node)]
    needed = _before(nodes, {*targets, *also}, given)
    part, made = Graph(), dict[Node, Node]()
    inputs = [node for node in nodes if node.op == "placeholder"]
    for index, node in enumerate([*inputs, *given]):
        made[node] = part.placeholder(f"given_{index}")
        made[node].meta = dict(node.meta)

    def shaped(node: Node) -> Node:
        like = _meta(node)
        how: dict[str, Any] = {"dtype": like.dtype, "device": like.device}
        of = (list(like.shape), list(like.stride()))
        return part.call_function(torch.ops.aten.empty_strided.default, of, how)

    for node in nodes:
        if node in needed and node not in made:
            made[node] = part.node_copy(node, lambda n: made[n] if n in made else shaped(n))
    part.output(map_arg(tuple(wanted), lambda node: made[node]))
    return GraphModule(graph, part)
