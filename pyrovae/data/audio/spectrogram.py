"""Spectrograms of recordings, and the way back to sound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor

from ...errors import ConfigError, DataError, ShapeError
from .transform import inverse, mel_bands, transform, with_phases

_LOUDEST = 1e20  # power, of which single precision can take the square
_AT_ONCE = 256  # recordings, which bounds the memory of the complex numbers between


@dataclass(frozen=True)
class Spectrogram:
    """How a recording becomes a spectrogram [1, F, T] of fixed size, and a spectrogram a sound.

    A recording is cut at the end, or filled with silence, to `num_samples`. The power of its
    Fourier transform in windows (Hann) is measured against that of a sine of amplitude one, which
    is 0 dB, in F bands of the mel scale or in the 1 + n_fft / 2 bands of the transform. What is
    below `floor` is raised to it. x = (dB - mean) / scale, so that networks see numbers of about
    one.

    Phases are lost. `to_sound` finds some that fit (Griffin and Lim's algorithm), which sound a
    little metallic, and are of no use where the exact waveform matters.

    Args:
        rate: Samples per second, in Hz.
        frames: T, windows of one spectrogram, 2 or more.
        n_fft: Samples of one window; None is the power of two at 32 ms.
        hop: Samples from one window to the next; None is half a window.
        mels: F, bands of the mel scale; None keeps the bands of the transform.
        low: Lowest frequency of the mel bands, in Hz.
        high: Highest; None is half the rate.
        floor: In dB, below 0.
        mean: Of the training data, in dB.
        scale: Standard deviation of the training data, in dB.

    Raises:
        ConfigError: Numbers make no sense, or a library of the extra `speech` is missing.

    Source:
        Griffin & Lim, Signal estimation from modified short-time Fourier transform (1984),
        https://doi.org/10.1109/TASSP.1984.1164317; by librosa with the momentum of Perraudin et
        al., A fast Griffin-Lim algorithm (2013), https://doi.org/10.1109/WASPAA.2013.6701851

    Example:
        >>> spectrogram = Spectrogram(rate=8000, frames=48)
        >>> spectrogram.shape, spectrogram.n_fft, spectrogram.num_samples / spectrogram.rate
        ((1, 40, 48), 256, 0.752)
    """

    rate: int
    frames: int
    n_fft: int | None = None
    hop: int | None = None
    mels: int | None = 40
    low: float = 0.0
    high: float | None = None
    floor: float = -60.0
    mean: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.n_fft is None and self.rate > 0:
            object.__setattr__(self, "n_fft", 2 ** round(math.log2(0.032 * self.rate)))
        if self.hop is None and self.n_fft is not None:
            object.__setattr__(self, "hop", max(self.n_fft // 2, 1))
        if self.high is None:
            object.__setattr__(self, "high", self.rate / 2)
        n_fft, hop, high = self.n_fft or 0, self.hop or 0, self.high or 0.0
        wrong = [
            f"{name}={value} ({need})"
            for name, value, need, is_right in (
                ("rate", self.rate, "above 0", self.rate > 0),
                ("frames", self.frames, "2 or more", self.frames >= 2),
                ("n_fft", n_fft, "4 or more", n_fft >= 4),
                ("hop", hop, "from 1 to n_fft / 2", 1 <= hop <= n_fft / 2),
                ("mels", self.mels, "1 or more, or None", self.mels is None or self.mels >= 1),
                ("low", self.low, "from 0 to below high", 0 <= self.low < high),
                ("high", high, "at most half the rate", high <= self.rate / 2),
                ("floor", self.floor, "below 0 dB", -math.inf < self.floor < 0),
                ("scale", self.scale, "above 0", 0 < self.scale < math.inf),
            )
            if not is_right
        ]
        if wrong:
            raise ConfigError(f"Spectrogram got {', '.join(wrong)}; give what stands in brackets")

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """From the mapping that `to_json` gave.

        Raises:
            ConfigError: A name is not known, or one is missing.
        """
        known = {field.name for field in fields(cls)}
        strange, missing = sorted(given.keys() - known), sorted({"rate", "frames"} - given.keys())
        if strange or missing:
            what = f"no {' and no '.join(missing)}" if missing else f"{strange}, not known"
            raise ConfigError(
                f"a sound is described by {', '.join(sorted(known))}, and this one has {what}; "
                "give the `supplies['sound']` of the data"
            )
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """Plain values, by the names of the arguments."""
        return asdict(self)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one spectrogram, (1, F, T)."""
        return 1, self._windows[0] // 2 + 1 if self.mels is None else self.mels, self.frames

    @property
    def num_samples(self) -> int:
        """Of a recording that fills the spectrogram."""
        return self._windows[1] * (self.frames - 1)

    def of(self, samples: np.ndarray) -> Tensor:
        """Spectrograms [N, 1, F, T] of recordings [N, num_samples], standardised."""
        return ((self.decibels(samples) - self.mean) / self.scale).unsqueeze(1)

    def fitted(self, samples: np.ndarray) -> Spectrogram:
        """The same with mean and scale of these recordings [N, num_samples].

        Raises:
            DataError: They are all silent.
        """
        found = self.decibels(samples).double()
        mean, scale = float(found.mean()), float(found.std())
        if not scale > 0:
            raise DataError(
                f"all {len(samples)} recordings lie below the floor of {self.floor:g} dB; lower "
                "the floor, or look at what was recorded"
            )
        return replace(self, mean=mean, scale=scale)

    def decibels(self, samples: np.ndarray) -> Tensor:
        """Power in dB [N, F, T], `floor` at least, of recordings [N, num_samples].

        Raises:
            ShapeError: They have another length.
            DataError: They hold NaN or infinity.
        """
        if samples.ndim != 2 or samples.shape[1] != self.num_samples:
            raise ShapeError(
                f"Spectrogram got recordings of shape {list(samples.shape)}; it needs "
                f"[N, {self.num_samples}]"
            )
        if not np.isfinite(samples).all():
            raise DataError("Spectrogram got recordings with NaN or infinity; leave those out")
        parts = [
            torch.from_numpy(10 * np.log10(np.maximum(self.power(some), 10 ** (self.floor / 10))))
            for some in np.split(samples, range(_AT_ONCE, len(samples), _AT_ONCE))
        ]
        return torch.cat(parts).float()

    def in_decibels(self, x: Tensor) -> Tensor:
        """Standardised numbers in dB."""
        return x * self.scale + self.mean

    def magnitudes(self, x: Tensor) -> Tensor:
        """Amplitudes [N, 1 + n_fft / 2, T] of the Fourier transform, for x [N, 1, F, T].

        Of mel bands it takes the amplitudes of the least squared error, without the negative ones.

        Raises:
            ShapeError: x has another shape.
            DataError: It holds NaN, or is louder than any sound.
        """
        if tuple(x.shape[1:]) != self.shape:
            raise ShapeError(
                f"got spectrograms of shape {list(x.shape)}; these sounds are [N, "
                f"{', '.join(map(str, self.shape))}]"
            )
        power = 10 ** (self.in_decibels(x.detach().cpu().double().squeeze(1)) / 10)
        loud = ~(power < _LOUDEST).flatten(1).all(1)
        if bool(loud.any()):
            raise DataError(
                f"spectrogram {int(loud.nonzero()[0])} of {len(x)} holds NaN, or is louder than "
                "any sound; standardise it as Spectrogram.of does, and look whether the pair that "
                "made it has diverged"
            )
        if self.mels is not None:
            power = torch.linalg.pinv(torch.from_numpy(self._bands).double()) @ power
        return power.clamp_min(0).sqrt()

    def to_sound(self, x: Tensor, *, num_steps: int = 32, seed: int = 0) -> Tensor:
        """Sound [N, num_samples], float32 on the CPU, of spectrograms x [N, 1, F, T].

        A sound whose samples would exceed one is brought down to that.

        Args:
            x: Standardised, as `of` gives it.
            num_steps: Steps of Griffin and Lim's algorithm.
            seed: Of the phases that it starts from.

        Raises:
            ShapeError: x has another shape.
            DataError: It holds NaN, or is louder than any sound.
            ConfigError: librosa is missing, or `num_steps` below 1.
        """
        if num_steps < 1:
            raise ConfigError(f"to_sound got num_steps={num_steps}; it needs 1 or more")
        if not len(x):
            return torch.zeros(0, self.num_samples)
        magnitudes = self.magnitudes(x).numpy()
        made = with_phases(magnitudes, *self._windows, self.num_samples, num_steps, seed)
        sound = torch.from_numpy(made)
        return sound / sound.abs().amax(1, keepdim=True).clamp_min(1.0)

    def filtered(self, samples: np.ndarray, gains: Tensor) -> Tensor:
        """Recordings [N, num_samples] with each band louder or quieter, their phases kept.

        Args:
            samples: Of the recordings.
            gains: Factors of the amplitudes [N, F, T], by band; a frequency between two bands has
                a factor between theirs.
        """
        factors = gains.detach().cpu().numpy()
        if self.mels is not None:
            weights = self._bands / np.maximum(self._bands.sum(0), 1e-9)
            factors = weights.T @ factors
        changed = transform(samples, *self._windows) * factors
        return torch.from_numpy(inverse(changed, *self._windows, self.num_samples))

    def power(self, samples: np.ndarray) -> np.ndarray:
        """Power in each band and window [N, F, T] of recordings [N, num_samples]."""
        power: np.ndarray = np.abs(transform(samples, *self._windows)) ** 2
        return power if self.mels is None else self._bands @ power

    @cached_property
    def _bands(self) -> np.ndarray:
        n_fft, _ = self._windows
        return mel_bands(self.rate, n_fft, self.mels or 0, self.low, self.high or 0.0)

    @property
    def _windows(self) -> tuple[int, int]:
        """Samples of a window, and from one to the next."""
        return cast(tuple[int, int], (self.n_fft, self.hop))  # set as the instance was made
