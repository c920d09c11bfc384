"""Which data are images."""

from torch import Tensor


def is_image(data: Tensor) -> bool:
    """Whether a datum of data [N, ...] is an image [C, H, W], C = 1 or 3, or [H, W]."""
    shape = data.shape[1:]
    has_axes = len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))
    return has_axes and min(shape[-2:]) >= 3
