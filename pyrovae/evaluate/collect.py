"""Measure every draw of a sweep, eagerly or by one compiled graph."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, Literal, TypeVar

import pyro

from ..capture import CapturedCall
from ..errors import CaptureWarning, ConfigError, warn
from ..particles import Particles
from ..particles.isolation import isolated
from .block import Block
from .finished import Finished
from .sweep import Sweep

Compile = bool | Literal["auto"]
"""Whether the draw with its measurement runs as a compiled graph; "auto" in a long sweep."""

_LONG = 1000  # draws of some 30 ms; a graph saves a third of each, and compiling costs ten seconds

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
            at the end run eagerly, and so does what cannot be captured, with a warning.
        keeps_done: See `Sweep.each`.

    Returns:
        One result per block, in the order of the data.
    """
    if not _is_worth_it(sweep, compile):
        return sweep.each(
            lambda block: combine([measure(p) for p in block.draws()]), keeps_done=keeps_done
        )
    compiled = _Compiled(sweep, measure, asked=compile is True)
    return sweep.each(lambda block: combine(compiled(block)), keeps_done=keeps_done)


class _Compiled(Generic[T]):
    """Measures a block by a compiled graph that all blocks share."""

    def __init__(self, sweep: Sweep, measure: Callable[[Particles], T], *, asked: bool) -> None:
        self._measure, self._asked = measure, asked
        self._rows, self._particles = sweep.shape
        self._total = sweep.num_particles
        self._call = CapturedCall(self._run, "the measurement of a draw")
        self._blocks: list[Block] = []  # the latest

    def __call__(self, block: Block) -> list[T]:
        singly = self._particles > 1 and not block.vectorize_particles
        if singly or self._call.refusal or len(block.args[0]) != self._rows:
            if singly and self._asked and not self._blocks:
                self._blocks = [block]
                _warn_one_by_one(self._particles)
            return [self._measure(p) for p in block.draws()]
        sizes, found = list(block.sizes), []
        if not self._blocks:
            found.append(self._measure(block.draw(sizes.pop(0))))
        else:
            with isolated():
                block.draw(1).log_w  # noqa: B018 (with Pyro's validation, for these data)
        self._blocks = [block]
        for size in sizes:
            result = self._call(size, *block.args) if size == self._particles else None
            found.append(self._run(size, *block.args) if result is None else result)
            block.advance(size / self._total)
        return found

    def _run(self, size: int, *args: Any) -> T:  # noqa: ANN401
        with pyro.validation_enabled(False):
            return self._measure(replace(self._blocks[0], args=args).draw(size))


def _is_worth_it(sweep: Sweep, compile: Compile) -> bool:
    if compile not in (True, False, "auto"):
        raise ConfigError(f"compile is {compile!r}, and must be True, False or 'auto'")
    rows, particles = sweep.shape
    if compile and particles > 1 and not sweep.vectorize_particles:
        if compile != "auto":
            _warn_one_by_one(particles)
        return False
    if compile == "auto":
        return (sweep.num_data // rows) * (sweep.num_particles // particles) >= _LONG
    return bool(compile)


def _warn_one_by_one(particles: int) -> None:
    warn(
        "the measurement of a draw is not compiled: a pair that draws one by one "
        "(vectorize_particles=False, or its networks cannot take all particles at once) is traced "
        f"once for each of {particles} particles, and a graph would hold them all",
        CaptureWarning,
    )
