"""Products of matrices in compiled graphs, by the library that is faster on this processor."""

from functools import cache
from typing import Any

import torch
from torch import Tensor

from . import onednn
from .processor import processor

_LARGE = 2**20  # multiplications; for fewer the call of oneDNN takes longer than it saves


def mm(a: Tensor, b: Tensor, *, out: Tensor) -> Tensor:
    """`torch.mm`, by oneDNN where `prefers_onednn` and the product is large."""
    return _copied(new_mm(a, b, out=out), out)


def addmm(
    bias: Tensor, a: Tensor, b: Tensor, *, out: Tensor, alpha: float = 1, beta: float = 1
) -> Tensor:
    """`torch.addmm`, likewise."""
    return _copied(new_addmm(bias, a, b, out=out, alpha=alpha, beta=beta), out)


def new_mm(a: Tensor, b: Tensor, *, out: Tensor) -> Tensor:
    """`mm`, which gives `out`, or a new tensor of the same layout."""
    if not _by_onednn(a, b):
        return torch.mm(a, b, out=out)
    return _like(out, _product(a, b))


def new_addmm(
    bias: Tensor, a: Tensor, b: Tensor, *, out: Tensor, alpha: float = 1, beta: float = 1
) -> Tensor:
    """`addmm`, likewise."""
    if alpha != 1 or beta != 1 or not _by_onednn(a, b):
        return torch.addmm(bias, a, b, alpha=alpha, beta=beta, out=out)
    if bias.ndim == 1 and bias.stride() == (1,):
        return _like(out, _product(a, b, bias))
    found = _product(a, b)
    return _like(out, torch.add(bias, found, out=found))


@cache
def prefers_onednn() -> bool:
    """Whether products of torch use half of the processor, and those of oneDNN all of it.

    torch multiplies by Intel's MKL, which takes no 512-bit instructions on processors of AMD that
    have them: 112 GFLOP/s on one core where oneDNN, which is part of torch, reaches 225.
    """
    words = processor()
    return (
        "AMD" in words
        and "avx512f" in words
        and torch.backends.mkl.is_available()
        and onednn.is_available()
    )


def _by_onednn(a: Tensor, b: Tensor) -> bool:
    return (
        a.shape[0] * b.numel() >= _LARGE
        and a.dtype is torch.float32
        and prefers_onednn()
        and bool(torch.backends.mkldnn.enabled)
    )


def _product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    linear: Any = torch.ops.mkldnn._linear_pointwise.default
    found: Tensor = linear(a, b.t(), bias, "none", [], "")
    return found


def _like(out: Tensor, found: Tensor) -> Tensor:
    """A result in the layout of `out`: as it is, or copied there."""
    return found if found.stride() == out.stride() else out.copy_(found)


def _copied(found: Tensor, out: Tensor) -> Tensor:
    return out if found is out else out.copy_(found)
