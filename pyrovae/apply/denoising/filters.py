"""Classical filters of scikit-image, to compare with."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .scores import scores, skimage_part

FILTERS = ("median filter", "total variation", "non-local means")
_TUNED_ON = 50  # images


def filtered(clean: Tensor, noisy: Tensor, low: float, high: float) -> dict[str, Tensor]:
    """Each filter at its best strength, by name [N, *data_shape].

    The strength is the one with the highest mean PSNR on the first 50 images, chosen **with the
    clean images**: this favours the filters.

    Args:
        clean: Images [N, C, H, W] or [N, H, W].
        noisy: The same with noise.
        low: Lowest value of a pixel.
        high: Highest value.
    """
    found = {}
    for name, candidates in _candidates(noisy.dim() == 4 and noisy.shape[1] > 1).items():
        some = slice(0, _TUNED_ON)

        def error(apply: Callable[..., np.ndarray]) -> float:
            made = _applied(apply, noisy[some], low, high)  # noqa: B023 (called here alone)
            return -float(scores(clean[some], made, high - low)["PSNR"].mean())

        best = min(candidates, key=error) if len(candidates) > 1 else candidates[0]
        found[name] = _applied(best, noisy, low, high)
    return found


def _applied(
    apply: Callable[..., np.ndarray], noisy: Tensor, low: float, high: float
) -> Tensor:
    """The filter on images scaled to [0, 1], clipped and brought back."""
    scaled = ((noisy.cpu().double() - low) / (high - low)).numpy()
    if scaled.ndim == 4:
        scaled = scaled.squeeze(1) if scaled.shape[1] == 1 else np.moveaxis(scaled, 1, -1)
    made = np.stack([np.clip(apply(image), 0.0, 1.0) for image in scaled])
    if made.ndim == 4:
        made = np.moveaxis(made, -1, 1)
    return torch.from_numpy(made).reshape(noisy.shape) * (high - low) + low


def _candidates(has_channels: bool) -> Mapping[str, list[Callable[..., np.ndarray]]]:
    restoration, filters = skimage_part("restoration"), skimage_part("filters")
    morphology = skimage_part("morphology")
    axis: dict[str, Any] = {"channel_axis": -1} if has_channels else {}

    def median(image: np.ndarray, footprint: np.ndarray) -> np.ndarray:
        if has_channels:
            footprint = footprint[..., None]
        return filters.median(image, footprint)

    return {
        "median filter": [
            partial(median, footprint=shape)
            for shape in (morphology.disk(1), np.ones((3, 3)), morphology.disk(2))
        ],
        "total variation": [
            partial(restoration.denoise_tv_chambolle, weight=weight, **axis)
            for weight in (0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
        ],
        "non-local means": [
            partial(restoration.denoise_nl_means, h=h, patch_size=3, patch_distance=6,
                    fast_mode=True, **axis)
            for h in (0.05, 0.1, 0.2, 0.4)
        ],
    }  # fmt: skip
