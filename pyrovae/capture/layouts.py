"""Where tensors of a graph lie in memory, where inductor by itself would copy them too often."""

import torch
from torch.fx import GraphModule, Node

_FORWARD = torch.ops.aten.convolution.default  # (input, weight, ...)
_BACKWARD = torch.ops.aten.convolution_backward.default  # (gradient, input, weight, ...)
_VIEW, _RESHAPE = torch.ops.aten.view.default, torch.ops.aten.reshape.default


def laid_out_once(graph: GraphModule) -> GraphModule:
    """The graph, changed so that a convolution and its gradient read one copy of their input.

    On a CPU inductor lays out what convolutions read as channels last, for each reader anew; in a
    VAE of convolutions those copies are a twentieth of a training step.
    """
    nodes = list(graph.graph.nodes)
    if any(node.target is torch.ops.aten.as_strided.default for node in nodes):
        return graph  # which counts on how tensors lie
    readers: dict[Node, list[tuple[Node, int]]] = {}
    for node in nodes:
        if node.target not in (_FORWARD, _BACKWARD):
            continue
        first = 0 if node.target is _FORWARD else 1
        if len(node.args[first + 3]) == 2:  # strides
            for place in (first, first + 1):
                readers.setdefault(node.args[place], []).append((node, place))
    for tensor, places in readers.items():
        with graph.graph.inserting_before(places[0][0]):
            laid = graph.graph.call_function(
                torch.ops.aten.clone.default, (tensor,), {"memory_format": torch.channels_last}
            )
        for node, place in places:
            node.update_arg(place, laid)
    if readers:
        for node in nodes:
            if node.target is _VIEW:  # of what lies otherwise now
                node.target = _RESHAPE
        graph.recompile()
    return graph
