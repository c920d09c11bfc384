"""Tensors of `.pt` files."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ...errors import DataError
from .npy import damaged


def read_torch(path: Path) -> Any:  # noqa: ANN401
    """What `torch.save` wrote, of tensors in tuples, lists and dicts alone; on the CPU.

    Raises:
        DataError: The file is damaged, or holds something else.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Validating sparse tensor invariants")
            held = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path} is damaged or holds Python objects, which are not read; save tensors, or a "
            "dict of tensors, with torch.save"
        ) from error
    except (OSError, EOFError, ValueError, RuntimeError, KeyError, IndexError) as error:
        raise damaged(str(path), error) from error
    return dict(held) if isinstance(held, Mapping) else held
