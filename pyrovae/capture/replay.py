"""Compiled code on a GPU as a CUDA graph: one launch for all of its kernels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import CaptureWarning, first_line, warn
from ..runtime.random_state import kept_random_state
from .graph import Traced, kept_values
from .inductor import Code

_WARM_UPS = 3  # the first calls of a library allocate memory and choose kernels


def as_cuda_graph(code: Code, traced: Traced, inputs: Sequence[Tensor], name: str) -> Code:
    """The code as a CUDA graph; the code itself where none of its tensors is on a GPU.

    torch registers random streams with the graph, so that every replay draws new numbers. Each
    call overwrites the tensors that the last one returned. Code that cannot be recorded launches
    its kernels one by one, and a `CaptureWarning` says why.

    Args:
        code: Compiled from the graph.
        traced: The graph.
        inputs: Of one call.
        name: How the warning calls the computation.
    """
    tensors = [*traced.externals, *inputs]
    if not any(tensor.is_cuda for tensor in tensors):
        return code
    reason = device_conflict(tensors)
    if not reason:
        try:
            return _recorded(code, traced, inputs)
        except RuntimeError as error:
            reason = f"`{first_line(error)}`"
    warn(f"{name} is compiled, but not replayed as a CUDA graph: {reason}", CaptureWarning)
    return code


def device_conflict(tensors: Sequence[Tensor]) -> str:
    """The devices of these tensors, in words, where they are on several; else empty."""
    devices = {tensor.device: tensor for tensor in tensors}
    if len(devices) == 1:
        return ""
    places = ", ".join(f"{device} (shape {list(t.shape)})" for device, t in devices.items())
    return (
        f"it reads tensors on {places}; keep on one device what model, guide and objective read "
        "(a buffer of a network moves with it)"
    )


def _recorded(code: Code, traced: Traced, inputs: Sequence[Tensor]) -> Code:
    held = [tensor.detach().clone() for tensor in inputs]
    with kept_random_state(), kept_values(traced.changed), torch.no_grad():
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                code(*traced.externals, *held)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Another thread may be loading data.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = code(*traced.externals, *held)

    def replay(*everything: Tensor) -> Sequence[Tensor]:
        for place, tensor in zip(held, everything[len(traced.externals) :], strict=True):
            place.copy_(tensor, non_blocking=True)
        graph.replay()
        return outputs

    return replay
