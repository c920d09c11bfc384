"""Curves: exact at their ends, on the sphere, and along the line."""

import math

import torch

from pyrovae.apply.interpolation.curves import bent, coefficients_of, sines, spherical, straight

A, B = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
T = torch.linspace(0, 1, 7, dtype=torch.float64)


def test_ends_are_exact():
    center = torch.ones(3, dtype=torch.float64)
    some = torch.randn(5, 4, 3, dtype=torch.float64)
    for made in (straight(A, B, T), bent(A, B, some, T)):
        assert torch.equal(made[:, 0], A) and torch.equal(made[:, -1], B)
    made = spherical(A, B, T, center)
    torch.testing.assert_close(made[:, 0], A)
    torch.testing.assert_close(made[:, -1], B)


def test_spherical_goes_around_a_circle_at_even_speed():
    angle = 0.5 * math.pi * T
    one, other = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)[:, None]
    exact = torch.stack([angle.cos(), angle.sin()], -1)
    torch.testing.assert_close(spherical(one, other, T)[0], exact)
    # Radii in proportion, about any center.
    center = torch.tensor([[3.0, -2.0]], dtype=torch.float64)
    made = spherical(center + one, center + 5 * other, T, center)
    torch.testing.assert_close(made[0], center + (1 + 4 * T)[:, None] * exact)


def test_spherical_without_a_circle_is_straight():
    for other in (2 * A, -A, torch.zeros_like(A), A):
        torch.testing.assert_close(spherical(A, other, T), straight(A, other, T))


def test_sines_have_orthonormal_derivatives():
    t = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    slopes = (sines(4, t)[:, 1:] - sines(4, t)[:, :-1]) / (t[1] - t[0])
    gram = slopes @ slopes.T * (t[1] - t[0])
    torch.testing.assert_close(gram, torch.eye(4, dtype=torch.float64), atol=1e-5, rtol=0)


def test_coefficients_are_found_again():
    some = torch.randn(5, 4, 3, dtype=torch.float64)
    t = torch.linspace(0, 1, 33, dtype=torch.float64)
    torch.testing.assert_close(coefficients_of(bent(A, B, some, t), 4, t), some)
