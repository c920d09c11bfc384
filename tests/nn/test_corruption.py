"""Corruptions damage what they say, as often as they say, each particle for itself."""

import pyro
import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn import Corrupted, GaussianNoise, Masking, SaltAndPepper

X = torch.full((200, 500), 0.5, dtype=torch.float64)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def _z(count, share):
    return (count - X.numel() * share) / (X.numel() * share * (1 - share)) ** 0.5


def test_gaussian_noise():
    noise = GaussianNoise(0.3)(X) - X
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert abs(noise.mean().item()) < 4.5 * 0.3 / X.numel() ** 0.5


def test_masking():
    seen = Masking(0.2, value=-1.0)(X)
    assert set(seen.unique().tolist()) == {-1.0, 0.5}
    assert abs(_z((seen == -1).sum().item(), 0.2)) < 4.5


def test_salt_and_pepper():
    seen = SaltAndPepper(0.2, low=-1.0, high=1.0)(X)
    assert set(seen.unique().tolist()) == {-1.0, 0.5, 1.0}
    for extreme in (-1, 1):
        assert abs(_z((seen == extreme).sum().item(), 0.1)) < 4.5


@pytest.mark.parametrize("make", [GaussianNoise, Masking, SaltAndPepper])
def test_type_and_bounds(make):
    assert make()(X.float()).dtype == torch.float32
    with pytest.raises(ConfigError, match=make.__name__):
        make(-0.1)
    assert torch.equal(make(0.0)(X), X)


def test_every_particle_has_noise_of_its_own():
    with pyro.plate("particles", 3, dim=-2), pyro.plate("data", 4):
        seen = pyro.sample("seen", Corrupted(X[:4], GaussianNoise(), 1))
    assert seen.shape == (3, 4, 500)
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(Corrupted(X[:4], GaussianNoise(), 1).log_prob(seen), torch.zeros(3, 4))
