"""A measurement that is drawn under many seeds."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Generic, NamedTuple, TypeVar

import pyro
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ..capture import keeping_buffers
from .collect import Compile

T = TypeVar("T")


class Chunk(NamedTuple, Generic[T]):
    """What some seeds in a row gave.

    Attributes:
        values: The tensors of the measurement, each with an axis of seeds first [S, ...].
        count: How many seeds, S.
        milliseconds: Of a draw, on average.
    """

    values: T
    count: int
    milliseconds: float


class SeededDraws(Generic[T]):
    """A function of no arguments, run under one seed after another.

    Args:
        draw: Gives tensors, alone or in tuples, lists, dicts and named tuples.
        captured: The same in tensors alone; `draw` itself where it is left out.
        name: How warnings call it.
        compile: See `Compile`.
        device: On which it computes.
    """

    def __init__(
        self,
        draw: Callable[[], T],
        *,
        captured: Callable[[], T] | None = None,
        name: str = "the measurement of a draw",
        compile: Compile = "auto",
        device: torch.device | None = None,
    ) -> None:
        self._draw, self._captured, self._name = draw, captured or draw, name
        self._compile, self._device = compile, device

    def __call__(self, seeds: Sequence[int]) -> Iterator[Chunk[T]]:
        """The draws under these seeds, in order, some at a time."""
        for seed in seeds:
            started = perf_counter()
            with keeping_buffers():
                pyro.set_rng_seed(seed)
                found = self._draw()
            values = pytree.tree_map_only(Tensor, lambda value: value[None], found)
            yield Chunk(values, 1, 1e3 * (perf_counter() - started))
