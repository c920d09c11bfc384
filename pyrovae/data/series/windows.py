"""Windows of a long series."""

from typing import Any

import torch
from torch import Tensor

from ...errors import ConfigError, DataError
from ..in_memory import whole_tensor


def windows(x: Any, length: int, step: int | None = None) -> Tensor:  # noqa: ANN401
    """Stretches of a long series [N, length, D], a copy.

    Windows overlap where `step` is below `length`. To split overlapping windows at random puts
    the same steps into training and test data; `data.series` cuts the series first.

    Args:
        x: [T, D], or [T] for one value a step: an array, a tensor, a list, a frame.
        length: Steps of a window.
        step: From the start of a window to that of the next; None: `length`.

    Raises:
        ConfigError: A length or a step is below one.
        DataError: The series is shorter than a window.

    Example:
        >>> windows(range(7), 3, 2).squeeze(-1)
        tensor([[0, 1, 2],
                [2, 3, 4],
                [4, 5, 6]])
    """
    step = length if step is None else step
    if length < 1 or step < 1:
        raise ConfigError(f"windows got length={length} and step={step}; both are at least 1")
    found = whole_tensor("x", list(x) if isinstance(x, range) else x, False)
    if found.dim() == 1:
        found = found.unsqueeze(-1)
    if found.dim() != 2:
        raise DataError(
            f"windows got a series of shape {list(found.shape)}; it takes one, [T] or [T, D]: cut "
            "several one by one"
        )
    if len(found) < length:
        raise DataError(
            f"windows got a series of {len(found)} steps, and a window has {length}; give a "
            "shorter window"
        )
    starts = torch.arange(0, len(found) - length + 1, step)
    return found[starts.unsqueeze(1) + torch.arange(length)]
