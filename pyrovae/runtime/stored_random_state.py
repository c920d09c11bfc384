"""A random state as a file holds it: tensors, and plain numbers and lists."""

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import CheckpointError
from .fields import rows
from .random_state import RandomState


def to_stored(state: RandomState) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors of torch's generators by name, and the others as what JSON can hold."""
    tensors = {"torch": state.torch}
    tensors |= {f"cuda:{index}": tensor for index, tensor in state.cuda.items()}
    numbers: dict[str, Any] = {}
    if state.numpy is not None:
        name, keys, *rest = state.numpy
        numbers["numpy"] = [name, [int(key) for key in keys], *rest]
    if state.python is not None:
        version, words, gauss = state.python
        numbers["python"] = [version, list(words), gauss]
    return tensors, numbers


def from_stored(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> RandomState:
    """The opposite of `to_stored`; CUDA devices that this machine lacks are left out.

    Raises:
        CheckpointError: It is the state of no such generators.
    """
    cuda = {}
    for name, state in tensors.items():
        index = name.removeprefix("cuda:")
        if name != "torch" and (index == name or not index.isdecimal()):
            raise CheckpointError(f"it holds the random state of an unknown '{name[:40]}'")
        if name == "torch":
            _check_torch("cpu", state)
        elif int(index) < torch.cuda.device_count():
            _check_torch(name, state)
            cuda[int(index)] = state
    if "torch" not in tensors:
        raise CheckpointError("it lacks the random state of torch")
    numpy, python = _numpy(rows(numbers, "numpy")), _python(rows(numbers, "python"))
    return RandomState(tensors["torch"], cuda, numpy, python)


def _check_torch(device: str, state: Tensor) -> None:
    generator = torch.Generator(device)
    needed = generator.get_state()
    if state.dtype != needed.dtype or state.shape != needed.shape:
        raise CheckpointError(
            f"its random state of {device} is {state.dtype} {list(state.shape)}, and should be "
            f"{needed.dtype} {list(needed.shape)}"
        )
    try:
        generator.set_state(state)
    except RuntimeError as error:
        raise CheckpointError(f"its random state of {device} is not valid ({error})") from error


def _numpy(parts: list[Any]) -> tuple[Any, ...]:
    name, keys, position, has_gauss, gauss = parts if len(parts) == 5 else (None,) * 5
    if (
        name != "MT19937"
        or not isinstance(keys, list)
        or len(keys) != 624
        or not all(type(key) is int and 0 <= key < 2**32 for key in keys)
        or not any(keys)  # zeros alone would give nothing but zeros
        or type(position) is not int
        or not 0 <= position <= 624  # numpy does not check it, and would read beyond the keys
        or has_gauss not in (0, 1)
        or type(gauss) is not float
        or not math.isfinite(gauss)
    ):
        raise CheckpointError("its random state of numpy is not valid")
    return name, np.array(keys, dtype=np.uint32), position, has_gauss, gauss


def _python(parts: list[Any]) -> tuple[Any, ...]:
    version, words, gauss = parts if len(parts) == 3 else (None,) * 3
    if gauss is not None and (type(gauss) is not float or not math.isfinite(gauss)):
        raise CheckpointError("its random state of Python is not valid")
    try:
        state = version, tuple(rows({"words": words}, "words")), gauss
        random.Random().setstate(state)
    except (TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"its random state of Python is not valid ({error})") from error
    return state
