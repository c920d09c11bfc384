"""Whole levels: what is coded, made of data of any type, and made data of that type again."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data import Rows, Split
from ...errors import DataError
from .digests import digest

_TYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
DTYPES = frozenset((*_TYPES, "uint16", "uint32", "uint64", "bfloat16"))
"""Names of the types that data may have; torch computes little with uint16 to uint64."""


def whole_levels(x: Tensor, start: int) -> Tensor:
    """Data as float64 [n, ...] on the CPU, if they are whole numbers.

    Args:
        x: Rows of the data.
        start: Number of the first of them, for messages.

    Raises:
        DataError: One is not finite, not whole, or beyond what float64 holds exactly.
    """
    found = x.cpu().double()
    flat = found.reshape(len(found), -1)
    wrong = ~flat.isfinite() | (flat != flat.round())
    if not x.is_floating_point():
        wrong = found.reshape(flat.shape).to(torch.int64) != x.cpu().reshape(flat.shape)
    if bool(wrong.any()):
        row, column = (int(place) for place in wrong.nonzero()[0])
        raise DataError(
            f"compress: the data hold {float(flat[row, column]):.6g} at row {start + row}, column "
            f"{column}, and lossless coding takes whole levels 0, 1, 2, ...; "
            + _way_out(float(flat[row, column]))
        )
    return found + 0.0  # there is one zero


def _way_out(value: float) -> str:
    if not math.isfinite(value):
        return "fill it or leave out its row"
    if 0 < value < 1:
        return "give the levels as they were before they were scaled, or binarise them"
    return "give the levels that the pair was trained on"


def as_given(levels: Tensor, dtype: str, array: str, shape: tuple[int, ...]) -> Any:  # noqa: ANN401
    """Levels [n, ...] as the data were given: type, library, shape of a datum.

    Returns:
        A numpy array or a tensor [n, *shape].
    """
    found = levels.reshape(len(levels), *shape)
    if array == "numpy":
        return found.numpy().astype(dtype)
    return found.to(getattr(torch, dtype))


def as_array(data: Tensor | np.ndarray, dtype: str) -> np.ndarray:
    """Data as a numpy array of a type."""
    if isinstance(data, Tensor):
        return data.to(getattr(torch, dtype)).numpy()
    return data.astype(dtype, copy=False)


def type_of(x: Any, source: Rows) -> tuple[str, str]:  # noqa: ANN401
    """The type of data, and the library that they are given back in.

    Args:
        x: As the user gave them.
        source: The rows made of them.

    Raises:
        DataError: They are of a type that is not kept.
    """
    own = getattr(source, "dtype", getattr(x, "dtype", None))
    held = own if isinstance(own, np.dtype | torch.dtype) else source[:1][0].dtype
    name = held.name if isinstance(held, np.dtype) else str(held).removeprefix("torch.")
    if name not in DTYPES:
        raise DataError(f"compress: the data are {name}, needs one of {', '.join(sorted(DTYPES))}")
    is_tensor = isinstance(x, Tensor | Split) or name == "bfloat16"
    return name, "torch" if is_tensor else "numpy"


def torch_dtype(name: str) -> torch.dtype:
    """The type in which torch computes with data of a type."""
    if name in ("uint16", "uint32", "uint64"):
        return torch.int64
    found: torch.dtype = getattr(torch, name)
    return found


def bytes_of(name: str) -> int:
    """Bytes of a number of a type."""
    return 2 if name == "bfloat16" else np.dtype(name).itemsize


def decoded_digest(
    levels: Tensor, dtype: str, array: str, shape: tuple[int, ...], start: int
) -> bytes:
    """Digest of a chunk of data as they are given back, and of their place.

    Args:
        levels: Float64 [n, ...].
        dtype: See `as_given`, as for the next two.
        array: As there.
        shape: As there.
        start: Number of the first row.
    """
    about = f"{array} {dtype} {list(shape)} {start} {len(levels)} ".encode()
    return digest(about, levels.contiguous().numpy().astype("<f8").tobytes())


def digest_of(*values: Any) -> bytes:  # noqa: ANN401
    """Digest of the tensors among some values, with their shapes and types."""
    parts: list[bytes] = []
    for value in values:
        if isinstance(value, Tensor):
            plain = value.detach().cpu().contiguous()
            parts.append(f"{plain.dtype}{list(plain.shape)}".encode())
            parts.append(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest(*parts)
