"""Steady noise against simulation, and speech without it."""

from functools import partial

import pyro
import pytest
import torch

from pyrovae import data, fit
from pyrovae.apply.sound import StationaryNoise, denoise_sound
from pyrovae.data import Spectrogram
from pyrovae.errors import DataError, ShapeError
from pyrovae.models import SpectrogramVAE
from pyrovae.nn import TimeConvDecoder, TimeConvEncoder
from tests.result_contract import check_result

LEVEL = 0.05


@pytest.fixture(scope="module")
def sets():
    return data.tones(takes=12)


@pytest.fixture(scope="module")
def pair(sets):
    pyro.set_rng_seed(0)
    made = SpectrogramVAE(
        sets.shape, 6, sound=sets.supplies["sound"],
        encoder=partial(TimeConvEncoder, channels=(32, 32)),
        decoder=partial(TimeConvDecoder, channels=(32, 32)),
    )  # fmt: skip
    fit(made, sets.train, epochs=50, batch_size=40, lr=5e-3, seed=0, device="cpu", compile=False,
        progress=False)  # fmt: skip
    return made


def noise(n, count, seed):
    return LEVEL * torch.randn(n, count, generator=torch.Generator().manual_seed(seed))


def test_mean_and_variance_are_those_of_noise_that_was_added(sets):
    """Of a steady tone, whose clean power is the same in each window."""
    spectrogram = Spectrogram.from_json(sets.supplies["sound"])
    count, times = spectrogram.num_samples, 400
    tone = 0.03 * torch.sin(2 * torch.pi * 1000 * torch.arange(count) / 8000).expand(times, -1)
    model = StationaryNoise.of(spectrogram, noise(400, count, 0))
    clean = spectrogram.of(tone[:1].numpy())[..., 10:11]
    noisy = spectrogram.of((tone + noise(times, count, 1)).numpy())[..., 10:11]
    drawn = torch.stack([model(clean[0]) for _ in range(2000)])
    for made, tolerance in ((noisy, 0.5), (drawn, 0.5)):  # dB
        mean = (made.mean(0) - model(clean.expand(4000, -1, -1, -1)).mean(0)) * spectrogram.scale
        assert mean.abs().max() < tolerance
    ratio = noisy.std(0) / drawn.std(0)
    # Where the band is wide the power of noise is nearly normal in dB; in a band of one frequency
    # it is exponential, and its logarithm has a longer tail than a normal.
    assert 0.9 < ratio.median() < 1.15 and ratio.min() > 0.8 and ratio.max() < 1.4


def test_the_density_is_one_and_is_where_it_says(sets):
    spectrogram = Spectrogram.from_json(sets.supplies["sound"])
    model = StationaryNoise.of(spectrogram, noise(50, spectrogram.num_samples, 0))
    clean = torch.linspace(-1, 1.5, 5).reshape(5, 1, 1, 1).expand(5, 1, 24, 24)
    grid = torch.linspace(-4, 6, 4001)
    total = model.log_prob(grid.reshape(-1, 1, 1, 1, 1), clean[None]).exp().sum(0) * (10 / 4000)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=1e-3, atol=0.0)
    loud = torch.full((1, 1, 24, 24), 3.0)  # far above the noise: the clean value is the noisy one
    center, width = model.spread(model(loud))
    assert (center - loud).abs().max() < 0.1 and width.max() < 0.1
    _, width = model.spread(
        model(torch.full((1, 1, 24, 24), -3.0))
    )  # far below: it may be anywhere
    assert width.median() > 0.1


def test_a_pair_of_clean_sounds_removes_noise(sets, pair):
    spectrogram = pair.spectrogram
    x = sets.test.x[:5]
    clean = spectrogram.to_sound(x)
    noisy = clean + noise(5, spectrogram.num_samples, 2)
    found = denoise_sound(
        pair, noisy, noise=noise(20, spectrogram.num_samples, 3), clean=clean, num_particles=4,
        num_steps=20, num_moves=0, seed=0,
    )  # fmt: skip
    error = {name: float(value["dB"].mean()) for name, value in found.scores.items()}
    assert error["pair"] < 0.8 * error["Wiener filter"] < 0.8 * error["noisy"], error
    sdr = {name: float(value["SDR"].mean()) for name, value in found.scores.items()}
    assert sdr["pair"] > sdr["noisy"] + 3 and sdr["Wiener filter"] > sdr["noisy"] + 1, sdr
    assert found.sounds["pair"].shape == noisy.shape
    check_result(found, draws=False)


def test_errors_say_what_is_needed(sets, pair):
    spectrogram = pair.spectrogram
    with pytest.raises(ShapeError, match="with 2944 samples at least"):
        StationaryNoise.of(spectrogram, torch.zeros(2, 100))
    with pytest.raises(DataError, match="is the recording of it silent"):
        StationaryNoise.of(spectrogram, torch.zeros(2, 3000))
    with pytest.raises(ShapeError, match=r"one number for each band, \[24\]"):
        StationaryNoise(spectrogram, torch.ones(3), torch.ones(24))
    with pytest.raises(ShapeError, match=r"noisy of shape \[100\]; it needs \[N, S\]"):
        denoise_sound(pair, torch.zeros(100), noise=torch.zeros(2, 3000))
