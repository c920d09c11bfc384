"""A measurement that is drawn under many seeds."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any, Generic, NamedTuple, TypeVar

import pyro
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ..capture import keeping_buffers
from ..capture.graph import Traced, trace
from ..capture.inductor import compile_graph
from ..capture.seeded_check import Drawn, checked_graph, why_not
from ..capture.seeded_graph import SeededGraph
from ..errors import CaptureError, CaptureWarning, ConfigError, warn
from ..runtime.random_state import seed_generators
from .collect import Compile

_MANY = 200  # draws; a trace costs what 50 take on small networks, the first of a process 300
_LONG = 120.0  # seconds ahead by the interpreter; inductor takes 10 to 30, and saves a third
_WARM = 3  # calls until one takes what the others will
_EXAMINED = 3  # draws that are not finite, of which Pyro's validation may say why

T = TypeVar("T")


class Chunk(NamedTuple, Generic[T]):
    """What some seeds in a row gave.

    Attributes:
        values: The tensors of the measurement, each with an axis of seeds first [S, ...].
        num_draws: How many seeds, S.
        milliseconds: Of a draw, on average.
    """

    values: T
    num_draws: int
    milliseconds: float


class SeededDraws(Generic[T]):
    """A function of no arguments, run under one seed after another.

    Where many draws are ahead, the function is traced once after a first draw with Pyro's
    validation. Random numbers are then drawn seed by seed, as the function draws them, and the
    rest of the graph runs for many seeds in one call, or seed by seed where that cannot be. A
    graph is used once it gives what the function gives under a second seed, and the last seed of a
    call is drawn by both again; a warning says where they differ by then. What cannot be a graph
    runs as it is, and so does a draw that is not finite, since Pyro's validation may say why.

    The caller hides side effects (`isolated`, `own_parameters`) and sets whether gradients are on.
    A function that writes into tensors, as batch normalisation does, leaves in them what its
    draws, one after another, write.

    Args:
        draw: Gives tensors, alone or in tuples, lists, dicts and named tuples.
        captured: The same in tensors alone; `draw` itself where it is left out.
        name: How warnings call it.
        compile: "auto" traces where two hundred draws or more are ahead, and leaves graphs to
            torch's interpreter unless it would take more than two minutes. True always traces,
            has inductor compile the graph, and warns where that cannot be; False runs the
            function as it is.

    Attributes:
        refusal: Why the function runs as it is; empty while it need not.
    """

    def __init__(
        self,
        draw: Callable[[], T],
        *,
        captured: Callable[[], T] | None = None,
        name: str = "the measurement of a draw",
        compile: Compile = "auto",
    ) -> None:
        if compile not in (True, False, "auto"):
            raise ConfigError(f"compile is {compile!r}, and must be True, False or 'auto'")
        self._draw, self._captured, self._name = draw, captured or draw, name
        self._compile = compile
        self._tree: Any = None
        self._first: _Draws | None = None
        self._traced: Traced | None = None
        self._graph: SeededGraph | None = None
        self._calls, self._examined = 0, 0
        self.refusal = ""

    def __call__(self, seeds: Sequence[int], more: float = 0) -> Iterator[Chunk[T]]:
        """The draws under these seeds, in order, some at a time.

        Args:
            seeds: Of the draws.
            more: How many the caller will probably ask for after these.
        """
        ahead = list(seeds)
        wanted = self._compile is True or (self._compile and len(ahead) + more >= _MANY)
        while ahead:
            if self._graph is not None:
                draws = self._by_graph(self._graph, ahead)
            elif not wanted or self.refusal:
                draws = self._eager(ahead[0])
            elif self._first is None:
                draws = self._first = self._eager(ahead[0])
            else:
                draws = self._checked(self._first, ahead[0])
            count = len(draws.values[0])
            yield Chunk(pytree.tree_unflatten(draws.values, self._tree), count, draws.milliseconds)
            del ahead[:count]

    def _eager(self, seed: int) -> "_Draws":
        started = perf_counter()
        with keeping_buffers():
            seed_generators(seed)
            leaves, self._tree = pytree.tree_flatten(self._draw())
        values = [leaf.detach()[None] for leaf in leaves]
        return _Draws([seed], values, started)

    def _by_graph(self, graph: SeededGraph, ahead: Sequence[int]) -> "_Draws":
        if not graph.traced.is_current:
            self._graph, self.refusal = None, "a table that the graph holds has changed"
            return self._eager(ahead[0])
        started = perf_counter()
        seeds = ahead[: graph.size]
        draws = _Draws(seeds, graph(seeds), started)
        self._calls += 1
        if self._examined < _EXAMINED and not graph.traced.changed:
            self._examine(draws)
        if len(seeds) == len(ahead) and not graph.traced.changed:
            self._check_last(graph, draws.seeds[-1])
        if self._calls == _WARM and draws.milliseconds * len(ahead) > 1e3 * _LONG:
            self._compile_now(graph, draws)
        return draws

    def _checked(self, first: "_Draws", seed: int) -> "_Draws":
        """A draw of the function; a graph that draws the same is used from the next one on."""
        if self._traced is None:
            self._trace()
        traced = self._traced
        if traced is None:
            return self._eager(seed)
        before = [tensor.clone() for tensor in traced.changed]
        second = self._eager(seed)
        # Where nothing is finite nothing can be compared, and the next draw is.
        if any(value.isfinite().any() for value in second.values):
            # What a draw writes the next one reads, so that the first cannot come again.
            draws = [second] if traced.changed else [first, second]
            values = [torch.cat(both) for both in zip(*(d.values for d in draws), strict=True)]
            seeds = [seed for draw in draws for seed in draw.seeds]
            drawn = Drawn(seeds, values, before, [tensor.clone() for tensor in traced.changed])
            compiler = compile_graph if self._compile is True else None
            try:
                self._graph = checked_graph(traced, drawn, compiler, self._name)
            except CaptureError as error:
                self._refuse(error)
        return second

    def _trace(self) -> None:
        def run() -> tuple[Tensor, ...]:
            with pyro.validation_enabled(False), keeping_buffers():
                return tuple(leaf.detach() for leaf in pytree.tree_leaves(self._captured()))

        try:
            self._traced = trace(run, [])
        except CaptureError as error:
            self._refuse(error)

    def _compile_now(self, graph: SeededGraph, draws: "_Draws") -> None:
        """Have inductor compile a graph that has much to do, or keep it as it is."""
        if self._compile != "auto" or graph.traced.changed:
            return
        try:
            compiled = SeededGraph(graph.traced, graph.is_together, compile_graph, self._name)
            if not why_not(compiled, Drawn(draws.seeds, draws.values)):
                self._graph = compiled
        except (CaptureError, RuntimeError):
            return

    def _examine(self, draws: "_Draws") -> None:
        """Draw again, as the function does, what is not finite: Pyro may say what is wrong."""
        # One pass over the numbers where all is well: a sum is not finite if one of them is not.
        if all(bool(value.sum().isfinite()) for value in draws.values):
            return
        finite = [value.isfinite().reshape(len(value), -1).all(1) for value in draws.values]
        bad = (~torch.stack(finite).all(0)).nonzero()
        if len(bad):
            self._examined += 1
            self._eager(draws.seeds[int(bad[0])])

    def _check_last(self, graph: SeededGraph, seed: int) -> None:
        """Draw once more as the function does: it may have changed since the graph was checked."""
        why = why_not(graph, Drawn([seed], self._eager(seed).values))
        if why:
            self._graph, self.refusal = None, why
            warn(
                f"{self._name} is not what it was when it was traced: {why}. Its draws are of the "
                "beginning; give compile=False",
                CaptureWarning,
            )

    def _refuse(self, error: CaptureError) -> None:
        self.refusal = str(error)
        if self._compile is True:
            warn(f"{self._name} is not compiled: {error}", CaptureWarning)


class _Draws:
    """Draws under some seeds: their tensors [S, ...], and milliseconds a draw."""

    def __init__(self, seeds: Sequence[int], values: list[Tensor], started: float) -> None:
        if values and values[0].is_cuda:
            torch.cuda.synchronize(values[0].device)
        self.seeds, self.values = list(seeds), values
        self.milliseconds = 1e3 * (perf_counter() - started) / len(self.seeds)
