"""Images whose channels come last, as other libraries keep them."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..errors import DataError


def channels_first(x: Tensor, *others: Tensor) -> Any:  # noqa: ANN401
    """Images [N, H, W, C] as [N, C, H, W], in front of what else a batch holds.

    It is a `transform` of `fit`, of `data.batches` and of the measurements:
    `fit(vae, images, transform=channels_first)`.

    Args:
        x: Images [N, H, W, C].
        others: Kept as they are, such as labels.

    Returns:
        The images, or a tuple of these and the others.

    Raises:
        DataError: x has not four axes.

    Example:
        >>> import torch
        >>> x, y = channels_first(torch.zeros(5, 28, 28, 3), torch.arange(5))
        >>> x.shape
        torch.Size([5, 3, 28, 28])
    """
    if not isinstance(x, Tensor):
        raise DataError(
            f"channels_first got a {type(x).__name__}, needs a tensor: torch.as_tensor(x), or "
            'pyrovae.data.arrays(x, channels="last")'
        )
    if x.ndim != 4:
        raise DataError(
            f"channels_first got x of shape {list(x.shape)}, needs images [N, H, W, C] with their "
            "channels last"
        )
    images = x.permute(0, 3, 1, 2).contiguous()
    return (images, *others) if others else images


def has_channels_last(got: Sequence[int], needed: Sequence[int]) -> bool:
    """Whether data of shape `got` (H, W, C) would be `needed` (C, H, W) with their channels first.

    Example:
        >>> has_channels_last((32, 32, 3), (3, 32, 32)), has_channels_last((3, 32), (32, 3))
        (True, False)
    """
    if len(needed) != 3:
        return False
    channels, height, width = needed
    return tuple(got) == (height, width, channels) != tuple(needed)
