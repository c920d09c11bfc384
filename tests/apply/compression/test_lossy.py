"""Streams of latents are as long as theory says, and decode to what the model makes of them."""

import math
import sys

import numpy as np
import pytest
import torch
from scipy.stats import norm

from pyrovae.apply import lossy
from pyrovae.apply.compression.lossy import psnr_of
from pyrovae.data.synthetic import DiscreteLatent, LinearGaussian
from pyrovae.errors import ConfigError, SiteError
from pyrovae.models import VAE, HierarchicalVAE, MixturePrior, TopicModel


@pytest.fixture(scope="module")
def oracle():
    return LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)


def test_a_fine_grid_gives_the_models_mean_at_the_posterior_mean(oracle):
    x = oracle.sample(300, seed=1)
    mean = oracle.decoder.affine(oracle._q(x).mean).detach()
    exact = (mean - x).square().mean()
    found = lossy(oracle, x, steps=[1e-3])
    assert found.mse[0] == pytest.approx(float(exact), rel=1e-3)
    torch.testing.assert_close(found.decoded[0].double(), mean[:12], atol=1e-2, rtol=0)


@pytest.mark.parametrize("step", [0.05, 0.5, 2.0])
def test_the_stream_is_as_long_as_the_cells_say(oracle, step):
    x = oracle.sample(2000, seed=1)
    points = np.rint(oracle._q(x).mean.detach().numpy() / step)
    cells = norm.cdf((points + 0.5) * step) - norm.cdf((points - 0.5) * step)
    found = lossy(oracle, x, steps=[step], rows=2000)
    ideal = -np.log2(cells).sum() / x.numel()
    assert found.bits_per_dim[0] == pytest.approx(ideal, rel=5e-3, abs=3 * 32 / x.numel())


def test_rate_falls_and_error_grows_with_the_step(oracle):
    found = lossy(oracle, oracle.sample(500, seed=1), steps=[0.1, 1.0, 30.0])
    assert list(found.bits_per_dim) == sorted(found.bits_per_dim, reverse=True)
    assert list(found.mse) == sorted(found.mse)
    assert found.bits_per_dim[-1] < 0.1  # every latent is 0, and the stream says so
    coarser = lossy(oracle, oracle.sample(500, seed=1), steps=[0.2])
    gained = found.bits_per_dim[0] - coarser.bits_per_dim[0]
    assert gained * 5 / 2 == pytest.approx(1.0, abs=0.05)  # a bit a latent for half the step


def test_hierarchies_are_coded_under_the_prior_given_what_is_above():
    found = lossy(HierarchicalVAE((6,), (4, 2)), torch.eye(6), steps=[0.1, 1.0])
    assert found.bits_per_dim[0] > found.bits_per_dim[1] > 0


def test_images_are_drawn_and_rows_are_not(oracle):
    found = lossy(VAE((1, 4, 4), 2), np.eye(16, dtype=np.uint8).reshape(16, 1, 4, 4))
    assert found.plot() is not None and found.decoded.shape == (4, 12, 1, 4, 4)
    assert len(found.cells()) == 5 and found.numbers()["peak"] == 1.0
    assert lossy(oracle, oracle.sample(3, seed=1), steps=[1.0]).plot() is None


def test_psnr():
    assert psnr_of(0.01, 1.0) == pytest.approx(20.0)
    assert psnr_of(0.0, 1.0) == math.inf


def test_what_cannot_be_sent(oracle):
    discrete = DiscreteLatent.random(data_dim=4, latent_dim=2, seed=0)
    with pytest.raises(SiteError, match="lossy coding sends the mean"):
        lossy(discrete, discrete.sample(4, seed=1))
    mixture = VAE((6,), 2, prior=lambda dim: MixturePrior(dim, num_components=2))
    with pytest.raises(SiteError, match="normal prior"):
        lossy(mixture, torch.eye(6))
    for steps in ([], [0.0], [-1.0], [math.inf]):
        with pytest.raises(ConfigError, match="steps"):
            lossy(oracle, oracle.sample(3, seed=1), steps=steps)
    with pytest.raises(ConfigError, match="larger step"):
        lossy(oracle, oracle.sample(3, seed=1), steps=[1e-9])


def test_without_the_library(oracle, monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(ConfigError, match=r"pip install 'pyrovae\[compress\]'"):
        lossy(oracle, oracle.sample(3, seed=1))


def test_a_model_that_needs_the_data_to_decode_is_refused_by_what_it_is():
    pair = TopicModel.example()
    with pytest.raises(ConfigError, match="zeros in their place, and it refuses.*total is 0"):
        lossy(pair, pair.example_x(4), steps=[0.5])
