"""Codes whose scores are known, for a full grid of factors."""

import math

import torch

SIZES = (3, 4, 6, 12, 12)
FACTORS = torch.cartesian_prod(*(torch.arange(n) for n in SIZES))  # [10368, 5]


def noise(width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(FACTORS), width, generator=generator, dtype=torch.float64)


def themselves():
    """The factors in another order and other units, one of them reversed."""
    units = torch.tensor([1.0, 1e3, 1e-3, -2.0, 5.0], dtype=torch.float64)
    return FACTORS[:, [3, 1, 0, 4, 2]] * units + 7


def with_dead():
    """Besides the factors, codes that do not vary but for rounding."""
    return torch.cat([themselves(), 0.1 + 0 * noise(1), 0 * noise(1)], 1)


def rotated():
    """Every code says something of every factor: a discrete cosine transform of them."""
    z = (FACTORS - FACTORS.double().mean(0)) / FACTORS.double().std(0)
    k, n = torch.arange(5.0).double(), torch.arange(5.0).double()[:, None]
    basis = torch.cos(torch.pi * (n + 0.5) * k / 5) * math.sqrt(2 / 5)
    basis[:, 0] /= math.sqrt(2)
    return z @ basis


def dead():
    return torch.full((len(FACTORS), 3), 0.1)
