"""A sweep: particles for every datum, drawn in blocks of rows and chunks of particles."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ..data.base import mix_seed
from ..data.columns import Columns, Transform
from ..errors import ConfigError, DataError, PlateError, PyrovaeError, ShapeError, first_line
from ..particles import plan, plate_nesting
from ..particles.argument_types import ArgumentTypes, argument_types
from ..particles.arguments import calls_explained
from ..particles.device import device_of
from ..particles.isolation import isolated
from ..particles.modes import Mode, check_mode, in_mode
from ..particles.non_finite import WAY_OUT, find_non_finite
from ..particles.one_by_one import warn_one_by_one
from ..particles.tracing import Program
from ..runtime.distributed import Team
from ..runtime.progress import progress_bar
from ..runtime.random_state import seed_generators
from ..train.step.diagnosis import cause_of, is_of_a_distribution
from .block import Block
from .block_size import block_shape, draws_in_memory
from .finished import Finished
from .inputs import Data, Inputs, converted
from .options import SweepOptions, seed_or_fresh, spelled_out

_WIDTH = 512  # units of a hidden layer that a small datum may meet

R = TypeVar("R")


@dataclass(frozen=True)
class Sweep:
    """Draws K particles for each of N data, no more than `chunk` of them at once.

    Runs without gradient and without side effects: random streams and networks' buffers are
    restored. The data may lie on another device than the pair: each block is moved to the pair's.
    Pyro's validation runs on the first draw of every block of rows, not on the draws that repeat
    it with other particles.

    Args:
        model: Pyro model p(z)p(x|z).
        guide: Pyro guide q(z|x).
        data: See `Data`.
        args: What the pair takes after the data; each tensor with N rows is cut as they are.
        num_particles: K >= 1, honoured exactly: the last chunk of particles may be smaller.
        chunk: See `SweepOptions`, as for the next nine.
        together: Draw all K particles of a row at once: `chunk` then cuts the rows alone.
        team: Processes that share the blocks; every one gets the results of all, which are those
            of one process. Each calls with the same data.

    Raises:
        See `SweepOptions`.
    """

    model: Program
    guide: Program
    data: Data
    args: tuple[Any, ...] = ()
    num_particles: int = 1
    chunk: int | None = None
    rows: int | None = None
    memory: int | None = None
    seed: int | None = None
    batch_plate: str | None = "auto"
    vectorize_particles: bool = True
    mode: Mode = "evaluation"
    progress: bool | None = None
    columns: Columns | None = None
    transform: Transform | None = None
    together: bool = False
    team: Team = field(default_factory=Team)

    def __post_init__(self) -> None:
        if self.num_particles < 1:
            raise ShapeError(f"num_particles is {self.num_particles}, and must be at least 1")
        for name, value in (("chunk", self.chunk), ("rows", self.rows), ("memory", self.memory)):
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}, and must be at least 1")
        check_mode(self.mode)
        self.inputs.check_count(self.model, self.guide)

    @cached_property
    def inputs(self) -> Inputs:
        """The arguments of the pair for all data."""
        return Inputs.of(self.data, self.args, columns=self.columns, transform=self.transform)

    @cached_property
    def device(self) -> torch.device:
        """Where blocks are moved: to the pair, or, if it has no parameters, to the data."""
        with self.networks_in_mode():
            found = device_of(self.model, self.guide, self.inputs.rows(slice(0, 1)))
        return self.inputs.source.device if found is None else found

    def again(self, **changes: Any) -> "Sweep":  # noqa: ANN401
        """Another sweep over the same data, which are not read from a user's stream again."""
        return replace(self, data=self.inputs.source, columns=None, transform=None, **changes)

    @property
    def num_data(self) -> int:
        """N."""
        return self.inputs.num_data

    def each(self, run: Callable[[Block], R], *, keeps_done: bool = False) -> Finished[R]:
        """`run` every block of rows, in the order of the data, without gradient.

        What a block draws depends on the seed and its place, not on the blocks before it.

        Args:
            run: Called with each block.
            keeps_done: After an interrupt, return the results of the blocks before it, marked;
                the caller makes its result of them by `Finished.give`.
        """
        drawn = seed_or_fresh(self.seed)
        seed = self.team.from_first(lambda: drawn)
        rows, size = self.shape
        results: dict[int, R] = {}
        _keep_freed_memory()
        done, interrupted = self.num_data, None
        try:
            with isolated(), self.networks_in_mode(), torch.no_grad(), self._bar() as bar:
                seed_generators(seed)
                depth, refusal = 0, ""
                for index, start in enumerate(range(0, self.num_data, rows)):
                    args = self.arguments(slice(start, start + rows))
                    if index == 0:
                        depth, refusal = self._plan(args)
                    stop = start + len(args[0])
                    block = Block(
                        self.model,
                        self.guide,
                        args,
                        self.num_particles,
                        size,
                        depth,
                        self.batch_plate,
                        vectorize_particles=self.vectorize_particles and not refusal,
                        advance=_advance(bar, start, stop),
                    )
                    if index % self.team.size == self.team.rank:
                        if index > 0:
                            seed_generators(mix_seed(seed, index) % 2**32)
                        with self._explained(args, start):
                            results[index] = run(block)
                    if refusal and index == 0:
                        warn_one_by_one(refusal)
                    bar.update(stop - bar.n)
        except KeyboardInterrupt:
            if not (keeps_done and results and self.team.alone):
                raise
            done = min(len(results) * rows, self.num_data)
            interrupted = f"{done:,} of {self.num_data:,} data"
        every = {index: r for part in self.team.gather(results) for index, r in part.items()}
        finished = Finished(every[index] for index in sorted(every))
        finished.num_data, finished.interrupted = done, interrupted
        return finished

    def arguments(self, rows: slice) -> tuple[Any, ...]:
        """What the pair is called with for some rows, in its types and on its device.

        Raises:
            DataError: See `SweepOptions`.
        """
        given = self._moved(self.inputs.rows(rows))
        return converted(self.model, self.guide, given, self._types, rows.start)

    def networks_in_mode(self) -> AbstractContextManager[None]:
        """Context in which the networks of the pair are in the mode asked for."""
        return in_mode(self.mode, self.model, self.guide)

    def check_data_are_apart(self, what: str) -> None:
        """Refuse a sweep that measures all data jointly.

        Raises:
            PlateError: It does; `what` names what needs a plate over data.
        """
        if self.batch_plate is None:
            raise PlateError(
                f"batch_plate is None, and {what} by datum need a plate over data: name it"
            )

    @property
    def draws_at_once(self) -> int:
        """Most draws that are held at once: `chunk`, or what memory holds."""
        if self.chunk is not None:
            return self.chunk
        one = self.inputs.source[:1]
        widest = max(t.numel() * max(4, t.element_size()) for t in one)
        return draws_in_memory(self.memory, self.device, max(widest, 4 * _WIDTH))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows of a block, particles of a chunk."""
        rows = self.num_data if self.batch_plate is None else self.rows
        return block_shape(
            self.num_data, self.num_particles, self.draws_at_once, rows, self.together
        )

    def _moved(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return pytree.tree_map_only(Tensor, lambda tensor: tensor.to(self.device), args)

    @cached_property
    def _types(self) -> ArgumentTypes:
        """Of the arguments of the pair, found on the rows of the first block."""
        first = self._moved(self.inputs.rows(slice(0, self.shape[0])))
        with self.networks_in_mode():
            return argument_types(self.model, self.guide, first)

    def _plan(self, block: tuple[Any, ...]) -> tuple[int, str]:
        """Batch dims of the plates, and why the pair cannot take the particle axis."""
        try:
            with calls_explained(self.model, self.guide, block):
                if self.shape[1] == 1 or not self.vectorize_particles:
                    return plate_nesting(self.model, self.guide, *block), ""
                return plan(self.model, self.guide, *block, batch_plate=self.batch_plate)
        except PyrovaeError:
            raise
        except (RuntimeError, ValueError, IndexError) as error:
            if len(block[0]) == self.num_data:
                raise
            raise PlateError(
                f"the pair failed on a block of {len(block[0])} of the {self.num_data} rows "
                f"({first_line(error)}); if it runs on all rows only, "
                f"because it holds parameters per datum, pass rows={self.num_data}"
            ) from error

    @contextmanager
    def _explained(self, args: tuple[Any, ...], start: int) -> Iterator[None]:
        """Within this context a distribution's refusal of NaN in the data says so."""
        try:
            yield
        except ValueError as error:
            bad = find_non_finite(args, self._types.names, start)
            if bad is None or not is_of_a_distribution(error):
                raise
            raise DataError(f"{bad} ({cause_of(error)}); {WAY_OUT}") from error

    def _bar(self) -> Any:  # noqa: ANN401
        progress = False if self.team.rank > 0 else self.progress
        return progress_bar(self.num_data, "data", progress)


