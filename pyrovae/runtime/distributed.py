"""Several processes that train or measure together, by torch.distributed."""

import atexit
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import ConfigError, PyrovaeError, RanksError, first_line
from .expanded import write
from .rendezvous import meet

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """Rows `start` to `stop` of a batch of `total`: those of one rank.

    A rank without rows computes the first row, so that it draws the same random numbers as the
    others; `counts` is then False.
    """

    start: int
    stop: int
    total: int
    counts: bool = True

    @property
    def rows(self) -> int:
        return self.stop - self.start

    @property
    def share(self) -> float:
        """Fraction of the batch."""
        return self.rows / self.total if self.counts else 0.0

    def of(self, batch: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """These rows of every tensor that has one row per datum."""
        return tuple(t[self.start : self.stop] if _has_rows(t, self.total) else t for t in batch)


@dataclass(frozen=True)
class Team:
    """The processes of one run: ranks 0 to `size` - 1, this one among them.

    All ranks call the methods in the same order. In a single process, every method returns its
    argument, or what the argument gives.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes files and prints."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is only one process."""
        return self.size == 1

    def part(self, total: int) -> Part:
        """This rank's rows of a batch: about equally many on each, in order, without overlap."""
        start, stop = (total * rank // self.size for rank in (self.rank, self.rank + 1))
        return Part(start, stop, total) if stop > start else Part(0, 1, total, counts=False)

    def sizes(self, total: int) -> list[int]:
        """How many rows of a batch each rank computes; at least one, which may not count."""
        ends = [total * rank // self.size for rank in range(self.size + 1)]
        return [max(1, stop - start) for start, stop in pairwise(ends)]

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum over the ranks, in place."""
        if not self.alone:
            with self._together("summing"):
                dist.all_reduce(tensor)
        return tensor

    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Copy the values of these tensors from the first rank to all."""
        if self.alone:
            return
        by_device: dict[torch.device, list[Tensor]] = {}
        for tensor in tensors:
            by_device.setdefault(tensor.device, []).append(tensor)
        for held in by_device.values():
            flat = torch.cat([_as_bytes(tensor) for tensor in held])
            with self._together("copying the first rank's tensors"):
                dist.broadcast(flat, 0)
            parts = flat.split([tensor.numel() * tensor.element_size() for tensor in held])
            with torch.no_grad():
                for tensor, part in zip(held, parts, strict=True):
                    write(tensor, part.clone().view(tensor.dtype).reshape(tensor.shape))

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` gives on the first rank; an error of this library is raised on all."""
        if self.alone:
            return make()
        told: list[Any] = [None, None]
        if self.first:
            try:
                told[0] = make()
            except PyrovaeError as error:
                told[1] = error
        with self._together("waiting for the first rank"):
            dist.broadcast_object_list(told, 0)
        if told[1] is not None:
            raise told[1]
        return told[0]

    def gather(self, value: T) -> list[T]:
        """The value of every rank, by rank."""
        if self.alone:
            return [value]
        values: list[Any] = [None] * self.size
        with self._together("gathering"):
            dist.all_gather_object(values, value)
        return values

    def first_known(self, value: T | None) -> T | None:
        """The value of the first rank whose value is not None."""
        return next((known for known in self.gather(value) if known is not None), None)

    def check_equal(self, what: str, value: Any, way_out: str) -> None:  # noqa: ANN401
        """Refuse ranks with different values.

        Raises:
            RanksError: They have.
        """
        values = self.gather(value)
        for rank, other in enumerate(values):
            if other != values[0]:
                raise RanksError(
                    f"rank 0 and rank {rank} have another {what} ({_short(values[0])}; "
                    f"{_short(other)}); {way_out}"
                )

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The other ranks enter this context after the first rank has left it."""
        if not self.first:
            self.gather(None)
        yield
        if self.first:
            self.gather(None)

    @contextmanager
    def _together(self, doing: str) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            reason = first_line(error).split(". ")[0]
            raise RanksError(
                f"rank {self.rank} of {self.size} lost the others while {doing} ({reason}); see "
                "what ended the first of them. Under torchrun --max-restarts N with a run_dir and "
                "resume, the run goes on from its last checkpoint"
            ) from error


def join(device: torch.device | str | None = None) -> Team:
    """The ranks that torchrun or torch.distributed has started; else a single process.

    Under torchrun each rank takes the GPU of its number on its machine, where `device` allows it.

    Raises:
        ConfigError: A machine has fewer GPUs than ranks.
    """
    if not dist.is_available():
        return Team()
    if not dist.is_initialized():
        if not dist.is_torchelastic_launched() or int(os.environ["WORLD_SIZE"]) == 1:
            return Team()
        on_gpu = _take_gpu(device)
        store, rank, size = meet()
        backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
        atexit.register(_leave)
    return Team(dist.get_rank(), dist.get_world_size())


def _take_gpu(device: torch.device | str | None) -> bool:
    if not torch.cuda.is_available() or (device is not None and "cuda" not in str(device)):
        return False
    local, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if device is not None and torch.device(device).index is not None:
        raise ConfigError(
            f"device={device} is one GPU, and there are {os.environ['WORLD_SIZE']} ranks; pass "
            "device='cuda', and each takes its own"
        )
    if local >= count:
        raise ConfigError(
            f"rank {os.environ['RANK']} would take GPU {local} of its machine, which has {count}; "
            "start as many ranks as GPUs (torchrun --nproc-per-node), or pass device='cpu'"
        )
    torch.cuda.set_device(local)
    return True


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def _has_rows(tensor: Tensor, rows: int) -> bool:
    return tensor.dim() > 0 and tensor.shape[0] == rows


def _as_bytes(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 80 else f"{text[:80]}..."
