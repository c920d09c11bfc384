"""Spectrograms against transforms and bands of our own, and sound made of them."""

import math

import numpy as np
import pytest
import torch

from pyrovae.data import Spectrogram
from pyrovae.errors import ConfigError, DataError, ShapeError

SMALL = Spectrogram(rate=8000, frames=20, mels=24)


def sounds(n=3, seed=0):
    """Two tones a sound, and a little noise [n, S]."""
    rng = np.random.default_rng(seed)
    time = np.arange(SMALL.num_samples) / SMALL.rate
    tones = np.sin(2 * np.pi * rng.uniform(200, 3500, (2, n, 1)) * time).sum(0)
    return (0.4 * tones + 0.001 * rng.standard_normal(tones.shape)).astype(np.float32)


def bands_by_hand(mels, n_fft, rate):
    """Triangles on the scale of Slaney's toolbox: linear up to 1 kHz, then by 6.4^(1/27)."""

    def to_mel(hz):
        return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1e-9) / 1000)
                        / np.log(6.4))  # fmt: skip

    def to_hz(mel):
        return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))

    edges = to_hz(np.linspace(0, to_mel(np.array(rate / 2.0)), mels + 2))
    hz = np.linspace(0, rate / 2, n_fft // 2 + 1)
    left, middle, right = (edges[i : i + mels, None] for i in range(3))
    return np.maximum(
        np.minimum((hz - left) / (middle - left), (right - hz) / (right - middle)), 0
    )


@pytest.mark.parametrize("mels", [24, None])
def test_power_is_that_of_a_transform_by_torch_and_of_bands_by_hand(mels):
    spectrogram = Spectrogram(rate=8000, frames=20, mels=mels)
    x = sounds()
    window = torch.hann_window(256, dtype=torch.float64)
    power = torch.stft(
        torch.from_numpy(x).double(), 256, 128, window=window, pad_mode="constant",
        return_complex=True,
    ).abs().square().numpy() / (window.sum().item() / 2) ** 2  # fmt: skip
    if mels is not None:
        power = bands_by_hand(mels, 256, 8000) @ power
    wanted = 10 * np.log10(np.maximum(power, 1e-6))
    np.testing.assert_allclose(spectrogram.decibels(x).numpy(), wanted, atol=0.01)


def test_a_sine_of_amplitude_one_has_0_dB_at_its_band():
    spectrogram = Spectrogram(rate=8000, frames=20, mels=None)
    sine = np.sin(2 * np.pi * 1000 * np.arange(spectrogram.num_samples) / 8000)[None]
    found = spectrogram.decibels(sine)[0, :, 5:15]
    assert found.argmax(0).unique().tolist() == [32]  # 1000 / 8000 * 256
    torch.testing.assert_close(found[32], torch.zeros(10), atol=1e-3, rtol=0.0)


def test_standardised_by_the_recordings_that_it_was_fitted_to():
    fitted = SMALL.fitted(sounds(20))
    x = fitted.of(sounds(20))
    assert x.shape == (20, 1, 24, 20) and x.dtype == torch.float32
    assert abs(float(x.mean())) < 1e-4 and abs(float(x.std()) - 1) < 1e-4
    assert Spectrogram.from_json(fitted.to_json()) == fitted
    torch.testing.assert_close(fitted.in_decibels(x)[:, 0], SMALL.decibels(sounds(20)))
    with pytest.raises(DataError, match="below the floor of -60 dB"):
        SMALL.fitted(np.zeros((2, SMALL.num_samples)))


def test_amplitudes_come_back_of_a_transform_and_in_the_bands():
    full = Spectrogram(rate=8000, frames=20, mels=None, floor=-200.0)
    given = full.decibels(sounds())
    made = 20 * full.magnitudes(full.of(sounds())).log10()
    torch.testing.assert_close(made.float(), given, atol=1e-3, rtol=0.0)
    bands = torch.from_numpy(bands_by_hand(24, 256, 8000))
    power = bands @ SMALL.magnitudes(SMALL.of(sounds())).square()
    loud = SMALL.decibels(sounds()) > -30
    difference = (10 * power.log10() - SMALL.decibels(sounds()))[loud]
    assert difference.abs().mean() < 1.0  # amplitudes below 0 were left out


def test_griffin_lim_finds_sound_with_the_amplitudes():
    full = Spectrogram(rate=8000, frames=20, mels=None, n_fft=256, hop=64)
    time = np.arange(full.num_samples) / 8000
    rng = np.random.default_rng(1)
    x = 0.3 * np.sin(2 * np.pi * (300 * time + 1500 * time**2)) + 0.01 * rng.standard_normal(
        (2, len(time))
    )
    wanted = full.magnitudes(full.of(x))

    def convergence(sound):
        return ((full.magnitudes(full.of(sound.numpy())) - wanted).norm() / wanted.norm()).item()

    few, many = (full.to_sound(full.of(x), num_steps=n) for n in (1, 60))
    assert few.shape == many.shape == (2, full.num_samples) and many.abs().max() <= 1
    assert convergence(many) < 0.1 < 0.2 < convergence(few)
    assert torch.equal(many, full.to_sound(full.of(x), num_steps=60))
    assert not torch.equal(many, full.to_sound(full.of(x), num_steps=60, seed=1))


def test_between_windows_that_overlap_by_half_sound_is_nearer_than_by_librosa_alone():
    import librosa

    from pyrovae.data.audio.transform import with_phases

    half, fine = (
        Spectrogram(rate=8000, frames=n, mels=None, n_fft=256, hop=hop)
        for n, hop in ((20, 128), (77, 32))
    )
    rng = np.random.default_rng(0)
    time = np.arange(half.num_samples) / 8000
    tones = [np.sin(2 * np.pi * f * time + p) for f, p in rng.uniform(200, 3500, (12, 2))]
    x = np.stack([sum(tones[i::3]) for i in range(3)]) / 8
    magnitudes = half.magnitudes(half.of(x)).numpy()
    alone = librosa.griffinlim(
        magnitudes * 64, n_fft=256, hop_length=128, length=half.num_samples, random_state=0,
        pad_mode="constant",
    )  # fmt: skip
    ours = with_phases(magnitudes, 256, 128, half.num_samples, 32, 0)
    loud = fine.decibels(x) > -40
    errors = [(fine.decibels(y) - fine.decibels(x))[loud].abs().mean() for y in (ours, alone)]
    assert errors[0] < 0.8 * errors[1], errors


def test_sound_is_never_louder_than_one():
    loud = SMALL.to_sound(torch.full((1, *SMALL.shape), 6.0))
    assert float(loud.abs().max()) == pytest.approx(1.0)
    assert SMALL.to_sound(torch.zeros(0, *SMALL.shape)).shape == (0, SMALL.num_samples)


def test_bands_are_changed_with_their_phases():
    x = sounds()
    same = SMALL.filtered(x, torch.ones(3, 24, 20))
    inner = slice(256, -256)
    hz = np.fft.rfft(same.numpy()[:, inner] - x[:, inner])
    assert np.abs(hz).max() < 0.02 * np.abs(np.fft.rfft(x[:, inner])).max()
    half = SMALL.filtered(x, torch.full((3, 24, 20), 0.5))
    torch.testing.assert_close(half, same / 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rate": 0}, "rate=0 .above 0"),
        ({"frames": 1}, "frames=1"),
        ({"hop": 200, "n_fft": 256}, "hop=200 .from 1 to n_fft / 2"),
        ({"floor": 0.0}, "floor"),
        ({"high": 5000.0}, "at most half the rate"),
        ({"scale": 0.0}, "scale"),
    ],
)
def test_settings_that_make_no_sense(given, message):
    with pytest.raises(ConfigError, match=message):
        Spectrogram(**{"rate": 8000, "frames": 20, **given})


