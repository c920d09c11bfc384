"""The networks of a pair in float64 on the CPU, for a while."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ...particles.held_networks import held_networks
from ...particles.tracing import Program


@contextmanager
def in_float64(programs: Iterable[Program], leaves: Iterable[Tensor] = ()) -> Iterator[None]:
    """Within this context a pair computes in float64, on the CPU, with one thread.

    Rounding differs between devices, and in sums that threads share; in float64 it differs far
    less than what the coder's fixed point can tell. The tensors come back as they were, in
    memory too.

    Args:
        programs: Model and guide.
        leaves: Parameters that no network holds, such as those of `pyro.param`.
    """
    saved: dict[int, tuple[Tensor, Tensor]] = {}
    for tensor in _tensors(programs, leaves):
        if tensor.is_floating_point():
            saved.setdefault(id(tensor), (tensor, tensor.data))
    default, threads = torch.get_default_dtype(), torch.get_num_threads()
    try:
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(1)
        for tensor, data in saved.values():
            tensor.data = data.to("cpu", torch.float64)
        yield
    finally:
        for tensor, data in saved.values():
            tensor.data = data
        torch.set_num_threads(threads)
        torch.set_default_dtype(default)


def _tensors(programs: Iterable[Program], leaves: Iterable[Tensor]) -> Iterator[Tensor]:
    for network in held_networks(*programs):
        yield from network.parameters()
        yield from network.buffers()
    yield from leaves
