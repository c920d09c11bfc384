"""Curves between latents: straight, spherical, and bent by sines."""

import math

import torch
from torch import Tensor


def straight(first: Tensor, last: Tensor, t: Tensor) -> Tensor:
    """Points on the line from [P, L] to [P, L] at times t [T]: [P, T, L]."""
    return torch.lerp(first.unsqueeze(1), last.unsqueeze(1), t.to(first)[:, None])


def spherical(first: Tensor, last: Tensor, t: Tensor, center: Tensor | float = 0.0) -> Tensor:
    """Directions from the center along the great circle, distances from it in proportion.

    Where the ends are parallel this is the straight line, and so it is where they are opposite,
    for then no great circle is the shortest.

    Args:
        first: [P, L].
        last: Likewise.
        t: Times from 0 to 1 [T].
        center: [P, L], or what broadcasts to it.

    Source:
        Sampling Generative Networks (White, 2016), sec. 2, https://arxiv.org/abs/1609.04468

    Example:
        >>> ends = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 3.0]])
        >>> spherical(*ends, torch.tensor([0.5])).norm(dim=-1)
        tensor([[2.0...]])
    """
    a, b = first - center, last - center
    lengths = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    one, other = (v / r.clamp_min(1e-30) for v, r in zip((a, b), lengths, strict=True))
    angle = torch.atan2((one - other).norm(dim=-1), (one + other).norm(dim=-1)) * 2  # [P]
    t = t.to(first)
    at = angle.unsqueeze(1)  # [P, 1]
    shares = (torch.sin((1 - t) * at), torch.sin(t * at))
    directions = sum(
        s.unsqueeze(-1) * v.unsqueeze(1) for s, v in zip(shares, (one, other), strict=True)
    )
    directions = directions / torch.sin(at).unsqueeze(-1)
    radii = torch.lerp(lengths[0].unsqueeze(1), lengths[1].unsqueeze(1), t[:, None])
    around = radii * directions + torch.as_tensor(center).to(first).expand_as(first).unsqueeze(1)
    has_circle = (angle > 1e-4) & (angle < math.pi - 1e-4) & (lengths[0] * lengths[1])[:, 0].gt(0)
    return torch.where(has_circle[:, None, None], around, straight(first, last, t))


def sines(num_sines: int, t: Tensor) -> Tensor:
    r"""The functions :math:`\sqrt2 \sin(m \pi t) / (m \pi)` at times t [M, T].

    They vanish at both ends, and their derivatives are orthonormal: in a flat space the energy of
    a curve grows by the squared coefficients.
    """
    m = math.pi * torch.arange(1, num_sines + 1).to(t)[:, None]
    return math.sqrt(2) * torch.sin(m * t) / m * ((t > 0) & (t < 1))


def bent(first: Tensor, last: Tensor, coefficients: Tensor, t: Tensor) -> Tensor:
    """The line plus sines of these coefficients [P, M, L]: points [P, T, L]."""
    t = t.to(first)
    offsets = torch.einsum("pml,mt->ptl", coefficients, sines(coefficients.shape[1], t))
    return straight(first, last, t) + offsets


def coefficients_of(points: Tensor, num_sines: int, t: Tensor) -> Tensor:
    """Those of the bent line that is nearest to points [P, T, L]; t [T] goes from 0 to 1."""
    t = t.to(points)
    offsets = points - straight(points[:, 0], points[:, -1], t)
    inverse = torch.linalg.pinv(sines(num_sines, t).T)  # [M, T]
    return torch.einsum("mt,ptl->pml", inverse, offsets)
