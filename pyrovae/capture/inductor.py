"""Graphs compiled by torch's inductor, and called without dynamo and its guards."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.fx import GraphModule

from ..errors import CaptureError, first_line
from .elementwise import with_fast_elementwise
from .layouts import share_channels_last_copies

Code = Callable[..., Sequence[Tensor]]

_CHOICES = {
    "fallback_random": True,
    # Take the vector instructions that the processor names. Otherwise torch compiles and loads
    # small libraries to find them. Where one fails by chance, because a killed process has left
    # half a file in torch's cache, the code would round in another way.
    "cpp.vec_isa_ok": True,
}


def compile_graph(graph: GraphModule, tensors: Sequence[Tensor]) -> Code:
    """Compile a graph for tensors of these shapes.

    Random numbers come from torch's own generators, in the order of the graph: what is compiled
    draws what the same computation draws when it runs eagerly.

    Raises:
        CaptureError: There is no working C++ compiler (on a GPU: no triton), or the graph holds
            something that inductor cannot compile.
    """
    import torch._inductor.config as inductor_config  # takes seconds: only where needed

    if all(tensor.device.type == "cpu" for tensor in tensors):
        graph = with_fast_elementwise(share_channels_last_copies(graph))
    try:
        with (
            torch.no_grad(),
            inductor_config.patch(_CHOICES),
            warnings.catch_warnings(),
        ):
            for kind in (DeprecationWarning, FutureWarning):  # which torch's own code causes
                warnings.simplefilter("ignore", kind)
            return _compile(graph, list(tensors))
    except RuntimeError as error:
        raise CaptureError(
            f"torch's inductor says `{first_line(error)}`; is a C++ compiler there?"
        ) from error


def _compile(graph: GraphModule, tensors: list[Tensor]) -> Code:
    """Compile; where that fails with what torch's cache holds, compile again with an empty cache.

    A process that was killed while it compiled may have left half a file there. Without this a
    run that is resumed after it would be eager where it was compiled, and round in another way.
    """
    from torch._inductor.utils import fresh_cache

    compile = cast(Any, torch)._inductor.compile
    try:
        return cast(Code, compile(graph, tensors))
    except RuntimeError:
        with fresh_cache():
            return cast(Code, compile(graph, tensors))
