"""The state of the random number generators: torch on every device, numpy and Python."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class RandomState:
    """State of the random number generators at one moment.

    Attributes:
        torch: Of the CPU.
        cuda: Of each CUDA device by its index; empty before CUDA is initialised.
        numpy: As `numpy.random.get_state` gives it; None was not saved.
        python: As `random.getstate` gives it; None was not saved.
    """

    torch: Tensor
    cuda: Mapping[int, Tensor] = field(default_factory=dict)
    numpy: tuple[Any, ...] | None = None
    python: tuple[Any, ...] | None = None

    def has_numpy_of(self, other: "RandomState") -> bool:
        """Whether numpy's generator has the same state in both; so where one does not know it."""
        if self.numpy is None or other.numpy is None:
            return True
        return all(np.array_equal(a, b) for a, b in zip(self.numpy, other.numpy, strict=True))


def seed_generators(seed: int) -> None:
    """Seed all generators, as `pyro.set_rng_seed` does.

    On a machine with CPUs alone this takes 5 microseconds: `torch.manual_seed` there notes, for
    each kind of device, the place in the program that called it, and keeps the notes.
    """
    if torch.accelerator.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def save_random_state() -> RandomState:
    """The state of all generators."""
    here = save_torch_random_state()
    numpy: Any = np.random.get_state(legacy=True)
    return RandomState(here.torch, here.cuda, numpy, random.getstate())


def save_torch_random_state() -> RandomState:
    """The state of torch's generators alone.

    It is cheap enough for every training step, and waits for no device.
    """
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return RandomState(torch.get_rng_state(), dict(enumerate(devices)))


def restore_random_state(state: RandomState) -> None:
    """Set every generator that was saved; CUDA devices that this machine lacks are left out."""
    torch.set_rng_state(state.torch)
    for index, tensor in state.cuda.items():
        if index < torch.cuda.device_count():
            torch.cuda.set_rng_state(tensor, index)
    if state.numpy is not None:
        np.random.set_state(state.numpy)
    if state.python is not None:
        random.setstate(state.python)


@contextmanager
def kept_random_state() -> Iterator[RandomState]:
    """After this context every generator has the state that it had before, which it gives."""
    state = save_random_state()
    try:
        yield state
    finally:
        restore_random_state(state)


def is_random_state(state: RandomState) -> bool:
    """Whether every generator still has this state."""
    now = save_random_state()
    return (
        torch.equal(state.torch, now.torch)
        and all(torch.equal(tensor, now.cuda[index]) for index, tensor in state.cuda.items())
        and now.has_numpy_of(state)
        and state.python in (None, now.python)
    )
