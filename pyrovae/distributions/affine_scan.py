"""Linear recurrences over time in a number of steps that grows with log T, not with T."""

from collections.abc import Callable

import torch
from torch import Tensor


def affine_scan(weight: Tensor, offset: Tensor) -> Tensor:
    """All u_t of u_t = A_t u_(t-1) + b_t, from u_0 = 0.

    Affine maps compose to affine maps, so that neighbours are joined first, then pairs of
    neighbours, and so on: an inclusive scan.

    Args:
        weight: A [..., T, L, L]; the first is not used.
        offset: b [..., T, L, M], M right-hand sides.

    Returns:
        u [..., T, L, M].

    Source:
        Prefix Sums and Their Applications (Blelloch, 1990), sec. 1.4; Data Parallel Algorithms
        (Hillis & Steele, 1986)

    Example:
        >>> half, one = torch.full((4, 1, 1), 0.5), torch.ones(4, 1, 1)
        >>> affine_scan(half, one).flatten().tolist()
        [1.0, 1.5, 1.75, 1.875]
    """
    return _scan(weight, offset, lambda a, u: a @ u)


def covariance_scan(weight: Tensor, spread: Tensor) -> Tensor:
    """All C_t of C_t = A_t C_(t-1) A_t^T + Q_t, from C_0 = 0.

    Args:
        weight: A [..., T, L, L]; the first is not used.
        spread: Q [..., T, L, L].
    """
    return _scan(weight, spread, lambda a, c: a @ c @ a.mT)


def _scan(weight: Tensor, offset: Tensor, apply: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    lead = torch.broadcast_shapes(weight.shape[:-3], offset.shape[:-3])
    offset = offset.expand(*lead, *offset.shape[-3:])
    reach = 1
    while reach < offset.shape[-3]:
        earlier, later = offset[..., :-reach, :, :], offset[..., reach:, :, :]
        joined = later + apply(weight[..., reach:, :, :], earlier)
        product = weight[..., reach:, :, :] @ weight[..., :-reach, :, :]
        offset = torch.cat([offset[..., :reach, :, :], joined], -3)
        weight = torch.cat([weight[..., :reach, :, :], product], -3)
        reach *= 2
    return offset
