"""Normals of a full or a low-rank covariance."""

import math

import pyro.distributions as dist
import torch

from ..coding import on_lattice, popped_and_pushed, pushed_and_popped

RNG = torch.Generator().manual_seed(0)
LOC = torch.randn(300, 4, generator=RNG).double()
FACTOR = torch.randn(300, 4, 4, generator=RNG).double().tril(-1) + torch.eye(4).double()


def _bits(fn, value, step):
    return -fn.log_prob(value) / math.log(2) - 4 * step


def test_full():
    fn = dist.MultivariateNormal(LOC, scale_tril=FACTOR)
    value, bits = popped_and_pushed(fn)
    torch.testing.assert_close(bits, _bits(fn, value, -6), rtol=0, atol=0.25)
    assert (bits - _bits(fn, value, -6)).mean().abs() < 0.01
    noise = torch.linalg.solve_triangular(FACTOR, (value - LOC)[..., None], upper=False)[..., 0]
    assert (noise.mean(0).abs() < 4 / 300**0.5).all()
    assert ((noise.T.cov() - torch.eye(4)).abs() < 5 * (2 / 300) ** 0.5).all()


def test_low_rank():
    factor = torch.randn(300, 4, 2, generator=RNG).double()
    fn = dist.LowRankMultivariateNormal(LOC, factor, torch.ones(300, 4).double())
    value, bits = popped_and_pushed(fn, step=-12)
    torch.testing.assert_close(bits, _bits(fn, value, -12), rtol=0, atol=0.25)
    assert (bits - _bits(fn, value, -12)).mean().abs() < 0.01


def test_values_from_elsewhere():
    fn = dist.MultivariateNormal(LOC, scale_tril=FACTOR)
    near, far = on_lattice(LOC + 0.7), on_lattice(LOC + 1000)
    bits = pushed_and_popped(fn, near)
    usual = _bits(fn, near, -6) < 40
    torch.testing.assert_close(bits[usual], _bits(fn, near, -6)[usual], rtol=0, atol=0.25)
    pushed_and_popped(fn, far)
