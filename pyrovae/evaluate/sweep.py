"""What the measurements share: a sweep over the data in blocks, over particles in chunks."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import pyro
import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor
from torch.utils import _pytree as pytree
from tqdm import tqdm

from ..data.base import Split, mix_seed
from ..data.conversion import check_dense
from ..errors import ConfigError, DataError, PlateError, PyrovaeError, ShapeError, first_line
from ..objectives.pyro_loss import as_objective
from ..particles import Particles, draw, plan, plate_nesting
from ..particles.device import device_of, to_device_of
from ..particles.isolation import isolated
from ..particles.modes import Mode, check_mode, in_mode
from ..particles.one_by_one import warn_one_by_one
from ..particles.tracing import Program
from ..runtime.distributed import Team

Data = Tensor | tuple[Tensor, ...] | Split
"""A tensor [N, ...], several with equal N, or a split (with labels where it is `labelled`)."""

# Bytes. More is slower on a CPU: what does not fit what `_keep_freed_memory` keeps faults in anew.
_MEMORY_CPU, _MEMORY_GPU = 64_000_000, 512_000_000
_LIVE = 8  # tensors as large as the decoder's output that exist at once
_WIDTH = 512  # units of a hidden layer that a small datum may meet
_ROWS = 16  # data a block where K leaves the choice: the guide runs on them for every chunk

R = TypeVar("R")


@dataclass(frozen=True)
class Sweep:
    """Draws K particles for each of N data, no more than `chunk` of them at once.

    Runs without gradient and without side effects: random streams and networks' buffers are
    restored. The data may lie elsewhere than the pair: each block is brought to where it lies.
    Pyro's validation runs on the first draw of every block of rows and not on those
    that repeat it with other particles.

    Args:
        model: Pyro model p(z)p(x|z).
        guide: Pyro guide q(z|x).
        data: See `Data`.
        args: What the pair takes after the data; each tensor with N rows is cut as they are.
        num_particles: K >= 1, honoured exactly: the last chunk of particles may be smaller.
        chunk: Particles times data evaluated at once; None chooses it by `memory`.
        rows: Data evaluated at once, N for a pair that cannot run on fewer (its guide holds
            parameters per datum); None chooses.
        memory: Bytes that the intermediate tensors of one draw may take, estimated by the size
            of a datum; None is 64 MB on a CPU, where more is slower, and else 512 MB. Networks
            much wider than their data (convolutions with many channels) need `chunk`.
        seed: Of the draws; the same seed and chunk give the same result. None takes a fresh one
            from torch's global stream.
        batch_plate: The plate over data: "auto" finds the one that encloses every site; None
            measures all data jointly, in one block.
        vectorize_particles: False traces the pair once per particle, as is done with a pair that
            cannot take the particle axis (after one `ParticleAxisWarning`).
        mode: "evaluation" puts the networks of the pair into evaluation mode and back, module by
            module; "as is" leaves each in the mode that it is in.
        progress: Show a bar.
        together: Draw all K particles of a row at once: `chunk` then cuts the rows alone.
        team: Processes that share the blocks; every one gets the results of all, which are those
            of one process. Each calls with the same data.

    Raises:
        ConfigError: `chunk`, `rows` or `memory` is not positive, or there is no such mode.
        DataError: There are no data, or their tensors have unequal N.
        PlateError: The pair draws its own subsample of the rows that it is given, or cannot run
            on a block of them.
        ShapeError: `num_particles` is below one.
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
    progress: bool = False
    together: bool = False
    team: Team = field(default_factory=Team)

    def __post_init__(self) -> None:
        if self.num_particles < 1:
            raise ShapeError(f"num_particles is {self.num_particles}, and must be at least 1")
        for name, value in (("chunk", self.chunk), ("rows", self.rows), ("memory", self.memory)):
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}, and must be at least 1")
        check_mode(self.mode)
        sizes = [len(t) for t in self._tensors()]
        if sizes[0] == 0 or len(set(sizes)) > 1:
            raise DataError(
                f"the data have {sizes} rows; give at least one, and equally many in each tensor"
            )

    @cached_property
    def home(self) -> torch.device:
        """Where the pair lies, and the blocks are brought; where the data lie, if none knows."""
        args = (*self._tensors(), *self.args)
        with self.modes():
            found = device_of(self.model, self.guide, self._rows_of(args, slice(0, 1)))
        return args[0].device if found is None else found

    @property
    def num_data(self) -> int:
        """N."""
        return len(self._tensors()[0])

    def each(self, run: Callable[["Block"], R]) -> list[R]:
        """`run` every block of rows, in the order of the data, without gradient.

        What a block draws depends on the seed and its place, not on the blocks before it.
        """
        drawn = int(torch.randint(2**31, ())) if self.seed is None else self.seed
        seed = self.team.from_first(lambda: drawn)
        rows, size = self.shape
        args = (*self._tensors(), *self.args)
        results: dict[int, R] = {}
        _keep_freed_memory()
        with isolated(), self.modes(), torch.no_grad(), self._bar() as bar:
            pyro.set_rng_seed(seed)
            depth, refusal = self._plan(self._cut(args, slice(0, rows)))
            sweep = replace(self, vectorize_particles=False) if refusal else self
            for index, start in enumerate(range(0, self.num_data, rows)):
                block = Block(sweep, self._cut(args, slice(start, start + rows)), size, depth)
                if index % self.team.size == self.team.rank:
                    if index > 0:
                        pyro.set_rng_seed(mix_seed(seed, index) % 2**32)
                    results[index] = run(block)
                if refusal and index == 0:
                    warn_one_by_one(refusal)
                bar.update(len(block.args[0]))
        every = {index: r for part in self.team.gather(results) for index, r in part.items()}
        return [every[index] for index in sorted(every)]

    def modes(self) -> AbstractContextManager[None]:
        """Context in which the networks of the pair are in the mode asked for."""
        return in_mode(self.mode, self.model, self.guide)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows of a block, particles of a chunk: as even as their numbers allow."""
        chunk = self.chunk
        if chunk is None:
            tensors = self._tensors()
            on_cpu = self.home.type == "cpu"
            memory = self.memory or (_MEMORY_CPU if on_cpu else _MEMORY_GPU)
            widest = max(t[0].numel() * max(4, t.element_size()) for t in tensors)
            chunk = max(1, memory // (_LIVE * max(widest, 4 * _WIDTH)))
        fixed = self.num_data if self.batch_plate is None else self.rows
        if self.together:
            most = max(1, chunk // self.num_particles)
            return _evenly(self.num_data, most) if fixed is None else fixed, self.num_particles
        rows = min(self.num_data, _ROWS if fixed is None else fixed)
        particles = _evenly(self.num_particles, max(1, chunk // rows))
        if fixed is None:
            rows = _evenly(self.num_data, max(1, chunk // particles))
        return rows, particles

    def _plan(self, block: tuple[Any, ...]) -> tuple[int, str]:
        """Batch dims of the plates, and why the pair cannot take the particle axis."""
        try:
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

    def _cut(self, args: tuple[Any, ...], rows: slice) -> tuple[Any, ...]:
        part = self._rows_of(args, rows)
        return pytree.tree_map_only(Tensor, lambda tensor: tensor.to(self.home), part)

    def _rows_of(self, args: tuple[Any, ...], rows: slice) -> tuple[Any, ...]:
        return tuple(
            arg[rows] if isinstance(arg, Tensor) and arg.shape[:1] == (self.num_data,) else arg
            for arg in args
        )

    def _tensors(self) -> tuple[Tensor, ...]:
        return as_tensors(self.data)

    def _bar(self) -> tqdm:
        return tqdm(total=self.num_data, unit=" data", disable=not self.progress, leave=False)


@dataclass(frozen=True)
class Block:
    """Some rows of a sweep.

    Attributes:
        sweep: What it is a part of.
        args: The arguments that the pair takes for these rows.
        chunk: Particles drawn at once.
        depth: Batch dims that the pair's plates occupy.
    """

    sweep: Sweep
    args: tuple[Any, ...]
    chunk: int
    depth: int

    @property
    def sizes(self) -> Iterator[int]:
        """Particles of each draw: `chunk`, and what is left at the end."""
        total = self.sweep.num_particles
        return (min(self.chunk, total - first) for first in range(0, total, self.chunk))

    def draws(self, guide: Program | None = None) -> Iterator[Particles]:
        """The sweep's K particles, in chunks."""
        for index, size in enumerate(self.sizes):
            with pyro.validation_enabled(False) if index else nullcontext():
                yield self.draw(size, guide)

    def draw(self, num_particles: int, guide: Program | None = None) -> Particles:
        """Particles of these rows, from the sweep's guide or another."""
        p = draw(
            self.sweep.model,
            self.sweep.guide if guide is None else guide,
            *self.args,
            num_particles=num_particles,
            vectorize_particles=self.sweep.vectorize_particles,
            batch_plate=self.sweep.batch_plate,
            max_plate_nesting=self.depth,
            scales="ignored",
        )
        if p.has_global_sites:
            raise PlateError(
                f"the pair draws sites outside plate '{self.sweep.batch_plate}' once for all "
                "data, so that no datum has an evidence of its own; pass batch_plate=None to "
                "measure all data jointly"
            )
        rows = len(self.args[0])
        held = [p.batch_size]
        if self.sweep.batch_plate is None:
            sites = (*p.model_sites.values(), *p.guide_sites.values())
            held = [size for site in sites for size in site.subsampled.values()]
        for size in held:
            if size != rows:
                raise PlateError(
                    f"the pair was given {rows} rows, and its plate over data holds {size}: it "
                    "draws its own subsample, and which row a density belongs to is lost; for "
                    "measuring, give it a plate of as many data as it is called with"
                )
        return p


