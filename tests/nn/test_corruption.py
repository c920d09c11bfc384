"""Corruptions damage what they say, as often as they say, each particle for itself."""

import pyro
import pytest
import torch

from pyrovae.errors import ConfigError, DataError
from pyrovae.nn import Corrupted, GaussianNoise, Masking, PoissonNoise, SaltAndPepper

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


LEVELS = torch.arange(5.0, dtype=torch.float64)


@pytest.mark.parametrize("noise", [Masking(0.3, value=0.0), SaltAndPepper(0.3, low=0.0, high=4.0)])
def test_replacing_noise_adds_up_and_is_what_is_drawn(noise):
    probs = noise.log_prob(LEVELS[:, None], LEVELS).exp()  # noisy by clean
    torch.testing.assert_close(probs.sum(0), torch.ones(5, dtype=torch.float64))
    drawn = noise(torch.full((200_000,), 2.0, dtype=torch.float64))
    for level in LEVELS:
        p = probs[int(level), 2]
        error = (p * (1 - p) / len(drawn)) ** 0.5
        assert abs((drawn == level).double().mean() - p) <= 4.5 * error


def test_gaussian_noise_has_the_density_of_a_normal():
    y, x = torch.randn(2, 50, dtype=torch.float64)
    exact = torch.distributions.Normal(x, 0.7).log_prob(y)
    torch.testing.assert_close(GaussianNoise(0.7).log_prob(y, x), exact)


def test_poisson_noise_adds_up_with_its_mean_and_variance():
    noise, x = PoissonNoise(0.25), torch.tensor([0.0, 0.6, 3.0], dtype=torch.float64)
    y = 0.25 * torch.arange(200, dtype=torch.float64)[:, None]
    probs = noise.log_prob(y, x).exp()
    torch.testing.assert_close(probs.sum(0), torch.ones_like(x))
    mean = (probs * y).sum(0)
    torch.testing.assert_close(mean, x)
    torch.testing.assert_close((probs * (y - mean) ** 2).sum(0), 0.25 * x)
    drawn = noise(x.expand(100_000, 3))
    z = (drawn.mean(0) - x)[1:] / (0.25 * x[1:] / len(drawn)).sqrt()
    assert z.abs().max() < 4.5
    assert (drawn[:, 0] == 0).all() and noise.log_prob(y, x - 5).max() == -torch.inf


def test_poisson_noise_refuses_negative_data():
    with pytest.raises(DataError, match="down to -2"):
        PoissonNoise()(torch.tensor([1.0, -2.0]))
    with pytest.raises(ConfigError, match="PoissonNoise"):
        PoissonNoise(0.0)
