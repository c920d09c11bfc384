"""Denoising measured: noise by word, scores, filters, and pairs of every kind."""

import importlib
import json
import math

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pyrovae import data, fit
from pyrovae.apply import Denoised, denoise
from pyrovae.data import Split
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, DataError
from pyrovae.models import VAE, Autoencoder, ConditionalVAE
from pyrovae.nn import Binomial, GaussianNoise, Normal
from pyrovae.objectives import ELBO
from tests.oracles import z_scores

QUICK = {"num_particles": 4, "num_steps": 5, "num_moves": 2, "num_leapfrog": 2, "seed": 0}


@pytest.fixture(scope="module")
def digits():
    return data.digits()


def test_no_method_beats_the_exact_posterior_mean():
    pair = LinearGaussian.random(data_dim=4, latent_dim=2, seed=3)
    found = denoise(pair, pair.sample(300, seed=1), level=0.8, seed=0, num_particles=8,
                    num_steps=40, num_moves=10)  # fmt: skip
    best = found.scores["posterior mean"]["RMSE"].square()
    for method in ("noisy", "one draw", "encode-decode"):
        assert z_scores(found.scores[method]["RMSE"].square() - best, 0.0) > 3, method
    noisy = found.scores["noisy"]["RMSE"].square()
    assert abs(z_scores(noisy, 0.8**2)) < 4
    assert found.scores["noisy"]["SSIM"].isnan().all() and "-" in found.cells()[1]
    assert found.plot() is None and "effective size" in str(found)


@pytest.mark.parametrize("noise", ["gaussian", "salt-and-pepper", "masking", "poisson"])
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_every_noise_on_bytes(noise, dtype, digits):
    one = VAE(digits.shape, 2, likelihood=Binomial(16))
    one = one.double() if dtype == "float64" else one
    x = digits.test.x[:2].numpy().astype(dtype)
    found = denoise(one, x, noise=noise, **QUICK)
    assert found.numbers()["noisy"]["PSNR"]["mean"] > 0
    assert all(made.isfinite().all() for made in found.made.values())
    assert found.plot() is not None and found.arrays()["posterior_mean"].shape == x.shape
    clean = torch.as_tensor(x)
    if noise in ("salt-and-pepper", "masking"):
        assert set(found.noisy[found.noisy != clean].tolist()) <= {0.0, 16.0}
    for method in ("noisy", "total variation"):
        made = {"noisy": found.noisy, **found.made}[method].clamp(0, 16).double().numpy()
        for row, one_made in enumerate(made):
            true = clean[row].double().numpy()
            psnr = peak_signal_noise_ratio(true, one_made, data_range=16)
            ssim = structural_similarity(true[0], one_made[0], data_range=16, win_size=7)
            assert float(found.scores[method]["PSNR"][row]) == pytest.approx(psnr)
            assert float(found.scores[method]["SSIM"][row]) == pytest.approx(ssim)


def test_a_pair_without_a_posterior_reconstructs(digits):
    one = Autoencoder(digits.shape, 2, likelihood=Binomial(16))
    found = denoise(one, digits.test[:2], filters=False, **QUICK)
    assert set(found.made) == {"encode-decode"} and "improper" in found.left_out
    assert "no posterior" in str(found) and found.ess is None
    assert found.plot() is not None


def test_a_pair_of_clean_given_noisy():
    """p(x|y) of a linear Gaussian, trained: its mean comes near the Wiener filter."""
    pair = LinearGaussian.random(data_dim=3, latent_dim=1, seed=2)
    noise = GaussianNoise(0.8)
    torch.manual_seed(0)
    clean = pair.sample(1000, seed=1).float()
    noisy = noise(clean)
    weight, bias, variance = (t.detach() for t in pair._likelihood())
    signal = weight @ weight.T + variance * torch.eye(3).double()
    gain = signal @ torch.linalg.inv(signal + 0.64 * torch.eye(3).double())
    vae = ConditionalVAE((3,), 1, condition_shape=(3,), likelihood=Normal())
    fit(vae.model, vae.guide, Split(clean, y=noisy).labelled(), objective=ELBO(), epochs=10,
        lr=1e-2, device="cpu", progress=False, seed=0)  # fmt: skip
    test = pair.sample(500, seed=3).float()
    found = denoise(vae, test, noise=noise, conditional=True, num_particles=32, seed=0)
    exact = bias + (found.noisy.double() - bias) @ gain.T
    error = found.scores["mean given noisy"]["RMSE"].square().mean()
    least = (exact - test).square().mean()
    assert least < error < 1.3 * least < 0.64
    assert set(found.made) == {"mean given noisy", "one draw"}


def test_nothing_is_moved(digits):
    one = VAE(digits.shape, 2, likelihood=Binomial(16))
    state = torch.get_rng_state()
    found = [denoise(one, digits.test[:2], filters=False, **QUICK) for _ in "ab"]
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(found[0].draws, found[1].draws)
    assert all(p.grad is None for p in one.parameters())


def test_refusals(digits, monkeypatch):
    one = VAE(digits.shape, 2, likelihood=Binomial(16))
    x = digits.test.x[:2]
    with pytest.raises(ConfigError, match="noise='rain'; use one of gaussian"):
        denoise(one, x, noise="rain")
    with pytest.raises(ConfigError, match="level=-1"):
        denoise(one, x, level=-1)
    pair = LinearGaussian.random(data_dim=4, latent_dim=2, seed=3)
    with pytest.raises(DataError, match="no count of events has a negative mean"):
        denoise(pair, pair.sample(9, seed=1), noise="poisson")
    with pytest.raises(ConfigError, match="everywhere"):
        denoise(pair, torch.ones(2, 4).double())

    def missing(name, *args):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install pyrovae\[images\]"):
        denoise(one, x, filters=False, **QUICK)


def test_data_that_come_back_exactly_leave_no_nan_in_table_or_numbers():
    clean = torch.eye(3)[None].repeat(2, 1, 1)
    scores = {"PSNR": [math.inf, 9.0], "SSIM": [1.0, 0.5], "RMSE": [0.0, 0.4]}
    noisy = {name: torch.tensor(values) for name, values in scores.items()}
    found = Denoised(clean, clean, {}, clean[:0], {"noisy": noisy}, "noise", None, "", 1)
    assert "nan" not in str(found) and "see RMSE" in str(found)
    assert set(found.numbers()["noisy"]) == {"SSIM", "RMSE"}
    json.dumps(found.numbers(), allow_nan=False)