sweeps = spelled_out(SweepOptions, Sweep)
"""Decorator of measurements: show the options of a sweep in the signature."""


def sweep_over(
    model: Program,
    guide: Program,
    x: Data,
    args: tuple[Any, ...],
    num_particles: int,
    options: SweepOptions,
    *,
    together: bool = False,
) -> Sweep:
    """The sweep of a measurement called as `measure(model, guide, x, *args, **options)`."""
    return Sweep(
        model,
        guide,
        x,
        args,
        num_particles=num_particles,
        together=together,
        **options,
    )


def _advance(bar: Any, start: int, stop: int) -> Callable[[float], object]:  # noqa: ANN401
    """Moves a bar within the rows of a block, by a share of them."""
    return lambda share: bar.update(min(share * (stop - start), stop - bar.n))


def joined(blocks: Iterable[Tensor]) -> Tensor:
    """The results of the blocks of a sweep as one float64 tensor on the CPU."""
    return torch.cat(list(blocks)).cpu().double()


def _keep_freed_memory() -> None:
    """Let the allocator reuse large tensors instead of asking the system for each anew.

    glibc learns from the largest block that was freed, up to 32 MB, how much to keep. On a CPU
    the page faults of fresh memory otherwise take a third of the time. Other allocators ignore
    this.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8, device="cpu")
