"""The peak memory of a computation."""

import ctypes
import sys
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of <malloc.h>


def peak_bytes(step: Callable[[], object], device: torch.device | str) -> int:
    """Most memory that a step's tensors take at once, beyond what was there before.

    On CUDA as its allocator counts (`torch.cuda.max_memory_allocated`); elsewhere the sum of the
    tensors that are alive, counted operator by operator, without what an operator needs inside.
    """
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        step()
        return torch.cuda.max_memory_allocated(device) - before
    with _LiveTensors() as live:
        step()
    return live.peak


def forget_peak(device: torch.device) -> None:
    """Start counting the peak of a device's memory; on CUDA only."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_so_far(device: torch.device) -> int | None:
    """Most bytes that tensors have taken on a device since `forget_peak`; None off CUDA."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def return_freed_memory(device: torch.device | str) -> None:
    """Let the memory of large tensors go back to the system as soon as they are freed.

    Otherwise glibc keeps it, in pieces that the next tensors may not fit into: several times the
    memory of the tensors. Holds for the rest of the process, on the CPU and where the C library is
    glibc. Allocating a large tensor then takes longer.
    """
    if torch.device(device).type == "cpu" and sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, 2**20)


class _LiveTensors(TorchDispatchMode):
    """Counts the bytes of tensors that were made within this context and are still alive."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        given = pytree.tree_leaves((args, kwargs))
        known = {t.untyped_storage()._cdata for t in given if isinstance(t, Tensor)}
        out = func(*args, **(kwargs or {}))
        for tensor in pytree.tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._see(tensor.untyped_storage(), known)
        return out

    def _see(self, storage: torch.UntypedStorage, known: set[int]) -> None:
        key = storage._cdata
        if key in self._sizes or key in known:  # a view, or what was there before
            return
        self._sizes[key] = storage.nbytes()
        self._live += storage.nbytes()
        self.peak = max(self.peak, self._live)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self._live -= self._sizes.pop(key)
