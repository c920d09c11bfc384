"""One run of a computation as a graph over tensors, with everything that it reads as an input."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from ..errors import CaptureError
from ..runtime.random_state import kept_random_state
from .diagnose import explained
from .read_set import Survey
from .tables import KnownTables, is_table

_LARGEST = 6000  # operations

_tracing: ContextVar[bool] = ContextVar("tracing", default=False)

Run = Callable[..., tuple[Tensor, ...]]
"""A computation: tensors in, tensors out, and whatever it reads and writes besides."""


@dataclass(frozen=True)
class Traced:
    """A graph, and the tensors that it takes before its inputs.

    Attributes:
        graph: Takes `externals`, then the inputs; gives what the computation gives.
        externals: Tensors that the computation reads and is not given.
        changed: Those of them that it writes into, as the graph does.
        frozen: Small tensors of whole numbers that are part of the graph by their values, each
            with the version at which it was.
    """

    graph: GraphModule
    externals: list[Tensor]
    changed: list[Tensor]
    frozen: list[tuple[Tensor, int]]

    @property
    def is_current(self) -> bool:
        """Whether nobody has written into what is frozen."""
        return not self.frozen or not self.written_since()

    def written_since(self) -> list[Tensor]:
        """Which of what is frozen somebody has written into."""
        return [tensor for tensor, version in self.frozen if tensor._version != version]


def trace(run: Run, inputs: Sequence[Tensor], moving: Sequence[Tensor] = ()) -> Traced:
    """Run the computation twice, without lasting effect on tensors and random streams.

    Args:
        run: The computation.
        inputs: What it is given.
        moving: Tensors that are inputs of the graph even if they are small tables.

    Raises:
        CaptureError: It cannot be a graph; the message says which line does what.
    """
    survey = Survey(inputs)
    before = _tracing.set(True)
    try:
        with kept_random_state():
            try:
                with survey:
                    run(*inputs)
            finally:
                survey.undo()
        changed = survey.changed
        moves = {id(tensor) for tensor in (*changed, *moving)}
        frozen = [t for t in survey.externals if is_table(t) and id(t) not in moves]
        fixed = {id(tensor) for tensor in frozen}
        externals = [tensor for tensor in survey.externals if id(tensor) not in fixed]
        with kept_random_state(), kept_values(changed):
            # Draws of Python's and numpy's would be frozen: they must not be those that come next,
            # or the comparison would find them right.
            random.random()
            np.random.random()
            count = len(externals)

            def with_tables(*flat: Tensor) -> tuple[Tensor, ...]:
                with KnownTables(frozen):
                    return run(*flat[count:])

            with torch._dynamo.config.patch(error_on_nested_fx_trace=False):  # compiled networks
                graph = make_fx(with_tables)(*externals, *inputs)
    except (RuntimeError, ValueError, TypeError, AssertionError, LookupError) as error:
        raise CaptureError(explained(error)) from error
    finally:
        _tracing.reset(before)
    if len(graph.graph.nodes) > _LARGEST:
        raise CaptureError(
            f"it takes {len(graph.graph.nodes)} operations, and more than {_LARGEST} would take "
            "minutes to compile; a loop over dimensions (the inverse of an autoregressive flow) "
            "or over particles (vectorize_particles=False) is unrolled"
        )
    return Traced(graph, externals, changed, [(tensor, tensor._version) for tensor in frozen])


def is_tracing() -> bool:
    """Whether what runs is being made a graph, in which no tensor can be looked at."""
    return _tracing.get()


@contextmanager
def kept_values(tensors: Sequence[Tensor]) -> Iterator[None]:
    """After this context the tensors hold what they held before it."""
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
