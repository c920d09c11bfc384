"""Classical filters of scikit-image, to compare with."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .scores import scores, skimage_part

_TUNED_ON = 50  # images
Filter = Callable[[np.ndarray], np.ndarray]


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
    some = slice(0, _TUNED_ON)

    def psnr(apply: Filter) -> float:
        made = _applied(apply, noisy[some], low, high)
        return float(scores(clean[some], made, high - low)["PSNR"].mean())

    return {
        name: _applied(max(candidates, key=psnr), noisy, low, high)
        for name, candidates in _candidates(noisy.dim() == 4 and noisy.shape[1] > 1).items()
    }


def _applied(apply: Filter, noisy: Tensor, low: float, high: float) -> Tensor:
    """The filter on images scaled to [0, 1], clipped and brought back."""
    scaled = ((noisy.cpu().double() - low) / (high - low)).numpy()
    if scaled.ndim == 4:
        scaled = scaled.squeeze(1) if scaled.shape[1] == 1 else np.moveaxis(scaled, 1, -1)
    made = np.stack([np.clip(apply(image), 0.0, 1.0) for image in scaled])
    if made.ndim == 4:
        made = np.moveaxis(made, -1, 1)
    return torch.from_numpy(made).reshape(noisy.shape) * (high - low) + low


def _candidates(has_channels: bool) -> Mapping[str, list[Filter]]:
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
            for shape in (morphology.disk(1), np.ones((3, 3)), morphology.disk(2), np.ones((5, 5)))
        ],
        "total variation": [
            partial(restoration.denoise_tv_chambolle, weight=weight, **axis)
            for weight in (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
        ],
        "non-local means": [
            partial(restoration.denoise_nl_means, h=h, patch_size=3, patch_distance=6,
                    fast_mode=True, **axis)
            for h in (0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
        ],
    }  # fmt: skip