def as_tensors(data: Data) -> tuple[Tensor, ...]:
    """What a pair is called with: the data, and the labels of a labelled split.

    Raises:
        DataError: The data are probabilities that every pass draws afresh, or no tensors.
    """
    if isinstance(data, Split):
        if data.dynamic:
            raise DataError(
                "the split holds probabilities that every pass draws afresh; measure one "
                "draw, `split.binarized(seed)`"
            )
        labels = data.y if data.with_labels else None
        return (data.x,) if labels is None else (data.x, labels)
    tensors = data if isinstance(data, tuple) else (data,)
    if not tensors or not all(isinstance(t, Tensor) and t.ndim > 0 for t in tensors):
        raise DataError(
            f"the data are of type {type(data).__name__}, and must be a tensor [N, ...], "
            "a tuple of tensors or a split; of a dataset give `.test`"
        )
    for tensor in tensors:
        check_dense("a tensor of the data", tensor)
    return tensors


def at_home(
    model: Program, guide: Program, data: Data, args: tuple[Any, ...]
) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
    """`as_tensors(data)` and the other arguments of a pair, on the device where the pair lies."""
    tensors = as_tensors(data)
    moved = to_device_of(model, guide, (*tensors, *args))
    return moved[: len(tensors)], moved[len(tensors) :]


