"""How near images are to the clean ones: PSNR, SSIM and RMSE, by scikit-image."""

import math
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from ...errors import ConfigError
from ..images import is_image


def skimage_part(name: str) -> ModuleType:
    """A module of scikit-image, which the extra `images` installs.

    Raises:
        ConfigError: It is not installed.
    """
    from importlib import import_module

    try:
        return import_module(f"skimage.{name}")
    except ImportError as error:
        raise ConfigError(
            "PSNR, SSIM and the classical filters are those of scikit-image, which is not "
            "installed; pip install pyrovae[images]"
        ) from error


def scores(clean: Tensor, made: Tensor, data_range: float) -> dict[str, Tensor]:
    """Of each datum [N]: "PSNR" in dB, "SSIM", and "RMSE" in the units of the data.

    PSNR is infinite for a datum that is restored exactly. SSIM is NaN for data that are no images
    [C, H, W] or [H, W] of 3 by 3 at least.

    Args:
        clean: [N, *data_shape].
        made: Likewise.
        data_range: Highest less lowest value that a datum may have.
    """
    metrics = skimage_part("metrics")
    rows: list[tuple[float, float, float]] = []
    for one, other in zip(_arrays(clean), _arrays(made), strict=True):
        error = float(np.sqrt(np.square(one - other).mean()))
        psnr = math.inf
        if error > 0:
            psnr = metrics.peak_signal_noise_ratio(one, other, data_range=data_range)
        rows.append((float(psnr), _ssim(metrics, one, other, data_range), error))
    columns = torch.tensor(rows, dtype=torch.float64).T
    return dict(zip(("PSNR", "SSIM", "RMSE"), columns, strict=True))


def _ssim(metrics: ModuleType, one: np.ndarray, other: np.ndarray, data_range: float) -> float:
    if not is_image(torch.as_tensor(one)[None]):
        return math.nan
    window = min(7, min(one.shape[-2:]) - 1 + min(one.shape[-2:]) % 2)
    return float(
        metrics.structural_similarity(
            one, other, data_range=data_range, win_size=window,
            channel_axis=0 if one.ndim == 3 else None,
        )
    )  # fmt: skip


def _arrays(images: Tensor) -> np.ndarray:
    return images.detach().cpu().double().numpy()
