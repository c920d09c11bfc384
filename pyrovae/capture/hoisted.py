"""Graphs whose first inputs stay the same from call to call."""

from collections.abc import Callable, Sequence
from operator import is_

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

from .inductor import Code
from .interpreted import fills_new, interpreted, is_random, simplified


def hoisted(
    varying: int, compiler: Callable[[GraphModule, Sequence[Tensor]], Code] | None = None
) -> Callable[[GraphModule, Sequence[Tensor]], Code]:
    """A compiler for `Captured`: what depends on fixed inputs alone is computed once.

    The last `varying` inputs differ from call to call. The others are recognised: as long as they
    are the same tensors and nobody has written into them, what follows from them is kept. On a
    GPU, where a graph is replayed as a whole, it stays as it is.

    Args:
        varying: How many inputs, counted from the last.
        compiler: Of the part that each call computes; None leaves it to torch's interpreter.
    """

    def split(graph: GraphModule, tensors: Sequence[Tensor]) -> Code:
        if _writes(graph) or any(tensor.is_cuda for tensor in tensors):
            return graph if compiler is None else compiler(graph, tensors)
        first, rest = _split(simplified(graph), varying)
        count = len(tensors) - varying
        if compiler is None:
            body: Code = interpreted(rest).forward
        else:
            with torch.no_grad():
                held = first(*tensors[:count])
            body = compiler(rest, [*held, *tensors[count:]])
        return _Hoisted(first.forward, body, count)

    return split


class _Hoisted:
    """The two parts of a graph.

    Args:
        first: Takes the fixed tensors.
        rest: Takes what `first` gives, and the varying tensors.
        count: Of the fixed tensors.
    """

    def __init__(self, first: Code, rest: Code, count: int) -> None:
        self._first, self._rest, self._count = first, rest, count
        self._fixed: Sequence[Tensor] = ()
        self._versions: list[object] = []
        self._held: Sequence[Tensor] = ()

    def __call__(self, *tensors: Tensor) -> Sequence[Tensor]:
        fixed = tensors[: self._count]
        if not self._knows(fixed):
            self._held = self._first(*fixed)
            self._fixed, self._versions = fixed, _versions(fixed)
        return self._rest(*self._held, *tensors[self._count :])

    def _knows(self, fixed: Sequence[Tensor]) -> bool:
        return (
            len(self._fixed) == len(fixed)
            and all(map(is_, self._fixed, fixed))
            and self._versions == _versions(fixed)
        )


def _versions(tensors: Sequence[Tensor]) -> list[object]:
    """Changes with each write; where torch does not count writes, at each call."""
    return [object() if t.is_inference() else t._version for t in tensors]


def _writes(graph: GraphModule) -> bool:
    """Whether an operation writes into a tensor, or may do so without saying it."""
    return any(
        node.op == "call_module"
        or (
            isinstance(node.target, torch._ops.OpOverload)
            and node.target._schema.is_mutable
            and not fills_new(node)
        )
        or "batch_norm" in str(node.target)
        for node in graph.graph.nodes
    )


def _split(graph: GraphModule, varying: int) -> tuple[GraphModule, GraphModule]:
    """What depends on fixed inputs alone, and the rest."""
    inputs = [node for node in graph.graph.nodes if node.op == "placeholder"]
    moving = set(inputs[len(inputs) - varying :])
    for node in graph.graph.nodes:
        if node.op == "output" or is_random(node) or moving & set(node.all_input_nodes):
            moving.add(node)
            if fills_new(node):
                moving.add(node.args[0])
    first, rest = Graph(), Graph()
    of_first: dict[Node, Node] = {}
    held = []
    for node in graph.graph.nodes:
        if node not in moving:
            of_first[node] = first.node_copy(node, of_first.__getitem__)
            if any(user in moving for user in node.users):
                held.append(node)
    first.output(tuple(of_first[node] for node in held))
    of_rest = {node: rest.placeholder(f"held_{i}") for i, node in enumerate(held)}
    for node in graph.graph.nodes:
        if node in moving:
            of_rest[node] = rest.node_copy(node, of_rest.__getitem__)
    return GraphModule(graph, first), GraphModule(graph, rest)
