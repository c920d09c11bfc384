"""Speech freed of noise by a pair of clean speech, beside a classical filter."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...data.audio import Spectrogram
from ...errors import ShapeError
from ...runtime.result import Result
from ..denoising.restore import restore
from .noise import StationaryNoise

_LEAST = 0.1  # amplitude that a filter leaves of a band, -20 dB, which keeps it from chirping


@dataclass(frozen=True, eq=False)
class DenoisedSound(Result):
    """Noisy recordings, and what was made of them.

    Attributes:
        noisy: As given [N, S].
        spectrograms: By method, clean spectrograms as they were found [N, 1, F, T].
        sounds: By method, the noisy recordings with each band brought to that power [N, S].
        scores: By method, where clean recordings were given: "dB" [N], the root of the mean
            squared difference of spectrograms in dB, and "SDR" [N], the ratio in dB of the clean
            sound to what differs from it (scale-invariant).
    """

    noisy: Tensor = field(repr=False)
    spectrograms: dict[str, Tensor] = field(repr=False)
    sounds: dict[str, Tensor] = field(repr=False)
    scores: dict[str, dict[str, Tensor]]

    def cells(self) -> Sequence[Sequence[str]]:
        names = ["dB", "SDR"] if self.scores else []
        rows = [
            [method, *(f"{float(self.scores[method][name].mean()):.2f}" for name in names)]
            for method in (self.scores or self.spectrograms)
        ]
        return [["method", *names], *rows]

    def numbers(self) -> dict[str, Any]:
        return {
            "num_data": len(self.noisy),
            "scores": {
                method: {name: float(value.mean()) for name, value in found.items()}
                for method, found in self.scores.items()
            },
        }

    def arrays(self) -> dict[str, Tensor]:
        return {"noisy": self.noisy, **{f"sound of {n}": s for n, s in self.sounds.items()}}


def denoise_sound(
    pair: Any,  # noqa: ANN401 (any pair that has a spectrogram)
    noisy: Tensor,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    noise: Tensor,
    clean: Tensor | None = None,
    **options: Any,  # noqa: ANN401
) -> DenoisedSound:
    """Remove steady noise from recordings.

    "pair" is E[clean|noisy] under a pair that was trained on clean spectrograms: `restore`, with
    the noise as `StationaryNoise`. "Wiener filter" knows the power of the noise as well, and takes
    nothing for granted of speech: in each band it expects the noisy power less that of the noise.
    Their sound is the noisy recording with each band brought to the power that they found, never
    louder than it was.

    Args:
        pair: Such as `SpectrogramVAE`: with `model`, `guide` and a `spectrogram`.
        noisy: Recordings [N, S], as loud as those of the training: peaks at about one. They are
            cut or filled to the length of the spectrograms.
        args: What else the pair takes, such as the y of each.
        noise: A recording of the noise alone [M, S].
        clean: The same recordings without noise, to score by.
        options: `num_particles`, `num_steps`, `seed`, ...: see `restore`.

    Raises:
        ShapeError: They are no recordings; see `restore` and `StationaryNoise` for others.

    Source:
        the filter: Suppression of Acoustic Noise in Speech Using Spectral Subtraction (Boll,
        1979), https://doi.org/10.1109/TASSP.1979.1163209; a VAE as the model of speech:
        Statistical Speech Enhancement Based on Probabilistic Integration of Variational
        Autoencoder and Non-Negative Matrix Factorization (Bando et al., 2018),
        https://arxiv.org/abs/1710.11439
    """
    spectrogram: Spectrogram = pair.spectrogram
    noisy = _fixed(noisy, spectrogram, "noisy")
    model = StationaryNoise.of(spectrogram, noise)
    x = spectrogram.of(noisy.numpy())
    found = restore(pair.model, pair.guide, x, *args, noise=model, **options).mean.to(x)
    power = _power(spectrogram, x)
    filtered = (power - model.power).clamp_min(_LEAST**2 * power)
    in_decibels = (10 * filtered.log10()).clamp_min(spectrogram.floor)
    spectrograms = {
        "noisy": x,
        "Wiener filter": (in_decibels - spectrogram.mean) / spectrogram.scale,
        "pair": found,
    }
    sounds = {"noisy": noisy}
    for name in ("Wiener filter", "pair"):
        # (s / (s + b)) is the gain of Wiener's filter for an expected clean power s.
        wanted = _power(spectrogram, spectrograms[name])
        gains = (wanted / (wanted + model.power)).clamp(_LEAST, 1.0).squeeze(1)
        sounds[name] = spectrogram.filtered(noisy.numpy(), gains)
    scores = {}
    if clean is not None:
        clean = _fixed(clean, spectrogram, "clean")
        truth = spectrogram.of(clean.numpy())
        for name, made in spectrograms.items():
            error = (spectrogram.scale * (made - truth)).square().mean((1, 2, 3)).sqrt()
            scores[name] = {"dB": error, "SDR": _sdr(clean, sounds[name])}
    return DenoisedSound(noisy, spectrograms, sounds, scores)


def _power(spectrogram: Spectrogram, x: Tensor) -> Tensor:
    return 10 ** (spectrogram.in_decibels(x) / 10)


def _fixed(sound: Tensor, spectrogram: Spectrogram, name: str) -> Tensor:
    if sound.dim() != 2:
        raise ShapeError(f"denoise_sound got {name} of shape {list(sound.shape)}; it needs [N, S]")
    count = spectrogram.num_samples
    kept = sound.detach().cpu().float()[:, :count]
    return torch.nn.functional.pad(kept, (0, count - kept.shape[1]))


def _sdr(clean: Tensor, made: Tensor) -> Tensor:
    """In dB [N]."""
    scale = (clean * made).sum(1) / clean.square().sum(1).clamp_min(1e-12)
    target = scale[:, None] * clean
    ratio = target.square().sum(1) / (made - target).square().sum(1).clamp_min(1e-12)
    return 10 * ratio.clamp_min(1e-12).log10()
