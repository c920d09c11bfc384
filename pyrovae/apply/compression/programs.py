"""A pair as the coder runs it: the same numbers whenever it is run on the same rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pyro
import torch
from torch import Tensor

from ...particles.conditionals import Choose, Conditional, conditionals
from ...particles.isolation import isolated
from ...particles.modes import in_mode
from ...particles.own_parameters import captured_parameters
from ...particles.tracing import FAILURES, Program
from .coders.base import padded
from .float64 import in_float64

_LEAST_ROWS = 2  # in a batch: one row may lose its axis in a network, and names no plate

Sites = dict[str, Conditional]


class Programs:
    """Model and guide, run on batches of rows in evaluation mode, in float64 on the CPU.

    The model never sees the data: it is called with zeros in their place, when it encodes too.
    """

    def __init__(self, model: Program, guide: Program, shape: Sequence[int]) -> None:
        self._programs = model, guide
        self._shape = tuple(shape)
        self._dtype = torch.float64

    @contextmanager
    def running(self, seed: int = 0) -> Iterator[None]:
        """Context in which the pair can be run; nothing of it is left afterwards."""
        with ExitStack() as stack:
            stack.enter_context(isolated())
            stack.enter_context(in_mode("evaluation", *self._programs))
            stack.enter_context(torch.no_grad())
            stack.enter_context(pyro.validation_enabled(False))
            stack.enter_context(in_float64(self._programs, self._leaves()))
            pyro.set_rng_seed(seed)
            yield

    def guide(self, x: Tensor, args: Sequence[Any], choose: Choose | None) -> Sites:
        """The sites of the guide for data [R, *shape]."""
        return conditionals(self._programs[1], x, *args, values=choose)

    def model(self, rows: int, args: Sequence[Any], choose: Choose, x: Tensor | None = None) -> Sites:
        """The sites of the model; x only to see whether it asks for the data."""
        given = torch.zeros(rows, *self._shape) if x is None else x
        return conditionals(self._programs[0], given, *args, values=choose)

    @staticmethod
    def batch(rows: int) -> int:
        """How many rows the networks see where so many are coded."""
        return max(rows, _LEAST_ROWS)

    def _leaves(self) -> list[Tensor]:
        return []


def rows_of(args: Sequence[Any], count: int, part: slice, rows: int) -> tuple[Any, ...]:
    """The arguments for some of `count` rows, padded to `rows`."""
    return tuple(
        padded(_floats(arg[part]), rows)
        if isinstance(arg, Tensor) and arg.shape[:1] == (count,)
        else arg
        for arg in args
    )


def _floats(values: Tensor) -> Tensor:
    values = values.detach().cpu()
    return values.double() if values.is_floating_point() else values