def as_data(sites: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """What a model would have observed in place of the data x [N, ...], in the shape of x.

    Raises:
        ShapeError: No observed site holds as many values as the data.
    """
    for value in sites.values():
        if value.numel() == x.numel() and len(value) == len(x):
            return value.reshape(x.shape)
    shapes = {name: list(value.shape) for name, value in sites.items()}
    raise ShapeError(
        f"the model observes {shapes}, and the data are {list(x.shape)}: none of its sites holds "
        "the data row by row, so there is nothing to draw"
    )


def one_by_one(objective: PyroELBO, vectorize_particles: bool) -> PyroELBO:
    """The objective; or, where `vectorize_particles` is False, a copy that draws one by one."""
    if vectorize_particles or not isinstance(objective, PyroELBO):
        return objective
    other = copy(objective)
    other.vectorize_particles = False
    return other


def own_names(objectives: Iterable[PyroELBO]) -> list[str]:
    """A name for each, told apart by number where two would be called the same."""
    names: list[str] = []
    for objective in objectives:
        own = as_objective(objective).row_name
        count = sum(name == own or name.startswith(f"{own} #") for name in names)
        names.append(f"{own} #{count + 1}" if count else own)
    return names


def mean_error(per_datum: Tensor) -> float:
    """Standard error of the mean over data, from their spread; NaN for a single datum. [N]."""
    size = per_datum.numel()
    return float(per_datum.std()) / math.sqrt(size) if size > 1 else math.nan


def monte_carlo_error(standard_errors: Tensor) -> float:
    """Standard error of a mean over data from the independent errors of its terms. [N]."""
    return float(standard_errors.square().sum().sqrt()) / standard_errors.numel()


def to_host(blocks: Iterable[Tensor]) -> Tensor:
    """The blocks of a sweep as one float64 tensor in main memory."""
    return torch.cat(list(blocks)).cpu().double()


def _keep_freed_memory() -> None:
    """Let the allocator reuse large tensors instead of asking the system for each anew.

    glibc learns from the largest block that was freed, up to 32 MB, how much to keep. On a CPU
    the page faults of fresh memory are else a third of the time; other allocators do not mind.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8, device="cpu")


def _evenly(total: int, most: int) -> int:
    """Size of the parts when `total` is cut in few, none above `most`.

    All of one size, for which alone there is a graph, where half as many again suffice for it.
    """
    fewest = math.ceil(total / math.ceil(total / most))
    return next((size for size in range(fewest, 2 * most // 3, -1) if total % size == 0), fewest)
