"""Operations that write into many tensors, called as they are after what is compiled."""

from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node

_UPDATES: dict[Any, Callable[..., None]] = {}
_LIBRARY = torch.library.Library("pyrovae", "FRAGMENT")


def as_update(schema: str) -> Callable[[Callable[..., None]], Any]:
    """Make one operation of a function that writes into tensors on a CPU and gives nothing.

    Args:
        schema: Name and arguments, in torch's notation.

    Returns:
        A decorator. What it gives is called with arguments by their order.
    """
    name = schema.partition("(")[0]

    def register(function: Callable[..., None]) -> Any:  # noqa: ANN401
        _LIBRARY.define(schema)
        _LIBRARY.impl(name, function, "CPU")
        _LIBRARY.impl(name, lambda *_: None, "Meta")
        operation = getattr(torch.ops.pyrovae, name).default
        _UPDATES[operation] = function
        return operation

    return register


def without_updates(graph: GraphModule) -> tuple[GraphModule, GraphModule | None]:
    """A graph without the updates of many tensors at its end, and those updates.

    Inductor would copy every tensor of such a list before the call, and back after it.

    Returns:
        The rest, which after what the graph gives also gives what the updates read of it; and a
        graph of the updates, which takes the graph's inputs and then those. None in its place, and
        the graph itself, where there are none, or something comes after them.
    """
    nodes = list(graph.graph.nodes)
    updates = [node for node in nodes if node.target in _UPDATES]
    if not updates or any(node.users for node in updates):
        return graph, None
    output = nodes[-1]
    if nodes[-1 - len(updates) : -1] != updates or not isinstance(output.args[0], (tuple, list)):
        return graph, None
    inputs = graph.graph.find_nodes(op="placeholder")
    read = dict.fromkeys(n for node in updates for n in node.all_input_nodes if n not in inputs)
    rest, last = Graph(), Graph()
    copies: dict[Node, Node] = {}
    for node in nodes[: -1 - len(updates)]:
        copies[node] = rest.node_copy(node, copies.__getitem__)
    given: Any = torch.fx.node.map_arg(output.args[0], copies.__getitem__)
    rest.output((*given, *(copies[node] for node in read)))
    named = {node: last.placeholder(f"given_{i}") for i, node in enumerate((*inputs, *read))}
    for node in updates:  # torch's way to the function takes as long as a small update
        args = torch.fx.node.map_arg(node.args, named.__getitem__)
        last.call_function(_UPDATES[node.target], args)
    last.output(())
    return GraphModule(graph, rest), GraphModule({}, last)
