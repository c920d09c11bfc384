"""Memory formats of a graph's tensors, where inductor by itself would copy them too often."""

import torch
from torch.fx import GraphModule, Node

_FORWARD = torch.ops.aten.convolution.default  # (input, weight, ...)
_BACKWARD = torch.ops.aten.convolution_backward.default  # (gradient, input, weight, ...)
_VIEW, _RESHAPE = torch.ops.aten.view.default, torch.ops.aten.reshape.default


def share_channels_last_copies(graph: GraphModule) -> GraphModule:
    """The graph, changed so that a convolution and its gradient read one copy of their input.

    On a CPU inductor copies the inputs of convolutions to channels last, for each reader anew. In
    a VAE of convolutions those copies take a twentieth of a training step.
    """
    nodes = list(graph.graph.nodes)
    if any(node.target is torch.ops.aten.as_strided.default for node in nodes):
        return graph  # it relies on the strides of its tensors
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
            copy = graph.graph.call_function(
                torch.ops.aten.clone.default, (tensor,), {"memory_format": torch.channels_last}
            )
        for node, place in places:
            node.update_arg(place, copy)
    if readers:
        for node in nodes:
            if node.target is _VIEW:  # its input has other strides now
                node.target = _RESHAPE
        graph.recompile()
    return graph
