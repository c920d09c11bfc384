"""Short-time Fourier transforms and mel bands, by librosa."""

import warnings

import numpy as np

from ...errors import ConfigError
from .library import speech_library


def transform(samples: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """The transforms [N, 1 + n_fft/2, T] of recordings [N, S]: one for a sine of amplitude one.

    The first window is centred on the first sample, with silence before it.

    Raises:
        ConfigError: librosa is missing.
    """
    made: np.ndarray = speech_library("librosa", "a spectrogram").stft(
        samples.astype(np.float32), n_fft=n_fft, hop_length=hop, pad_mode="constant"
    )
    return made / np.float32(n_fft / 4)  # half the sum of a Hann window


def inverse(transformed: np.ndarray, n_fft: int, hop: int, length: int) -> np.ndarray:
    """The recordings [N, S] of `transform`."""
    made: np.ndarray = speech_library("librosa", "sound of a spectrogram").istft(
        transformed * (n_fft / 4), hop_length=hop, n_fft=n_fft, length=length
    )
    return made.astype(np.float32)


def with_phases(
    magnitudes: np.ndarray, n_fft: int, hop: int, length: int, num_steps: int, seed: int
) -> np.ndarray:
    """Recordings [N, S] whose transforms have about these magnitudes [N, 1 + n_fft/2, T].

    By the algorithm of Griffin and Lim, from random phases. Where windows overlap by less than
    three quarters, amplitudes between them are free to dip, which buzzes: there others are put
    between those that are given, by their logarithms.
    """
    finer = next((k for k in range(1, hop + 1) if hop % k == 0 and hop // k <= n_fft / 4), 1)
    made: np.ndarray = speech_library("librosa", "sound of a spectrogram").griffinlim(
        (_between(magnitudes, finer) * (n_fft / 4)).astype(np.float32), n_iter=num_steps,
        hop_length=hop // finer, n_fft=n_fft, length=length, pad_mode="constant",
        random_state=seed,
    )  # fmt: skip
    return made.astype(np.float32)


def _between(magnitudes: np.ndarray, finer: int) -> np.ndarray:
    """[..., T] with `finer` - 1 values between each two."""
    last = magnitudes.shape[-1] - 1
    grid = np.arange(finer * last + 1) / finer
    left = np.minimum(grid.astype(int), last - 1)
    share = grid - left
    logs = np.log(np.maximum(magnitudes, 1e-9))
    found: np.ndarray = np.exp(logs[..., left] * (1 - share) + logs[..., left + 1] * share)
    return found


def mel_bands(rate: int, n_fft: int, mels: int, low: float, high: float) -> np.ndarray:
    """Weights of the mel bands [F, 1 + n_fft/2], triangles with one in the middle.

    Raises:
        ConfigError: A band holds no frequency of the transform, or librosa is missing.
    """
    filters = speech_library("librosa.filters", "a mel spectrogram")
    with warnings.catch_warnings(action="ignore"):  # of empty bands, which are an error below
        made: np.ndarray = filters.mel(
            sr=rate, n_fft=n_fft, n_mels=mels, fmin=low, fmax=high, norm=None
        )
    empty = int((made.max(1) == 0).sum())
    if empty:
        raise ConfigError(
            f"{empty} of {mels} mel bands lie between the frequencies of windows of {n_fft} "
            f"samples; take fewer bands, or a longer window, n_fft={2 * n_fft}"
        )
    return made