def test_errors_say_what_is_needed():
    with pytest.raises(ConfigError, match="'pitch'.*not known"):
        Spectrogram.from_json({"rate": 8000, "frames": 20, "pitch": 3})
    with pytest.raises(ConfigError, match="no frames"):
        Spectrogram.from_json({"rate": 8000})
    with pytest.raises(ShapeError, match=r"\[N, 2432\]"):
        SMALL.of(np.zeros((2, 100)))
    with pytest.raises(ShapeError, match=r"\[N, 1, 24, 20\]"):
        SMALL.to_sound(torch.zeros(2, 24, 20))
    with pytest.raises(ConfigError, match="num_steps=0"):
        SMALL.to_sound(torch.zeros(1, 1, 24, 20), num_steps=0)
    with pytest.raises(ConfigError, match="of 300 mel bands lie between.*n_fft=512"):
        Spectrogram(rate=8000, frames=20, mels=300).of(np.zeros((1, 2432)))


def test_without_the_extra_an_error_names_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "librosa", None)
    with pytest.raises(ConfigError, match=r"needs librosa.*pyrovae\[speech\]"):
        SMALL.of(np.zeros((1, SMALL.num_samples)))


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e5])
def test_what_is_no_sound_is_named(value):
    spectrogram = Spectrogram(rate=8000, frames=6, mels=8)
    x = torch.zeros(3, *spectrogram.shape)
    x[1, 0, 2, 3] = value
    with pytest.raises(DataError, match="spectrogram 1 of 3"):
        spectrogram.to_sound(x)
    with pytest.raises(DataError, match="NaN or infinity"):
        spectrogram.of(np.full((2, spectrogram.num_samples), math.nan))
