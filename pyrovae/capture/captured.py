"""A computation that is traced once for each kind of call, compiled, and checked before use."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import torch
from torch import Tensor
from torch.fx import GraphModule

from ..errors import CaptureError, CaptureWarning, warn
from ..runtime.random_state import kept_random_state
from .announcement import announced
from .deviation import deviation, distance, ratio, rounding
from .graph import Run, Traced, kept_values, put, trace
from .inductor import Code, compile_graph
from .networks import keeping_buffers
from .replay import as_cuda_graph

Compiler = Callable[[GraphModule, Sequence[Tensor]], Code]


@dataclass
class _Graph:
    traced: Traced
    code: Code
    trusted: bool = False


@dataclass(frozen=True)
class Ready:
    """A graph that is in use, to be called many times in a row without a key.

    Attributes:
        call: Takes the inputs, without gradient; gives what the computation gives.
        changed: The tensors that it writes into.
    """

    call: Callable[..., Sequence[Tensor]]
    changed: Sequence[Tensor]


class Captured:
    """Runs a computation as a compiled graph, or tells the caller to run it as it is.

    A graph freezes all that is no tensor: shapes, numbers, branches. So each kind of call has a
    graph of its own, which a key finds, and few graphs are kept. Before a graph is used, its
    results and its writes are compared with those of the computation, on other data than those of
    its trace and with the same random numbers. A computation that cannot be frozen is refused
    with one warning, which names the line.

    Args:
        run: Takes and gives tensors; may read other tensors, and write into them in place.
        name: How the warning calls the computation.
        uncompared: Tensors that `run` writes and that are compared roughly, because a small
            difference may grow in them: parameters under Adam, where a gradient is nothing but
            rounding. All together they must not differ by as much as they move.
        admit: Called before a kind of call is traced, with its inputs: False postpones the trace,
            a `CaptureError` refuses the computation for good.
        max_graphs: How many kinds of call are compiled; others are run as they are.
        tolerance: Largest relative difference between the graph and the computation; by default
            that of rounding in the type of what it gives.
        compiler: Makes code of a graph; None leaves the graph to torch's interpreter.
        warns: Whether a refusal is a warning; else only `refusal` says it.

    Attributes:
        seconds: Time spent on tracing and compiling.
        refusal: Why the computation is run as it is; empty while it need not be.
    """

    def __init__(
        self,
        run: Run,
        name: str,
        *,
        uncompared: Callable[[], Sequence[Tensor]] = tuple,
        admit: Callable[..., bool] | None = None,
        max_graphs: int = 4,
        tolerance: float | None = None,
        compiler: Compiler | None = compile_graph,
        warns: bool = True,
    ) -> None:
        self._run, self._name, self._admit = run, name, admit
        self._warns = warns
        self._uncompared = uncompared
        self._max_graphs, self._compiler = max_graphs, compiler
        self._tolerance = tolerance
        self._graphs: dict[Hashable, _Graph] = {}
        self._last_key: Hashable = None
        self._captures = 0
        self._mutable: list[Tensor] = []  # tables that have been written into
        self.seconds, self.refusal = 0.0, ""

    def __call__(self, key: Hashable, *inputs: Tensor) -> Sequence[Tensor] | None:
        """What `run(*inputs)` gives; None where the caller must do without a graph this time.

        Args:
            key: The same for calls that differ in values of tensors alone, their shapes, strides
                and devices included.
        """
        graph, last_key, self._last_key = self._graphs.get(key), self._last_key, key
        if graph is not None and not graph.traced.is_current:
            self._mutable += graph.traced.written_since()
            del self._graphs[key]
            graph = None
        if graph is not None and graph.trusted:
            with torch.no_grad():
                return graph.code(*graph.traced.externals, *inputs)
        if self.refusal:
            return None
        if graph is not None:
            return self._first_use(graph, inputs)
        # The first kind is captured at once, another when it comes twice in a row: the last batch
        # of an epoch may be smaller, and comes alone.
        if not self._graphs or key == last_key:
            self._capture(key, inputs)
        return None

    def ready(self, key: Hashable) -> "Ready | None":
        """The graph of a kind of call, once it is in use; see `__call__` for the key."""
        graph = self._graphs.get(key)
        if graph is None or not graph.trusted or not graph.traced.is_current:
            return None
        self._last_key = key
        return Ready(partial(graph.code, *graph.traced.externals), graph.traced.changed)

    def interrupt(self) -> None:
        """Do not count the next call as the second of its kind in a row."""
        self._last_key = None

    def prepare(self, key: Hashable, inputs: Sequence[Tensor], fresh: Sequence[Tensor]) -> None:
        """Trace with `inputs` and compare on `fresh`, of the same kind, without lasting effect."""
        self._capture(key, inputs)
        graph = self._graphs.get(key)
        if graph is not None:
            with kept_random_state(), kept_values(graph.traced.changed):
                self._first_use(graph, fresh)

    def _capture(self, key: Hashable, inputs: Sequence[Tensor]) -> None:
        if self._captures >= self._max_graphs:
            self._refuse(
                f"{self._captures} kinds of call have been compiled and another one came; keep "
                "shapes and settings, or write what changes into a tensor in place"
            )
            return
        started = perf_counter()
        try:
            if self._admit is not None and not self._admit(*inputs):
                return
            self._captures += 1
            with announced(f"compiling {self._name}"):
                traced = self._trace(inputs)
                code = self._compiled(traced, inputs)
            self._graphs[key] = _Graph(traced, code)
        except CaptureError as error:
            self._refuse(str(error))
        self.seconds += perf_counter() - started

    def _compiled(self, traced: Traced, inputs: Sequence[Tensor]) -> Code:
        if self._compiler is None:
            return traced.graph
        code = self._compiler(traced.graph, [*traced.externals, *inputs])
        return as_cuda_graph(code, traced, inputs, self._name)

    def _trace(self, inputs: Sequence[Tensor]) -> Traced:
        try:
            return trace(self._run_keeping_buffers, inputs, mutable=self._mutable)
        except CaptureError:
            if not self._mutable:
                raise
        # Python reads a table that has changed. Freeze its new values.
        return trace(self._run_keeping_buffers, inputs)

    def _first_use(self, graph: _Graph, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """Run the computation and the graph from one state, and compare what they give."""
        changed, externals = graph.traced.changed, graph.traced.externals
        before = [tensor.detach().clone() for tensor in changed]
        with kept_random_state(), torch.no_grad():
            found = graph.code(*externals, *inputs)
        written = [tensor.detach().clone() for tensor in changed]
        put(changed, before)
        expected = self._run_keeping_buffers(*inputs)
        if not all(bool(t.isfinite().all()) for t in expected if t.is_floating_point()):
            return expected  # nothing can be compared; the next call is
        uncompared = {id(tensor) for tensor in self._uncompared()}
        compared = [i for i, tensor in enumerate(changed) if id(tensor) not in uncompared]
        change = distance([changed[i] for i in compared], [before[i] for i in compared])
        difference = distance([changed[i] for i in compared], [written[i] for i in compared])
        worst = max(deviation(found, expected), ratio(difference, change))
        # A step in another direction differs by its length or more.
        rough = [i for i, t in enumerate(changed) if id(t) in uncompared and t.numel() > 1]
        change = distance([changed[i] for i in rough], [before[i] for i in rough])
        difference = distance([changed[i] for i in rough], [written[i] for i in rough])
        if ratio(difference, change) >= 1.0:
            worst = math.inf
        allowed = self._tolerance
        large = [tensor for tensor in externals if tensor.numel() > 1]
        if worst <= (rounding([*expected, *large]) if allowed is None else allowed):
            graph.trusted = True
            put(changed, written)
            return found
        self._refuse(
            f"its graph differs from it by {worst:.1e}, relative, on a second batch; something in "
            "it changes from call to call without being a tensor, or torch compiles it wrongly"
        )
        return expected

    def _run_keeping_buffers(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        with keeping_buffers():
            return self._run(*inputs)

    def _refuse(self, reason: str) -> None:
        self.refusal = reason
        if self._warns:
            warn(f"{self._name} is not compiled: {reason}", CaptureWarning)
