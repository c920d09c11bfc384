"""Words of an artificial voice, which need no recording."""

from collections.abc import Sequence

import numpy as np

from ...errors import ConfigError
from ..base import Dataset, mix_seed, supplying
from .audio import as_dataset
from .recordings import Recordings

_RATE = 8000
_VOWELS = {  # the first two formants in Hz, of a man's voice; rounded from Peterson & Barney
    "a": (730.0, 1090.0), "e": (530.0, 1840.0), "i": (270.0, 2290.0), "u": (300.0, 870.0),
}  # fmt: skip
_WORDS = ("ai", "ia", "au", "ue")
_SPEAKERS = {"low": (110.0, 1.0), "middle": (160.0, 1.1), "high": (220.0, 1.2)}
"""Of each its pitch in Hz, and the factor of its formants."""
_WIDTH = 120.0  # of a formant, in Hz


@supplying("sound", "num_classes")
def tones(
    *,
    takes: int = 20,
    labels: str | Sequence[str] | None = ("word", "speaker"),
    frames: int = 24,
    mels: int | None = 24,
    seed: int = 0,
) -> Dataset:
    """Four words of two vowels by three artificial voices, at 8 kHz: x [N, 1, 24, 24].

    A word is a sum of the harmonics of a pitch, louder near two formants, which glide from those
    of its first vowel to those of its second. Takes differ by pitch, formants, speed, loudness and
    noise. Voice and word are known, and need no download: for examples and tests. It is no speech;
    what succeeds here may fail on recordings.

    Args:
        takes: Of each word and voice; a tenth of them, at least one, is `test`, another `val`.
        labels: "word" or "speaker" for classes [N], both for classes [N, 2], None for none.
        frames: T; see `audio`.
        mels: F; see `audio`.
        seed: Of takes and splits.

    Raises:
        ConfigError: There are fewer than 3 takes, or the extra `speech` is missing.

    Source:
        formants of vowels: Control Methods Used in a Study of the Vowels (Peterson & Barney,
        1952), https://doi.org/10.1121/1.1906875

    Example:
        >>> tones(takes=3).train
        Split(12 x [1, 24, 24] float32, labels int64)
    """
    if takes < 3:
        raise ConfigError(f"tones got takes={takes}; it needs 3, one for each split")
    noise = np.random.default_rng(mix_seed(seed))
    fields: dict[str, list[str]] = {"word": [], "speaker": [], "take": []}
    samples = []
    for word in _WORDS:
        for speaker in _SPEAKERS:
            for take in range(takes):
                samples.append(_spoken(word, speaker, noise))
                for name, value in zip(fields, (word, speaker, str(take)), strict=True):
                    fields[name].append(value)
    names = [f"tone {i}" for i in range(len(samples))]
    held = Recordings(samples, names, _RATE, fields)
    few = max(takes // 10, 1)
    val, test = ({"take": range(i * few, (i + 1) * few)} for i in (1, 0))
    return as_dataset("tones", held, frames, {"mels": mels}, labels, val, test, seed)


def _spoken(word: str, speaker: str, noise: np.random.Generator) -> np.ndarray:
    """One take [S] of a word."""
    pitch, factor = _SPEAKERS[speaker]
    pitch *= np.exp(0.04 * noise.standard_normal())
    factor *= np.exp(0.02 * noise.standard_normal())
    count = int(_RATE * 0.3 * np.exp(0.1 * noise.standard_normal()))
    time = np.linspace(0.0, 1.0, count)
    glide = 1 / (1 + np.exp(-12 * (time - 0.5 - 0.05 * noise.standard_normal())))
    frequency = pitch * (1.05 - 0.1 * time)
    phase = 2 * np.pi * np.cumsum(frequency) / _RATE
    first, second = (np.array(_VOWELS[vowel]) * factor for vowel in word)
    formants = first[:, None] + (second - first)[:, None] * glide
    orders = np.arange(1, int(_RATE / 2 / (1.05 * pitch)) + 1)[:, None]
    gains = np.exp(-0.5 * ((orders * frequency - formants[:, None]) / _WIDTH) ** 2)
    wave = ((gains[0] + 0.5 * gains[1] + 0.01) / orders**0.5 * np.sin(orders * phase)).sum(0)
    wave *= np.minimum(1, 12 * np.minimum(time, 1 - time)) * np.exp(0.2 * noise.standard_normal())
    made: np.ndarray = wave + 0.003 * noise.standard_normal(count)
    return made.astype(np.float32)
