"""Steady noise in a recording, as its spectrogram shows it."""

from typing import Self

import numpy as np
import torch
from torch import Tensor

from ...data.audio import Spectrogram
from ...errors import DataError, ShapeError
from ...nn import SpreadingNoise

_DB = 10 / np.log(10)  # dB of a factor e of power
_WIDEST = 30.0  # dB over which a clean value can be sought below the noise


class StationaryNoise(SpreadingNoise):
    """Noise of constant power in each band, added to the waveform: a fan, hiss, a street.

    Where the clean power of a band is s and that of the noise b, the power that is heard has the
    mean s + b and the variance (b^2 + 2 s b) / m, for noise that is normal and fills the band with
    m independent numbers. p(noisy|clean) is taken for normal in dB, with mean and variance to
    second order. `pyrovae.apply.restore` undoes it with a pair of clean spectrograms.

    It misleads where the noise changes within a recording, or is itself speech.

    Args:
        spectrogram: How the spectrograms are made.
        power: b of each band [F], as a share of a sine of amplitude one.
        freedom: m of each band [F].

    Raises:
        ShapeError: There is not one number for each band.
        DataError: One is not above 0.
    """

    power: Tensor
    freedom: Tensor

    def __init__(self, spectrogram: Spectrogram, power: Tensor, freedom: Tensor) -> None:
        super().__init__()
        bands = spectrogram.shape[1]
        for name, given in (("power", power), ("freedom", freedom)):
            if given.shape != (bands,):
                raise ShapeError(
                    f"StationaryNoise got {name} of shape {list(given.shape)}; it needs one "
                    f"number for each band, [{bands}]"
                )
            if not bool((given > 0).all()):
                raise DataError(
                    f"StationaryNoise got a {name} of {float(given.min()):g}; the noise needs "
                    "some power in every band: is the recording of it silent?"
                )
        self.spectrogram = spectrogram
        self.register_buffer("power", power[:, None].float())
        self.register_buffer("freedom", freedom[:, None].float())

    @classmethod
    def of(cls, spectrogram: Spectrogram, recording: Tensor) -> Self:
        """From recordings of the noise alone [N, S], S of any length from a few windows on.

        Raises:
            ShapeError: They are shorter than `num_samples`.
            DataError: A band has no power.
        """
        count = spectrogram.num_samples
        if recording.dim() != 2 or recording.shape[1] < count:
            raise ShapeError(
                f"StationaryNoise.of got noise of shape {list(recording.shape)}; it needs [N, S] "
                f"with {count} samples at least"
            )
        parts = recording[:, : recording.shape[1] // count * count].reshape(-1, count)
        inner = spectrogram.power(parts.numpy())[:, :, 1:-1]  # windows that are full
        power = torch.from_numpy(inner).double().transpose(0, 1).flatten(1)
        mean, variance = power.mean(1), power.var(1)
        return cls(spectrogram, mean, (mean.square() / variance.clamp_min(1e-30)).clamp_min(0.5))

    def forward(self, x: Tensor) -> Tensor:
        loc, scale = self._noisy(x)
        return loc + scale * torch.randn_like(x)

    def log_prob(self, noisy: Tensor, clean: Tensor) -> Tensor:
        loc, scale = self._noisy(clean)
        return torch.distributions.Normal(loc, scale, validate_args=False).log_prob(noisy)

    def spread(self, noisy: Tensor) -> tuple[Tensor, Tensor]:
        heard = self._power_of(noisy)
        clean = torch.maximum(heard - self.power, 0.1 * self.power)
        center = (_DB * clean.log() - self.spectrogram.mean) / self.spectrogram.scale
        _, scale = self._noisy(center)
        slope = clean / (clean + self.power)  # of the noisy dB by the clean ones
        return center, (scale / slope).clamp_max(_WIDEST / self.spectrogram.scale)

    def _noisy(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of the noisy value, standardised, for a clean one."""
        signal = self._power_of(clean)
        mean = signal + self.power
        relative = (self.power.square() + 2 * signal * self.power) / self.freedom / mean.square()
        decibels = _DB * (mean.log() - relative / 2)
        loc = (decibels - self.spectrogram.mean) / self.spectrogram.scale
        return loc, _DB * relative.sqrt() / self.spectrogram.scale

    def _power_of(self, x: Tensor) -> Tensor:
        return (self.spectrogram.in_decibels(x) / _DB).exp()
