"""The first batch of a run, and how to recognise it."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.minibatches import BatchSource
from ..runtime.random_state import kept_random_state

_BLOCK = 2**20  # numbers that are summed at a time
_TOLERANCE = 1e-5  # above the rounding of a transform in float32 by another processor


def read_first(source: BatchSource, *, recognise: bool) -> tuple[tuple[Tensor, ...], Any]:
    """The first batch, and what it is recognised by.

    The batch is read with fixed random draws, and the draws of the process stay as they are.

    Args:
        source: All batches.
        recognise: Read it twice, to see whether it is the same each time.

    Returns:
        The batch, and plain values for `is_same_batch`; None where it differs from time to time,
        or is not to be recognised.
    """
    with kept_random_state():
        first = _read(source)
        if not recognise:
            return first, None
        known = summary_of(first)
        return first, known if summary_of(_read(source)) == known else None


def summary_of(batch: Sequence[Tensor]) -> dict[str, Any]:
    """Plain values by which a batch is recognised: its device, and two sums for each tensor.

    Example:
        >>> summary_of([torch.tensor([3.0, 4.0])])["tensors"][0][1]
        5.0
    """
    return {"device": batch[0].device.type, "tensors": [_sums(tensor) for tensor in batch]}


def is_same_batch(here: Any, there: Any) -> bool:  # noqa: ANN401
    """Whether two summaries are of one batch, as far as can be known.

    It cannot be known where one is None, or where they are of different devices, whose draws of
    binary data differ.

    Args:
        here: By `summary_of`.
        there: The same, or what a file holds in its place.
    """
    if here is None or there is None:
        return True
    if not isinstance(there, Mapping) or not isinstance(there.get("device"), str):
        return False
    if here["device"] != there["device"]:
        return True
    ours, theirs = here["tensors"], there.get("tensors")
    if not isinstance(theirs, list) or len(theirs) != len(ours):
        return False
    return all(_is_near(one, other) for one, other in zip(ours, theirs, strict=True))


def _read(source: BatchSource) -> tuple[Tensor, ...]:
    torch.default_generator.manual_seed(0)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(0)
    np.random.seed(0)
    random.seed(0)
    return next(iter(source.epoch(0)))


def _sums(tensor: Tensor) -> list[float]:
    """A weighted sum, which tells the order, and the root of the sum of squares."""
    weighted = squares = 0.0
    for start in range(0, tensor.numel(), _BLOCK):
        part = tensor.detach().flatten()[start : start + _BLOCK].cpu().to(torch.float64)
        part = part.nan_to_num(nan=-1.5, posinf=2.5, neginf=-2.5)
        place = torch.arange(start, start + len(part), dtype=torch.float64)
        weighted += float(part @ (0.5 + place.cos()))
        squares += float(part @ part)
    return [weighted, squares**0.5]


def _is_near(one: Sequence[float], other: object) -> bool:
    if not isinstance(other, list) or [type(number) for number in other] != [float, float]:
        return False
    most = _TOLERANCE * max(one[1], other[1])
    return all(abs(a - b) <= most for a, b in zip(one, other, strict=True))
