"""Exact conversions of numbers to tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError

_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_LARGE_UNSIGNED = torch.uint16, torch.uint32, torch.uint64


def from_tensor(name: str, source: Tensor) -> Tensor:
    """A dense tensor on the CPU without its graph; unsigned integers become int64.

    Raises:
        DataError: It is masked, sparse, nested or quantised, its dtype has no arithmetic, or it
            holds integers beyond int64.
    """
    check_dense(name, source)
    if source.is_complex():
        raise DataError(f"{name} holds complex numbers; give real and imaginary parts")
    if source.is_floating_point() and source.dtype not in _FLOATS:
        raise DataError(f"{name} has dtype {source.dtype}, which is for storage; give float32")
    tensor = source.detach().cpu()
    if tensor.dtype in _LARGE_UNSIGNED:
        return from_numpy(name, tensor.numpy())
    return tensor


def from_numpy(name: str, array: np.ndarray) -> Tensor:
    """A tensor of an array: integers and booleans become int64, floats keep their type.

    Raises:
        DataError: The array does not hold real numbers of at most 64 bits, or it holds integers
            beyond int64.
    """
    if array.dtype.kind in "biu":
        if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
            raise DataError(
                f"{name} holds {array.max()}, and integers are kept up to {2**63 - 1}; give "
                "floats, or smaller numbers"
            )
        return torch.from_numpy(array.astype(np.int64))
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        # A copy in this machine's byte order, with strides that torch accepts.
        return torch.from_numpy(np.array(array, array.dtype.newbyteorder("="), order="C"))
    raise DataError(
        f"{name} has dtype {array.dtype}, needs real numbers of at most 64 bits; "
        "encode categories as integers first"
    )


def from_masked(name: str, array: np.ma.MaskedArray, missing: bool) -> Tensor:
    """A tensor of a masked array; masked values become NaN if `missing`.

    Raises:
        DataError: A value is masked and `missing` is false.
    """
    mask = np.ma.getmaskarray(array)
    tensor = from_numpy(name, np.ma.getdata(array))
    if not mask.any():
        return tensor
    if not missing:
        raise DataError(
            f"{name} is an array of which {int(mask.sum())} values are masked; fill them "
            "(.filled(value)) or drop their rows; in x, arrays(..., missing=True) takes them as "
            "missing values"
        )
    held = torch.from_numpy(np.ascontiguousarray(mask))
    if not tensor.is_floating_point():
        tensor = as_float32(name, torch.where(held, 0, tensor))
    return torch.where(held, torch.nan, tensor)


def from_list(name: str, numbers: Sequence[Any]) -> Tensor:
    """A tensor of nested lists, in torch's default type if one number is a float.

    Raises:
        DataError: A number is complex, beyond the range of that type, or a whole one that it does
            not hold exactly.
        TypeError: An element is not a number.
        ValueError: The lists are ragged.
    """
    tensor = torch.tensor(numbers)
    if tensor.is_complex():
        raise DataError(f"{name} holds complex numbers; give real and imaginary parts")
    if tensor.is_floating_point() and bool(tensor.isinf().any()):
        exact = torch.tensor(numbers, dtype=torch.float64)
        if bool((tensor.isinf() & exact.isfinite()).any()):
            largest = float(exact[exact.isfinite()].abs().max())
            raise DataError(
                f"{name} holds {largest:g}, which is beyond {tensor.dtype}; give a numpy array of "
                "64 bits, or scale the data"
            )
    if tensor.is_floating_point():
        for place in (tensor.abs() >= 2 / torch.finfo(tensor.dtype).eps).nonzero().tolist():
            number: Any = numbers
            for step in place:
                number = number[step]
            if isinstance(number, int | np.integer) and int(number) != int(tensor[tuple(place)]):
                raise DataError(_no_such(name, int(number), tensor.dtype))
    return tensor


def check_whole(name: str, given: Tensor, made: Tensor) -> None:
    """Check that whole numbers were kept in another type.

    Raises:
        DataError: One was not.
    """
    if made.is_floating_point() and not given.is_floating_point():
        lost = made.to(given.dtype) != given
        if bool(lost.any()):
            raise DataError(_no_such(name, int(given[lost].flatten()[0]), made.dtype))


def as_float32(name: str, whole: Tensor) -> Tensor:
    """Whole numbers as float32, which is exact up to 2^24.

    Raises:
        DataError: float32 cannot hold a number exactly.
    """
    made = whole.to(torch.float32)
    check_whole(name, whole, made)
    return made


def _no_such(name: str, number: int, dtype: torch.dtype) -> str:
    kind, largest = str(dtype).removeprefix("torch."), int(2 / torch.finfo(dtype).eps)
    way = "smaller numbers" if largest >= 2**53 else "floats of 64 bits, or smaller numbers"
    return (
        f"{name} holds {number}, and {kind} has no such number: it holds whole numbers up to "
        f"{largest:,}; give {way}"
    )


def check_dense(name: str, tensor: Tensor) -> None:
    """Check that a tensor is dense, so that it can be indexed by rows.

    Raises:
        DataError: It is masked, sparse, nested or quantised.
    """
    if torch.masked.is_masked_tensor(tensor):
        raise DataError(
            f"{name} is a MaskedTensor; give a plain tensor, or its data and mask to a pair that "
            "takes both (models.PartialVAE)"
        )
    if tensor.layout != torch.strided or tensor.is_nested or tensor.is_quantized:
        kind = "nested" if tensor.is_nested else "quantised" if tensor.is_quantized else "sparse"
        raise DataError(f"{name} is a {kind} tensor; give a dense one, with one row per datum")


def as_tensor(name: str, source: object) -> Tensor:
    """A dense tensor of a tensor or an array that keeps its type, without a copy where possible.

    Whole numbers without a sign of 16 bits and more become int64, as torch computes little with
    them.

    Raises:
        DataError: It is something else, or holds something other than real numbers.
    """
    if isinstance(source, Tensor):
        check_dense(name, source)
        if source.is_complex():
            raise DataError(f"{name} holds complex numbers; give real and imaginary parts")
        if source.dtype in _LARGE_UNSIGNED:
            return from_numpy(name, source.detach().cpu().numpy()).to(source.device)
        return source.detach()
    if isinstance(source, np.ma.MaskedArray):
        return from_masked(name, source, False)
    if not isinstance(source, np.ndarray | np.generic):
        raise DataError(
            f"{name} is {type(source).__name__}, needs a tensor or a numpy array of numbers"
        )
    array = np.asarray(source)
    kept = array.dtype.kind in "bi" or array.dtype == np.uint8 or array.dtype.kind == "f"
    if not kept or array.dtype.itemsize > 8:
        return from_numpy(name, array)
    plain = array.flags.writeable and array.dtype.isnative
    if not plain or any(step < 0 or step % array.itemsize for step in array.strides):
        array = np.array(array, array.dtype.newbyteorder("="), order="C")
    return torch.from_numpy(array)
