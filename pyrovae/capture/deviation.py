"""How far tensors are apart, relative to their size."""

from collections.abc import Sequence

import torch
from torch import Tensor


def deviation(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Largest relative difference: of each number, and of all larger tensors together."""
    pairs = list(zip(found, expected, strict=True))
    worst = 0.0
    for one, other in pairs:
        if one.numel() == 1:
            size = float(other.detach().double().abs())
            worst = max(worst, ratio(distance([one], [other]), size))
    large = [(one, other) for one, other in pairs if one.numel() > 1]
    difference = distance([one for one, _ in large], [other for _, other in large])
    size = distance([other for _, other in large], [torch.zeros_like(o) for _, o in large])
    return max(worst, ratio(difference, size))


def distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """Euclidean distance between two lists of tensors."""
    total = 0.0
    for a, b in zip(one, other, strict=True):
        total += float((a.detach().double() - b.detach().double()).square().sum())
    return total**0.5


def ratio(difference: float, size: float) -> float:
    """`difference / size`; zero where nothing differs, infinite where only the size is zero."""
    return 0.0 if difference == 0 else difference / size if size > 0 else float("inf")


def rounding(tensors: Sequence[Tensor]) -> float:
    """Relative difference that rounding may cause in tensors of these types."""
    floats = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
    return max((torch.finfo(dtype).eps ** 0.5 for dtype in floats), default=0.0)
