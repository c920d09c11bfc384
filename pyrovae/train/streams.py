"""The random streams of the process: torch, CUDA, numpy, Python."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


@contextmanager
def kept_streams() -> Iterator[None]:
    """What runs in this context may draw, and leaves every stream where it was."""
    tensors, numbers = save_streams()
    try:
        yield
    finally:
        restore_streams(tensors, numbers)


def save_streams() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State of every stream: torch's as tensors, the others as plain numbers and lists."""
    name, keys, *rest = np.random.get_state(legacy=True)
    version, words, gauss = random.getstate()
    numbers = {
        "numpy": [name, [int(key) for key in keys], *rest],
        "python": [version, list(words), gauss],
    }
    return torch_streams(), numbers


def restore_streams(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Put every stream back; those of CUDA devices that are not here are left out."""
    restore_torch_streams(tensors)
    name, keys, *rest = numbers["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    version, words, gauss = numbers["python"]
    random.setstate((version, tuple(words), gauss))


def torch_streams() -> dict[str, Tensor]:
    """State of torch's streams alone, cheap enough for every step; no device is waited for."""
    tensors = {"torch": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        states = torch.cuda.get_rng_state_all()
        tensors |= {f"cuda:{index}": state for index, state in enumerate(states)}
    return tensors


def restore_torch_streams(tensors: Mapping[str, Tensor]) -> None:
    """Put back what `torch_streams` gave."""
    torch.set_rng_state(tensors["torch"])
    for index in range(torch.cuda.device_count()):
        if f"cuda:{index}" in tensors:
            torch.cuda.set_rng_state(tensors[f"cuda:{index}"], index)
