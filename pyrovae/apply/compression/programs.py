"""A pair as the coder runs it: the same numbers whenever it is run on the same rows."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import Any

import pyro
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ...particles.conditionals import Choose, Conditional, conditionals
from ...particles.isolation import isolated
from ...particles.modes import in_mode
from ...particles.own_parameters import captured_parameters
from ...particles.tracing import FAILURES, Program
from .coders.base import padded
from .float64 import in_float64

_LEAST_ROWS = 2  # of a batch: with one row a network may lose an axis

Sites = dict[str, Conditional]


class Programs:
    """Model and guide on batches of rows, in evaluation mode, on the CPU.

    They run in float64 where they can, else in the types that they are in. The model never sees
    the data: it is called with zeros in their place, when it encodes too.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        shape: Of one datum.
    """

    def __init__(self, model: Program, guide: Program, shape: Sequence[int]) -> None:
        self._model, self._guide, self._shape = model, guide, tuple(shape)
        self._is_double, self._dtype = True, torch.float64

    @contextmanager
    def running(self, args: Sequence[Any], seed: int) -> Iterator[None]:
        """Context in which the pair can be run; nothing of it is left afterwards.

        Args:
            args: What the pair takes after the data, for some rows.
            seed: Of draws.
        """
        with ExitStack() as stack:
            stack.enter_context(isolated())
            stack.enter_context(in_mode("evaluation", self._model, self._guide))
            stack.enter_context(torch.no_grad())
            stack.enter_context(pyro.validation_enabled(False))
            self._choose_types(args)
            stack.enter_context(self._in_types(self._is_double, args))
            pyro.set_rng_seed(seed)
            yield

    def guide(self, x: Tensor, args: Sequence[Any], choose: Choose | None = None) -> Sites:
        """The sites of the guide for data [R, *shape]."""
        return conditionals(
            self._guide, x.to(self._dtype), *self._typed(args), values=self._cast(choose)
        )

    def model(
        self, rows: int, args: Sequence[Any], choose: Choose | None = None, x: Tensor | None = None
    ) -> Sites:
        """The sites of the model for so many rows; x only to see whether it uses the data."""
        given = torch.zeros(rows, *self._shape) if x is None else x
        return conditionals(
            self._model, given.to(self._dtype), *self._typed(args), values=self._cast(choose)
        )

    def zeros(self, rows: int) -> Tensor:
        """Placeholders for so many data."""
        return torch.zeros(rows, *self._shape, dtype=self._dtype)

    @staticmethod
    def batch(rows: int) -> int:
        """How many rows the pair sees where so many are coded."""
        return max(rows, _LEAST_ROWS)

    @staticmethod
    def _cast(choose: Choose | None) -> Choose | None:
        """What is chosen, in the type that the networks take."""
        if choose is None:
            return None

        def cast(name: str, fn: TorchDistribution) -> Tensor | None:
            value = choose(name, fn)
            if value is None or not value.is_floating_point():
                return value
            return value.to(torch.get_default_dtype())

        return cast

    def _typed(self, args: Sequence[Any]) -> list[Any]:
        floats = torch.get_default_dtype()
        return [
            a.to(floats) if isinstance(a, Tensor) and a.is_floating_point() else a for a in args
        ]

    def _choose_types(self, args: Sequence[Any]) -> None:
        """Find types in which the pair runs: both directions find the same."""
        rows = next((len(a) for a in args if isinstance(a, Tensor) and a.dim()), _LEAST_ROWS)
        for is_double in (True, False):
            for dtype in (torch.float64 if is_double else torch.float32, torch.int64):
                self._is_double, self._dtype = is_double, dtype
                with suppress(*FAILURES), self._in_types(is_double, args):
                    self.guide(self.zeros(rows), args)
                    self.model(rows, args)
                    return
        # It will fail, and say why.
        self._is_double, self._dtype = True, torch.float64

    @contextmanager
    def _in_types(self, is_double: bool, args: Sequence[Any]) -> Iterator[None]:
        leaves = self._leaves(args) if is_double else []
        programs = (self._model, self._guide)
        with in_float64(programs, leaves) if is_double else nullcontext():
            yield

    def _leaves(self, args: Sequence[Any]) -> list[Tensor]:
        """The parameters that the pair declares, as far as it runs."""
        rows = next((len(a) for a in args if isinstance(a, Tensor) and a.dim()), _LEAST_ROWS)
        found: list[Tensor] = []
        for program in (self._guide, self._model):
            with isolated(), captured_parameters() as leaves, suppress(*FAILURES):
                program(torch.zeros(rows, *self._shape), *args)
            found += leaves.values()
        return found


def rows_of(args: Sequence[Any], count: int, rows: slice, batch: int) -> tuple[Any, ...]:
    """The arguments for some of `count` rows, padded to a batch; others as they are."""
    return tuple(
        padded(arg[rows].detach().cpu(), batch)
        if isinstance(arg, Tensor) and arg.shape[:1] == (count,)
        else arg
        for arg in args
    )
