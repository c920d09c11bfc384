"""Graphs as machine code, by torch's inductor, called without dynamo and its guards."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.fx import GraphModule

from ..errors import CaptureError, first_line
from .layouts import laid_out_once

Code = Callable[..., Sequence[Tensor]]

_CHOICES = {
    "fallback_random": True,
    # Take the vector instructions that the processor names. Else torch compiles and loads small
    # libraries to see which there are, and what fails there by chance, as where a killed process
    # has left half a file in torch's cache, makes code that rounds in another way.
    "cpp.vec_isa_ok": True,
}


def compiled(graph: GraphModule, tensors: Sequence[Tensor]) -> Code:
    """Compile a graph for tensors of these shapes.

    Random numbers come from torch's own generators, in the order of the graph: what is compiled
    draws what the same computation draws when it runs eagerly.

    Raises:
        CaptureError: There is no working C++ compiler (on a GPU: no triton), or the graph holds
            something that inductor cannot compile.
    """
    import torch._inductor.config as inductor_config  # seconds that no eager program needs

    if all(tensor.device.type == "cpu" for tensor in tensors):
        graph = laid_out_once(graph)
    try:
        with (
            torch.no_grad(),
            inductor_config.patch(_CHOICES),
            warnings.catch_warnings(),
        ):
            for kind in (DeprecationWarning, FutureWarning):  # what torch says to itself
                warnings.simplefilter("ignore", kind)
            return _despite_its_cache(graph, list(tensors))
    except RuntimeError as error:
        raise CaptureError(
            f"torch's inductor says `{first_line(error)}`; is a C++ compiler there?"
        ) from error


def _despite_its_cache(graph: GraphModule, tensors: list[Tensor]) -> Code:
    """Compile once more, from nothing, where that fails with what torch's cache holds.

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
