"""Kernel distance between two sets of features, without bias."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .frechet import check_features

_BLOCKS = 20  # of rows, each left out once for the error


class KernelDistance(NamedTuple):
    """A squared distance and its standard error."""

    value: float
    standard_error: float


def kernel_distance(one: Tensor, other: Tensor) -> KernelDistance:
    r"""Squared maximum mean discrepancy under the kernel (x'y / F + 1)^3.

    With features of an Inception network it is called KID. Its expectation does not depend on the
    number of rows, and is zero where the distributions agree in their first three moments; an
    estimate may be negative. The error is found by leaving out each of twenty blocks of rows; near
    zero it is too large, by up to a factor of about 1.4. Memory grows with N M.

    Args:
        one: Features [N, F], N >= 2.
        other: Features [M, F], M >= 2.

    Raises:
        DataError: There are fewer than two rows, or unequal numbers of features.

    Source:
        Demystifying MMD GANs (Binkowski et al., 2018), sec. 4, https://arxiv.org/abs/1801.01401

    Example:
        >>> x = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
        >>> found = kernel_distance(x, x + 2.0)
        >>> found.value > 10 * found.standard_error
        True
    """
    check_features(one, other)
    one, other = one.double(), other.double()
    blocks = min(_BLOCKS, len(one), len(other))
    within = [_sums(side, side, blocks) for side in (one, other)]
    across = _sums(one, other, blocks)
    sizes = [torch.bincount(_block_of(len(side), blocks)).double() for side in (one, other)]
    value = _estimate(within, across, sizes, slice(None))
    without = torch.tensor(
        [
            _estimate(within, across, sizes, [i for i in range(blocks) if i != left])
            for left in range(blocks)
        ]
    )
    spread = (without - without.mean()).square().sum() * (blocks - 1) / blocks
    error = math.sqrt(float(spread)) if min(len(one), len(other)) > 2 * blocks else math.nan
    return KernelDistance(value, error)


def _estimate(
    within: list[Tensor], across: Tensor, sizes: list[Tensor], kept: slice | list[int]
) -> float:
    """The estimate from some blocks of rows of both sides."""
    n, m = (float(size[kept].sum()) for size in sizes)
    own, others, between = (sums[kept][:, kept].sum() for sums in (*within, across))
    return float(own / (n * (n - 1)) + others / (m * (m - 1)) - 2 * between / (n * m))


def _sums(one: Tensor, other: Tensor, blocks: int) -> Tensor:
    """Sums of the kernel by block of rows of both sides, without the diagonal of a side itself."""
    kernel = (one @ other.T / one.shape[1] + 1) ** 3
    if one is other:
        kernel.fill_diagonal_(0)
    rows = torch.zeros(blocks, len(other), dtype=torch.float64, device=kernel.device)
    rows.index_add_(0, _block_of(len(one), blocks).to(kernel.device), kernel)
    found = torch.zeros(blocks, blocks, dtype=torch.float64, device=kernel.device)
    return found.index_add_(1, _block_of(len(other), blocks).to(kernel.device), rows).cpu()


def _block_of(count: int, blocks: int) -> Tensor:
    return torch.arange(count) * blocks // count
