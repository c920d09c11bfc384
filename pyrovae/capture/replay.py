"""Compiled code on a GPU as a CUDA graph: one launch for all of its kernels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .graph import Traced, kept_randomness, kept_values
from .inductor import Code

_WARM_UPS = 3  # a library's first calls allocate, and choose their kernels


def replayed(code: Code, traced: Traced, inputs: Sequence[Tensor]) -> Code:
    """The code as a CUDA graph; the code itself where anything of it lies on a CPU.

    Random streams are registered with the graph by torch, so that every replay draws anew. What
    a call returns is overwritten by the next.
    """
    tensors = [*traced.externals, *inputs]
    if not tensors or any(tensor.device.type != "cuda" for tensor in tensors):
        return code
    held = [tensor.detach().clone() for tensor in inputs]
    with kept_randomness(), kept_values(traced.changed), torch.no_grad():
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                code(*traced.externals, *held)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = code(*traced.externals, *held)

    def replay(*everything: Tensor) -> Sequence[Tensor]:
        for place, tensor in zip(held, everything[len(traced.externals) :], strict=True):
            place.copy_(tensor, non_blocking=True)
        graph.replay()
        return outputs

    return replay
