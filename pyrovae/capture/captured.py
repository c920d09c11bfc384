"""A computation that is traced once for each kind of call, compiled, and checked before use."""

import warnings
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor
from torch.fx import GraphModule

from ..errors import CaptureError, CaptureWarning
from ..runtime.random_state import kept_random_state
from .graph import Run, Traced, kept_values, put, trace
from .inductor import Code, compiled
from .networks import keeping_buffers
from .replay import replayed

Compiler = Callable[[GraphModule, Sequence[Tensor]], Code]


@dataclass
class _Graph:
    traced: Traced
    code: Code
    trusted: bool = False


class Captured:
    """Runs a computation as a compiled graph, or says that it must be run as it is.

    A graph freezes all that is no tensor: shapes, numbers, branches. So each kind of call, told
    apart by a key, has a graph of its own, of which few are kept; and no graph is trusted before
    it has agreed with the computation, in what it gives and what it writes, on data other than
    those that it was traced with, under the same randomness. A computation that cannot be frozen
    is refused with one warning, which names the line.

    Args:
        run: Takes tensors, gives tensors; may read and write other tensors besides, in place.
        name: Who speaks in the warning.
        loose: Tensors that `run` writes and that small differences may leave far apart, such as
            parameters under Adam where a gradient is nothing but rounding; not compared.
        admit: Asked before a kind of call is traced, with its inputs: False puts it off, a
            `CaptureError` refuses it for good.
        max_graphs: How many kinds of call are compiled; others are run as they are.
        tolerance: Largest relative difference between the graph and the computation; by default
            that of rounding in the type of what it gives.
        compiler: Makes code of a graph; None leaves the graph to torch's interpreter.

    Attributes:
        seconds: Time spent on tracing and compiling.
        refusal: Why the computation is run as it is; empty while it need not be.
    """

    def __init__(
        self,
        run: Run,
        name: str,
        *,
        loose: Callable[[], Sequence[Tensor]] = tuple,
        admit: Callable[..., bool] | None = None,
        max_graphs: int = 4,
        tolerance: float | None = None,
        compiler: Compiler | None = compiled,
    ) -> None:
        self._run, self._name, self._loose = run, name, loose
        self._admit = admit
        self._max_graphs, self._compiler = max_graphs, compiler
        self._tolerance = tolerance
        self._graphs: dict[Hashable, _Graph] = {}
        self._last: Hashable = None
        self._captures = 0
        self._moving: list[Tensor] = []  # tables that somebody has written into
        self.seconds, self.refusal = 0.0, ""

    def __call__(self, key: Hashable, *inputs: Tensor) -> Sequence[Tensor] | None:
        """What `run(*inputs)` gives; None where the caller must do without a graph this time.

        Args:
            key: The same for calls that differ in values of tensors alone, their shapes, strides
                and devices included.
        """
        graph, last, self._last = self._graphs.get(key), self._last, key
        if graph is not None and not graph.traced.is_current:
            self._moving += graph.traced.written_since()
            del self._graphs[key]
            graph = None
        if graph is not None and graph.trusted:
            with torch.no_grad():
                return graph.code(*graph.traced.externals, *inputs)
        if self.refusal:
            return None
        if graph is not None:
            return self._first_use(graph, inputs)
        # The first kind is captured at once, others when they come twice in a row: an epoch's
        # last batch may be smaller, and comes alone.
        if not self._graphs or key == last:
            self._capture(key, inputs)
        return None

    def interrupt(self) -> None:
        """The caller does something else: what comes next does not come twice in a row."""
        self._last = None

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
            traced = self._trace(inputs)
            code: Code = traced.graph
            if self._compiler is not None:
                everything = [*traced.externals, *inputs]
                code = self._compiler(traced.graph, everything)
                code = replayed(code, traced, inputs, self._name)
            self._graphs[key] = _Graph(traced, code)
        except CaptureError as error:
            self._refuse(str(error))
        self.seconds += perf_counter() - started

    def _trace(self, inputs: Sequence[Tensor]) -> Traced:
        try:
            return trace(self._kept_run, inputs, moving=self._moving)
        except CaptureError:
            if not self._moving:
                raise
        return trace(self._kept_run, inputs)  # Python reads a table that has changed: once more

    def _first_use(self, graph: _Graph, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """Run the computation and the graph, both from the same state, and compare."""
        changed, externals = graph.traced.changed, graph.traced.externals
        before = [tensor.detach().clone() for tensor in changed]
        with kept_random_state(), torch.no_grad():
            found = graph.code(*externals, *inputs)
        written = [tensor.detach().clone() for tensor in changed]
        put(changed, before)
        expected = self._kept_run(*inputs)
        if not all(bool(t.isfinite().all()) for t in expected if t.is_floating_point()):
            return expected  # there is nothing to compare; the next call may tell
        loose = {id(tensor) for tensor in self._loose()}
        tight = [i for i, tensor in enumerate(changed) if id(tensor) not in loose]
        moved = _distance([changed[i] for i in tight], [before[i] for i in tight])
        strayed = _distance([changed[i] for i in tight], [written[i] for i in tight])
        worst = max(deviation(found, expected), _ratio(strayed, moved))
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

    def _kept_run(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        with keeping_buffers():
            return self._run(*inputs)

    def _refuse(self, reason: str) -> None:
        self.refusal = reason
        warnings.warn(f"{self._name} is not compiled: {reason}", CaptureWarning, stacklevel=5)


def deviation(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Largest relative difference: of each number, and of all larger tensors together."""
    pairs = list(zip(found, expected, strict=True))
    worst = 0.0
    for one, other in pairs:
        if one.numel() == 1:
            size = float(other.detach().double().abs())
            worst = max(worst, _ratio(_distance([one], [other]), size))
    large = [(one, other) for one, other in pairs if one.numel() > 1]
    apart = _distance([one for one, _ in large], [other for _, other in large])
    size = _distance([other for _, other in large], [torch.zeros_like(o) for _, o in large])
    return max(worst, _ratio(apart, size))


def _ratio(distance: float, size: float) -> float:
    return 0.0 if distance == 0 else distance / size if size > 0 else float("inf")


def _distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    total = 0.0
    for a, b in zip(one, other, strict=True):
        total += float((a.detach().double() - b.detach().double()).square().sum())
    return total**0.5


def rounding(tensors: Sequence[Tensor]) -> float:
    """Relative difference that the type of these tensors explains."""
    floats = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
    return max((torch.finfo(dtype).eps ** 0.5 for dtype in floats), default=0.0)
