"""Tensors that a graph holds as constants, as inputs before the others."""

from torch import Tensor
from torch.fx import Graph, GraphModule, Node


def lifted(graph: GraphModule) -> tuple[GraphModule, list[Tensor]]:
    """A graph that takes its constants as its first inputs, and those constants.

    The graph itself, and no constants, where it holds none, or other than tensors.
    """
    names = {node.target: None for node in graph.graph.nodes if node.op == "get_attr"}
    values = {name: getattr(graph, str(name), None) for name in names}
    constants = [value for value in values.values() if isinstance(value, Tensor)]
    if not values or len(constants) < len(values):
        return graph, []
    made = Graph()
    inputs = {name: made.placeholder(f"constant_{n}") for n, name in enumerate(values)}
    copies: dict[Node, Node] = {}
    for node in graph.graph.nodes:
        if node.op == "get_attr":
            copies[node] = inputs[node.target]
        else:
            copies[node] = made.node_copy(node, copies.__getitem__)
    return GraphModule({}, made), constants
