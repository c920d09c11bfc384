"""Sounds as spectrograms."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import ShapeError
from ..runtime.figures import WIDTH, empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WINDOW, _STEP = 0.025, 0.01  # seconds
_QUIETEST = 70.0  # decibels below the loudest that are still drawn


def spectrograms(sounds: Mapping[str, Tensor], rate: int, *, title: str = "") -> "Figure":
    """Short-time spectra in decibels, time to the right, frequency upward; a row for each name.

    Each picture has its own scale, from its loudest point down by 70 dB.

    Args:
        sounds: Samples by name of the row [N, S], N of all alike.
        rate: Samples a second.
        title: Above.

    Raises:
        ShapeError: They are no sounds, or there are none.
    """
    shapes = [list(each.shape) for each in sounds.values()]
    if not shapes or any(len(s) != 2 or 0 in s or s[0] != shapes[0][0] for s in shapes):
        raise ShapeError(f"spectrograms need sounds [N, S], as many in each row, got {shapes}")
    count = shapes[0][0]
    columns = min(count, 4)
    rows = [(name, i) for i in range(0, count, columns) for name in sounds]
    figure = empty_figure(WIDTH, 0.5 + 1.3 * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, start) in zip(grid, rows, strict=True):
        for axes, i in zip(line, range(start, start + columns), strict=True):
            if i >= count:
                axes.set_visible(False)
                continue
            wave = sounds[name][i]
            axes.imshow(
                _decibels(wave, rate).numpy(), origin="lower", aspect="auto", cmap="magma",
                vmin=-_QUIETEST, vmax=0.0, extent=(0, len(wave) / rate, 0, rate / 2000),
            )  # fmt: skip
            axes.tick_params(labelsize=7)
        line[0].set_ylabel(f"{name}\nkHz" if len(sounds) > 1 else "kHz", fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("seconds", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def _decibels(wave: Tensor, rate: int) -> Tensor:
    """Below the loudest point [F, frames]."""
    size = max(16, round(_WINDOW * rate))
    samples = wave.detach().cpu().float()
    samples = torch.nn.functional.pad(samples, (0, max(0, size - len(samples))))
    spectrum = torch.stft(
        samples, size, max(1, round(_STEP * rate)), window=torch.hann_window(size),
        return_complex=True, pad_mode="constant",
    ).abs()  # fmt: skip
    loudest = spectrum.max().clamp_min(1e-9)
    return (20 * (spectrum / loudest).clamp_min(1e-9).log10()).clamp_min(-_QUIETEST)
