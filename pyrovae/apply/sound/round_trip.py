"""How much of a spectrogram survives as sound."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from ...data.audio import Spectrogram
from ...runtime.result import Result


@dataclass(frozen=True, eq=False)
class RoundTrip(Result):
    """Spectrograms, the sounds made of them, and the spectrograms of these.

    Attributes:
        sound: Made of the spectrograms [N, S].
        heard: Spectrograms of the sounds, standardised likewise [N, 1, F, T].
        convergence: |A' - A| / |A| of the amplitudes in the bands [N] (spectral convergence): 0
            where sound of exactly these amplitudes was found.
        decibels: Root of the mean squared difference in dB [N], which weighs quiet bands alike.
    """

    sound: Tensor = field(repr=False)
    heard: Tensor = field(repr=False)
    convergence: Tensor
    decibels: Tensor

    def cells(self) -> Sequence[Sequence[str]]:
        rows = (("of amplitudes", self.convergence), ("in dB", self.decibels))
        return [
            ["difference", "mean", "worst"],
            *[[name, f"{float(v.mean()):.3f}", f"{float(v.max()):.3f}"] for name, v in rows],
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "num_data": len(self.sound),
            "convergence": float(self.convergence.mean()),
            "decibels": float(self.decibels.mean()),
        }

    def arrays(self) -> dict[str, Tensor]:
        return {
            "sound": self.sound, "heard": self.heard, "convergence": self.convergence,
            "decibels": self.decibels,
        }  # fmt: skip


def round_trip(
    spectrogram: Spectrogram, x: Tensor, *, num_steps: int = 32, seed: int = 0
) -> RoundTrip:
    """Turn spectrograms into sound, and this into spectrograms again.

    A spectrogram that no sound has, as the mean of many, loses more than one that was recorded.
    The measures compare spectrograms, and do not say how the sound pleases.

    Args:
        spectrogram: How they were made: `pair.spectrogram`, or
            `Spectrogram.from_json(dataset.supplies["sound"])`.
        x: Spectrograms [N, 1, F, T], standardised.
        num_steps: See `Spectrogram.to_sound`, as for `seed`.
        seed: Of the phases.

    Raises:
        ShapeError: x has another shape.
        ConfigError: librosa is missing (extra `speech`).

    Source:
        spectral convergence: Signal Reconstruction from STFT Magnitude (Sturmel & Daudet, 2011)
    """
    sound = spectrogram.to_sound(x, num_steps=num_steps, seed=seed)
    heard = spectrogram.of(np.asarray(sound))
    given = x.detach().cpu().float()
    before, after = (spectrogram.in_decibels(each) for each in (given, heard))
    one, other = (10 ** (each / 20) for each in (before, after))
    axes = (1, 2, 3)
    return RoundTrip(
        sound=sound,
        heard=heard,
        convergence=(other - one).square().sum(axes).sqrt() / one.square().sum(axes).sqrt(),
        decibels=(after - before).square().mean(axes).sqrt(),
    )
