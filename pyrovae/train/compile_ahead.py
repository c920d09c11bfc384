"""Compile the steps of a run before the first one is taken."""

import itertools
from typing import Literal

from ..data import BatchSource
from ..runtime.random_state import kept_random_state
from .loop import Loop
from .stepper import Batch, Stepper

# Steps after which compiling has paid. It costs some ten seconds the first time, and saves some
# milliseconds a step. Both grow with the number of operations, so that their ratio depends on the
# pair less than either: see `benchmarks/compile_auto.py`, with nothing in torch's cache. The rule
# counts steps, not seconds, so that the same call decides in the same way each time, on all ranks,
# and when it is resumed.
_LONG = 5_000


def is_worth_compiling(compile: bool | Literal["auto"], steps: int) -> bool:
    """What `compile` says; "auto" compiles where the whole run has 5,000 steps or more."""
    return steps >= _LONG if compile == "auto" else compile


def compile_ahead(stepper: Stepper, source: BatchSource, loop: Loop, steps_per_call: int) -> None:
    """Compile one step, and a call of several; each is traced on some batches, checked on others.

    Args:
        stepper: Takes the steps.
        source: Of the batches.
        loop: Where the run stands.
        steps_per_call: Steps of one graph.
    """
    for count in sorted({1, steps_per_call if steps_per_call <= len(source) else 1}):
        with kept_random_state():
            found = _equal_batches(source, loop, 2 * count)
        if len(found) == 2 * count:
            stepper.prepare(found[:count], found[count:])


def _equal_batches(source: BatchSource, loop: Loop, count: int) -> list[Batch]:
    """So many batches with as many rows as the first.

    Fewer where a loader's batches differ so much that some epochs do not hold as many.
    """
    epoch = loop.epoch - 1
    stream = itertools.chain.from_iterable(map(source.epoch, range(epoch, epoch + count + 1)))
    first = next(stream)
    equal = (batch for batch in stream if len(batch[0]) == len(first[0]))
    found = [first, *itertools.islice(equal, count - 1)]
    return [tuple(tensor.to(loop.device) for tensor in batch) for batch in found]
