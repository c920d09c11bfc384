"""Measure every draw of a sweep, eagerly or by one compiled graph."""

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, Generic, Literal, TypeVar, cast

import pyro
from torch import Tensor
from torch.fx import GraphModule

from ..capture import CapturedCall
from ..capture.cross_entropy import with_summed_cross_entropy
from ..capture.inductor import Code, compile_graph
from ..capture.products import with_fused_products
from ..errors import CaptureWarning, ConfigError, warn
from ..particles import Particles
from ..particles.isolation import isolated
from .block import Block
from .finished import Finished
from .sweep import Sweep

Compile = bool | Literal["auto"]
"""Whether the draw with its measurement runs as a compiled graph; "auto" where that saves time."""

_WORTH = 20.0  # seconds of eager draws ahead; a graph saves half of them, and costs some ten
_TIMED = 3  # draws
_LONG = 1000  # draws, where they are not timed

T = TypeVar("T")
R = TypeVar("R")


def collect(
    sweep: Sweep,
    measure: Callable[[Particles], T],
    combine: Callable[[list[T]], R],
    *,
    compile: Compile = False,
    keeps_done: bool = False,
) -> Finished[R]:
    """`measure` every draw of a sweep, and `combine` those of one block of rows.

    Args:
        sweep: What is drawn.
        measure: Gives tensors, alone or in tuples, named tuples and dicts. To be captured it must
            not read their values.
        combine: Gets the measurements of a block, of [k, b] particles each, and runs eagerly.
        compile: Capture the draw with its measurement. The first draw runs eagerly with Pyro's
            validation; each further block draws one more particle for validation. Smaller draws
            at the end run eagerly, and so does what cannot be captured, with a warning. "auto"
            times the eager draws, and compiles once those ahead would take 20 seconds; where
            ranks share the sweep, and on a GPU, once a thousand draws are ahead. What cannot be
            captured it leaves eager in silence.
        keeps_done: See `Sweep.each`.

    Returns:
        One result per block, in the order of the data.
    """
    if not _may_pay(sweep, compile):
        return sweep.each(
            lambda block: combine([measure(p) for p in block.draws()]), keeps_done=keeps_done
        )
    compiled = _Compiled(sweep, measure, compile)
    return sweep.each(lambda block: combine(compiled(block)), keeps_done=keeps_done)


class _Compiled(Generic[T]):
    """Measures a block by a compiled graph that all blocks share, once that is worth it."""

    def __init__(self, sweep: Sweep, measure: Callable[[Particles], T], compile: Compile) -> None:
        self._measure, self._asked = measure, compile is True
        self._rows, self._particles = sweep.shape
        self._total = sweep.num_particles
        self._blocks: list[Block] = []  # the latest
        # A rank does not wait for its own clock: all compile, or none.
        self._worth_it = self._asked or not _is_timed(sweep)
        self._ahead = math.ceil(sweep.num_data / self._rows) * math.ceil(
            self._total / self._particles
        )
        self._seconds: list[float] = []
        self._call = self._new_call() if self._worth_it else None

    def __call__(self, block: Block) -> list[T]:
        singly = self._particles > 1 and not block.vectorize_particles
        refused = self._call is not None and self._call.refusal
        if singly or refused or len(block.args[0]) != self._rows:
            if singly and self._asked and not self._blocks:
                self._blocks = [block]
                _warn_one_by_one(self._particles)
            return [self._measure(p) for p in block.draws()]
        sizes, found = list(block.sizes), []
        if not self._blocks or not self._worth_it:
            found.append(self._timed(lambda: self._measure(block.draw(sizes[0])), sizes[0]))
            block.advance(sizes.pop(0) / self._total)
        else:
            with isolated():
                block.draw(1).log_w  # noqa: B018 (with Pyro's validation, for these data)
        self._blocks = [block]
        for size in sizes:
            result = self._graphed(size, block)
            if result is None:
                result = self._timed(partial(self._run, size, *block.args), size)
            found.append(result)
            block.advance(size / self._total)
        return found

    def _graphed(self, size: int, block: Block) -> T | None:
        """By the graph; None where this draw is to be eager."""
        if size != self._particles or not self._worth_it:
            return None
        self._ahead -= 1
        if self._call is None:
            self._call = self._new_call()
        with nullcontext() if self._asked else warnings.catch_warnings():
            if not self._asked:
                warnings.simplefilter("ignore", CaptureWarning)
            return cast(T | None, self._call(size, *block.args))

    def _new_call(self) -> CapturedCall:
        return CapturedCall(self._run, "the measurement of a draw", compiler=_compiled)

    def _timed(self, draw: Callable[[], T], size: int) -> T:
        """An eager draw, which tells whether a graph is worth compiling for those ahead."""
        if self._worth_it:
            return draw()
        started = perf_counter()
        found = draw()
        self._seconds.append(perf_counter() - started)
        self._ahead -= 1
        # The first draw pays for what is done once.
        recent = self._seconds[1:][-_TIMED:]
        if size == self._particles and len(recent) == _TIMED:
            self._worth_it = self._ahead * median(recent) > _WORTH
        return found

    def _run(self, size: int, *args: Any) -> T:  # noqa: ANN401
        with pyro.validation_enabled(False):
            return self._measure(replace(self._blocks[0], args=args).draw(size))


def _compiled(graph: GraphModule, tensors: Sequence[Tensor]) -> Code:
    """A graph that is only evaluated, which leaves more freedom than a training step."""
    if all(tensor.device.type == "cpu" for tensor in tensors):
        graph = with_fused_products(with_summed_cross_entropy(graph))
    return compile_graph(graph, tensors)


def _may_pay(sweep: Sweep, compile: Compile) -> bool:
    if compile not in (True, False, "auto"):
        raise ConfigError(f"compile is {compile!r}, and must be True, False or 'auto'")
    rows, particles = sweep.shape
    if compile and particles > 1 and not sweep.vectorize_particles:
        if compile != "auto":
            _warn_one_by_one(particles)
        return False
    if compile == "auto" and not _is_timed(sweep):
        return (sweep.num_data // rows) * (sweep.num_particles // particles) >= _LONG
    return bool(compile)


def _is_timed(sweep: Sweep) -> bool:
    """Whether "auto" goes by time.

    Not where ranks must agree, nor on a GPU, whose graphs draw other numbers: there the same call
    has to choose alike each time.
    """
    return sweep.team.alone and sweep.device.type == "cpu"


def _warn_one_by_one(particles: int) -> None:
    warn(
        "the measurement of a draw is not compiled: a pair that draws one by one "
        "(vectorize_particles=False, or its networks cannot take all particles at once) is traced "
        f"once for each of {particles} particles, and a graph would hold them all",
        CaptureWarning,
    )
