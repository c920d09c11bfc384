"""Graphs compiled by torch's inductor, and called without dynamo and its guards."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.fx import GraphModule

from ..errors import CaptureError, first_line
from .code_folder import code_folder
from .constants import lifted
from .elementwise import with_fast_elementwise
from .kernel_library import KernelLibrary
from .layouts import share_channels_last_copies
from .processor import quick_instruction_tests
from .stored_code import StoredCode, code_key
from .updates import without_updates

Code = Callable[..., Sequence[Tensor]]

_CHOICES = {
    "fallback_random": True,
    "benchmark_harness": False,  # code that times the code
    # Take the vector instructions that the processor names. Otherwise torch compiles and loads
    # small libraries to find them. Where one fails by chance, because a killed process has left
    # half a file in torch's cache, the code would round in another way.
    "cpp.vec_isa_ok": True,
}

# What may come where a version of torch has changed the code that it writes, or how it compiles
# it. Then torch compiles by itself.
_OTHER_TORCH = (
    ImportError, AttributeError, TypeError, NameError, ValueError, LookupError, SyntaxError,
    OSError, StopIteration,
)  # fmt: skip


def compile_graph(graph: GraphModule, tensors: Sequence[Tensor]) -> Code:
    """Compile a graph for tensors of these shapes.

    Random numbers come from torch's own generators, in the order of the graph: what is compiled
    draws what the same computation draws when it runs eagerly. The code for a CPU is kept beside
    torch's own in its folder (`TORCHINDUCTOR_CACHE_DIR`), and is loaded where the same graph is
    compiled again, in this or another process.

    Raises:
        CaptureError: There is no working C++ compiler (on a GPU: no triton), or the graph holds
            something that inductor cannot compile.
    """
    on_cpu = all(tensor.device.type == "cpu" for tensor in tensors)
    updates = None
    if on_cpu:
        graph, updates = without_updates(graph)
        graph = with_fast_elementwise(share_channels_last_copies(graph))
    code = _compiled(graph, list(tensors), on_cpu)
    return code if updates is None else _followed_by(code, updates)


def _followed_by(code: Code, updates: GraphModule) -> Code:
    """Code, and then updates of what it takes by the last of what it gives."""
    update = updates.forward
    read = len(updates.graph.find_nodes(op="placeholder"))

    def both(*tensors: Tensor) -> Sequence[Tensor]:
        found = code(*tensors)
        given = len(found) - (read - len(tensors))
        with torch.no_grad():
            update(*tensors, *found[given:])
        return found[:given]

    return both


def _compiled(graph: GraphModule, tensors: list[Tensor], on_cpu: bool) -> Code:
    import torch._inductor.config as inductor_config  # takes seconds: only where needed

    try:
        with (
            torch.no_grad(),
            inductor_config.patch(_CHOICES),
            quick_instruction_tests(),
            warnings.catch_warnings(),
        ):
            for kind in (DeprecationWarning, FutureWarning):  # which torch's own code causes
                warnings.simplefilter("ignore", kind)
            folder = code_folder() if on_cpu else None
            if folder is not None:
                with suppress(*_OTHER_TORCH):
                    return _stored(graph, tensors, folder)
            return _compile(graph, tensors)
    except RuntimeError as error:
        raise CaptureError(
            f"torch's inductor says `{first_line(error)}`; is a C++ compiler there?"
        ) from error


def _stored(graph: GraphModule, tensors: list[Tensor], folder: Path) -> Code:
    """The code of this graph in a folder; if it is not there yet, compile it."""
    graph, constants = lifted(graph)
    code = _stored_function(graph, [*constants, *tensors], folder)
    return partial(code, *constants) if constants else code


def _stored_function(graph: GraphModule, tensors: list[Tensor], folder: Path) -> Code:
    """`_stored` for a graph without constants."""
    key = code_key(graph, tensors)
    found = StoredCode.read(folder, key) if key is not None else None
    if found is not None:
        with suppress(*_OTHER_TORCH, RuntimeError):
            return _unboxed(found.loaded())
    library, inner = KernelLibrary(folder), list[Any]()
    outputs = _outputs(graph)
    with library.gathering():
        code = _compile(graph, tensors, inner)
    # Where torch adds something before or after the inner graph, its own code is what runs.
    if key is None or len(inner) != 1 or inner[0][:2] != (len(tensors), outputs):
        return code
    made = _made(inner[0][2], library)
    if made is None:
        return code
    with suppress(*_OTHER_TORCH, RuntimeError):
        loaded = made.loaded()
        made.save(folder, key)
        return _unboxed(loaded)
    return code


def _made(compiled: Any, library: KernelLibrary) -> StoredCode | None:  # noqa: ANN401
    """What inductor has compiled, as code to store; None where it is more than that."""
    source = getattr(compiled, "source_code", None)
    constants = getattr(compiled, "constants", None) or {}
    others = [
        getattr(compiled, name, None) for name in ("torchbind_constants", "frozen_param_names")
    ]
    if not source or not library.is_whole or any(others):
        return None
    if any(type(value) is not Tensor or not value.is_contiguous() for value in constants.values()):
        return None
    return StoredCode(source, library.libraries, library.places, dict(constants))


def _unboxed(call: Callable[[list[Tensor]], Sequence[Tensor]]) -> Code:
    def code(*tensors: Tensor) -> Sequence[Tensor]:
        if not torch.is_grad_enabled():
            return call(list(tensors))  # which it empties
        with torch.no_grad():  # products are written in place
            return call(list(tensors))

    return code


def _outputs(graph: GraphModule) -> int:
    given = next(node for node in graph.graph.nodes if node.op == "output").args[0]
    return len(given) if isinstance(given, (tuple, list)) else -1


def _compile(graph: GraphModule, tensors: list[Tensor], inner: list[Any] | None = None) -> Code:
    """Compile; where that fails with what torch's cache holds, compile again with an empty cache.

    A process that was killed while it compiled may have left half a file there. Without this a
    run that is resumed after it would be eager where it was compiled, and round in another way.

    Args:
        graph: What to compile.
        tensors: Of the shapes that it takes.
        inner: Gets, for each graph that torch makes of it, the numbers of its inputs and outputs
            and what it is compiled to.
    """
    from torch._inductor.utils import fresh_cache

    try:
        return _inductor(graph, tensors, inner)
    except RuntimeError:
        if inner is not None:
            inner.clear()
        with fresh_cache():
            return _inductor(graph, tensors, inner)


def _inductor(graph: GraphModule, tensors: list[Tensor], inner: list[Any] | None) -> Code:
    import torch._functorch.config as functorch_config
    from torch._inductor.compile_fx import compile_fx, compile_fx_inner

    if inner is None:
        return cast(Code, compile_fx(graph, tensors))

    def record(made: GraphModule, inputs: Sequence[Any], **options: Any) -> Any:  # noqa: ANN401
        counts = len(made.graph.find_nodes(op="placeholder")), _outputs(made)
        compiled = compile_fx_inner(made, inputs, **options)
        inner.append((*counts, compiled))
        return compiled

    # Whose entries hold what is kept here.
    with functorch_config.patch(enable_autograd_cache=False):
        return cast(Code, compile_fx(graph, tensors, inner_compile=record))
