"""What the families share whose data are spectrograms: they know how these were made."""

from abc import ABC
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..data.audio import Spectrogram
from ..errors import ShapeError
from ..nn import Shape
from ..nn.described import Described
from .base import Family

SMALL = {"rate": 8000, "frames": 6, "n_fft": 64, "hop": 32, "mels": 5}
"""Spectrograms of the families' examples."""


class Sounding(Family, ABC):
    """Base of the families of spectrograms [1, F, T], which can be heard.

    A subclass calls `keep_sound` after it has built its networks.

    Attributes:
        sound: How the spectrograms were made, as plain values, kept wherever the family is saved.
        spectrogram: The same, as what makes them and turns them into sound.
        sample_rate: In Hz.
    """

    @classmethod
    def example_x(cls, n: int = 24) -> Tensor:
        """Spectrograms of `example()`, for tests and documentation: of noise."""
        drawn = torch.Generator().manual_seed(0)
        return torch.randn(n, *Spectrogram(**SMALL).shape, generator=drawn)

    def keep_sound(self, sound: Spectrogram | Mapping[str, Any], data_shape: Shape) -> None:
        """Remember how spectrograms of this shape were made.

        Raises:
            ConfigError: `sound` describes none.
            ShapeError: It describes those of another shape.
        """
        made = sound if isinstance(sound, Spectrogram) else Spectrogram.from_json(sound)
        if made.shape != tuple(data_shape):
            raise ShapeError(
                f"{type(self).__name__} got data of shape {tuple(data_shape)} and a sound whose "
                f"spectrograms are {made.shape}; give the `shape` and the `supplies['sound']` of "
                "one data set"
            )
        self.spectrogram = made
        self.sound = Described(made.to_json())

    @property
    def sample_rate(self) -> int:
        """Of the sound, in Hz."""
        return self.spectrogram.rate

    def to_sound(self, x: Tensor) -> Tensor:
        """The samples [N, S] of spectrograms x [N, 1, F, T], in -1..1, on the CPU.

        By Griffin and Lim's algorithm: see `pyrovae.data.Spectrogram`.

        Raises:
            ShapeError: x has another shape.
            ConfigError: librosa is missing (extra `speech`).
        """
        return self.spectrogram.to_sound(x)
