"""What a step costs: runs of the decoder, milliseconds, peak memory."""

import weakref
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, cast

import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ..tracing import Pair, Program, counted, own_parameters, undisturbed


def decoder_evaluations(
    objective: PyroELBO,
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
) -> float:
    """How often one step scores each datum under the model: K, M times K, ...

    It is counted, not taken from the objective's word: what is enumerated or run twice counts.
    """
    watched, counts = counted(model)
    with undisturbed(), own_parameters(), torch.enable_grad():
        with torch.no_grad():
            Pair(watched, guide, args, {}).trace()
        once = sum(counts)
        for _ in range(2):  # the first step on a pair may run it once more, to find its plates
            counts.clear()
            cast(Any, objective).loss_and_grads(watched, guide, *args)
    return sum(counts) / once if once else float("nan")


def interleaved_ms(
    steps: Mapping[str, Callable[[], object]],
    *,
    device: torch.device | str,
    warmup: int = 3,
    repeats: int = 20,
) -> dict[str, list[float]]:
    """Milliseconds of each call of each step, taken in turn, so that a busy machine slows all."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(warmup + repeats):
        for name, step in steps.items():
            _wait(device)
            started = perf_counter()
            step()
            _wait(device)
            if round_ >= warmup:
                times[name].append(1e3 * (perf_counter() - started))
    return times


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


def _wait(device: torch.device | str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
