"""Runs whose intermediate tensors are dropped, and made again where a gradient needs them."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import Any, TypeVar, cast

import pyro
import torch
from pyro.infer.util import is_validation_enabled
from torch.utils.checkpoint import checkpoint

from ..runtime.random_state import restore_random_state, save_random_state
from .handlers import Trace
from .isolation import isolated

T = TypeVar("T")


def recomputed(run: Callable[[], T]) -> T:
    """What `run` gives, of whose graph nothing is held but what it returns.

    The backward pass runs it again with the same random numbers, uses what that made, and drops
    it. So `run` must do the same every time but for random numbers.
    """
    if not torch.is_grad_enabled():
        return run()
    return cast(
        T,
        checkpoint(run, use_reentrant=False, preserve_rng_state=False, context_fn=_contexts),
    )


def in_chunks(
    total: int, chunk: int, run: Callable[[int, Trace | None], tuple[T, Trace]]
) -> list[T]:
    """What `run` gives for so many particles, `chunk` at a time at most, each `recomputed`.

    Args:
        total: Particles of all runs.
        chunk: The most of one run; all are about equal.
        run: Takes a number of particles and the subsample to draw them on, which is None for the
            first; gives what it made, and its subsample.
    """
    count = -(-total // chunk)
    made, same = [], None
    for i in range(count):
        size = total * (i + 1) // count - total * i // count
        part, subsample = recomputed(partial(run, size, same))
        made.append(part)
        same = same or subsample
    return made


def _contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Of the run, and of its repetitions."""
    return nullcontext(), _AsNow()


class _AsNow(AbstractContextManager[None]):
    """A context, to be entered later and perhaps again, with the streams of this moment."""

    def __init__(self) -> None:
        self._random_state = save_random_state()
        self._validates = is_validation_enabled()
        self._stack = ExitStack()

    def __enter__(self) -> None:
        self._stack.enter_context(isolated())
        self._stack.enter_context(pyro.validation_enabled(self._validates))
        restore_random_state(self._random_state)

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401
        self._stack.close()
