"""One run of a computation as a graph over tensors, in which all that it reads is an input."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch._guards import TracingContext, tracing
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from ..errors import CaptureError
from ..runtime.random_state import RandomState, kept_random_state, save_random_state
from .diagnose import diagnose
from .one_hot import OneHotByScatter
from .read_set import ReadSet
from .shapes import ShapesMode
from .tables import KnownTables, is_table

_MAX_OPERATIONS = 6000

_tracing: ContextVar[bool] = ContextVar("tracing", default=False)

Run = Callable[..., tuple[Tensor, ...]]
"""A computation that takes and gives tensors; it may read and write others too."""


@dataclass(frozen=True)
class Traced:
    """A graph, and the tensors that it takes before its inputs.

    Attributes:
        graph: Takes `externals`, then the inputs; gives what the computation gives.
        externals: Tensors that the computation reads and is not given.
        changed: Those of them that it writes into, as the graph does.
        frozen: Small tensors of whole numbers whose values are constants of the graph, each with
            its version at that time.
    """

    graph: GraphModule
    externals: list[Tensor]
    changed: list[Tensor]
    frozen: list[tuple[Tensor, int]]

    @property
    def is_current(self) -> bool:
        """Whether the frozen tensors have their values still."""
        return not self.frozen or not self.written_since()

    def written_since(self) -> list[Tensor]:
        """The frozen tensors that have been written into since."""
        return [tensor for tensor, version in self.frozen if tensor._version != version]


def trace(run: Run, inputs: Sequence[Tensor], mutable: Sequence[Tensor] = ()) -> Traced:
    """Run the computation twice, without lasting effect on tensors and random streams.

    Args:
        run: The computation.
        inputs: What it is given.
        mutable: Tensors that are inputs of the graph even if they are small tables.

    Raises:
        CaptureError: It cannot be a graph; the message says which line does what.
    """
    inputs = _distinct(inputs)
    token = _tracing.set(True)
    try:
        read = _read_set(run, inputs)
        unfrozen = {id(tensor) for tensor in (*read.changed, *mutable)}
        frozen = [t for t in read.externals if is_table(t) and id(t) not in unfrozen]
        constants = {id(tensor) for tensor in frozen}
        externals = [tensor for tensor in read.externals if id(tensor) not in constants]
        with kept_random_state(), kept_values(read.changed):
            graph = _graph(run, inputs, externals, frozen)
    except _OtherGeneratorError:
        raise
    except (RuntimeError, ValueError, TypeError, AssertionError, LookupError) as error:
        raise CaptureError(diagnose(error)) from error
    finally:
        _tracing.reset(token)
    if len(graph.graph.nodes) > _MAX_OPERATIONS:
        raise CaptureError(
            f"it takes {len(graph.graph.nodes)} operations, and more than {_MAX_OPERATIONS} would "
            "take minutes to compile; a loop over dimensions (the inverse of an autoregressive "
            "flow) or over particles (vectorize_particles=False) is unrolled"
        )
    versions = [(tensor, tensor._version) for tensor in frozen]
    return Traced(graph, externals, read.changed, versions)


def _distinct(inputs: Sequence[Tensor]) -> list[Tensor]:
    """The inputs, each an object of its own: a trace takes one tensor for one input."""
    seen: set[int] = set()
    found = []
    for tensor in inputs:
        again = id(tensor) in seen
        seen.add(id(tensor))
        found.append(tensor.detach().requires_grad_(tensor.requires_grad) if again else tensor)
    return found


def _read_set(run: Run, inputs: Sequence[Tensor]) -> ReadSet:
    """What a run reads and changes; its changes are undone."""
    found = ReadSet(inputs)
    with kept_random_state() as before:
        try:
            with found:
                run(*inputs)
        finally:
            found.undo()
        _refuse_other_generators(before)
    return found


class _OtherGeneratorError(CaptureError):
    """No line of the run raised it, so that none is to be named."""


def _refuse_other_generators(before: RandomState) -> None:
    """Refuse a run that moved Python's or numpy's generator since then.

    A graph freezes what they drew, and a comparison of two runs does not find a rare branch.
    """
    now = save_random_state()
    names = {"random": now.python == before.python, "numpy.random": now.has_numpy_of(before)}
    if moved := [name for name, is_same in names.items() if not is_same]:
        raise _OtherGeneratorError(
            f"it draws from {moved[0]}, whose numbers a graph would freeze; draw with torch"
        )


def _graph(
    run: Run, inputs: Sequence[Tensor], externals: Sequence[Tensor], tables: Sequence[Tensor]
) -> GraphModule:
    """Trace a run as a function of `externals` and `inputs`."""
    # The graph freezes draws of Python's and numpy's generators. So it must not freeze the numbers
    # that come next, or the comparison with a run would find no difference.
    random.random()
    np.random.random()

    def with_tables(*flat: Tensor) -> tuple[Tensor, ...]:
        with KnownTables(tables) if tables else nullcontext(), OneHotByScatter():
            return run(*flat[len(externals) :])

    return single_operations(with_tables, [*externals, *inputs])


def single_operations(
    function: Callable[..., tuple[Tensor, ...]], tensors: Sequence[Tensor]
) -> GraphModule:
    """What a function of these tensors does, as a graph of single operations."""
    # torch notes the shape of each result on a fake tensor, and outside of this context makes a
    # fake mode for each of them, which takes as long as the rest of the trace.
    shapes = TracingContext(ShapesMode(allow_fallback_kernels=True))
    with tracing(shapes), torch._dynamo.config.patch(error_on_nested_fx_trace=False):
        return make_fx(function)(*tensors)


def is_tracing() -> bool:
    """Whether the running code is being traced into a graph, where tensors have no values."""
    return _tracing.get()


@contextmanager
def kept_values(tensors: Sequence[Tensor]) -> Iterator[None]:
    """After this context the tensors have the values that they had before it."""
    copies = [tensor.detach().clone() for tensor in tensors]
    try:
        yield
    finally:
        put(tensors, copies)


def put(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Write values into tensors."""
    with torch.no_grad():
        for tensor, value in zip(tensors, values, strict=True):
            tensor.copy_(value)
