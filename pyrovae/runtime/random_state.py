"""The random streams of the process: torch, CUDA, numpy, Python."""

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import CheckpointError
from .fields import rows


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


def check_streams(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Whether `restore_streams` can take this; nothing changes.

    Raises:
        CheckpointError: It is the state of no such stream.
    """
    for name, state in tensors.items():
        index = name.removeprefix("cuda:")
        if name != "torch" and (index == name or not index.isdecimal()):
            raise CheckpointError(f"it holds a random stream '{name[:40]}', which nothing has")
        if name == "torch" or int(index) < torch.cuda.device_count():
            _check_torch_stream("cpu" if name == "torch" else name, state)
    if "torch" not in tensors:
        raise CheckpointError("it lacks the random stream of torch")
    _check_numpy_stream(rows(numbers, "numpy"))
    _check_python_stream(rows(numbers, "python"))


def _check_torch_stream(device: str, state: Tensor) -> None:
    generator = torch.Generator(device)
    needed = generator.get_state()
    if state.dtype != needed.dtype or state.shape != needed.shape:
        raise CheckpointError(
            f"its random stream of {device} is {state.dtype} {list(state.shape)}, and should be "
            f"{needed.dtype} {list(needed.shape)}"
        )
    try:
        generator.set_state(state)
    except RuntimeError as error:
        raise CheckpointError(f"its random stream of {device} is none ({error})") from error


def _check_numpy_stream(parts: list[Any]) -> None:
    name, keys, place, has_gauss, gauss = parts if len(parts) == 5 else (None,) * 5
    if (
        name != "MT19937"
        or not isinstance(keys, list)
        or len(keys) != 624
        or not all(type(key) is int and 0 <= key < 2**32 for key in keys)
        or not any(keys)  # of zeros alone nothing but zeros would come
        or type(place) is not int
        or not 0 <= place <= 624  # numpy itself does not look, and would read elsewhere
        or has_gauss not in (0, 1)
        or type(gauss) is not float
        or not math.isfinite(gauss)
    ):
        raise CheckpointError("its random stream of numpy is none")


def _check_python_stream(parts: list[Any]) -> None:
    version, words, gauss = parts if len(parts) == 3 else (None,) * 3
    if gauss is not None and (type(gauss) is not float or not math.isfinite(gauss)):
        raise CheckpointError("its random stream of Python is none")
    try:
        random.Random().setstate((version, tuple(rows({"words": words}, "words")), gauss))
    except (TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"its random stream of Python is none ({error})") from error


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
