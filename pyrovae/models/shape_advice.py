"""What to do with data of another shape than a family was built for."""

import math

from torch import Size, Tensor

from ..errors import ShapeError


def check_data(x: Tensor, data_shape: tuple[int, ...], where: str) -> None:
    """Refuse a batch that is not [B, *data_shape].

    Raises:
        ShapeError: It is not; the message says how to bring it to this shape.
    """
    if tuple(x.shape[1:]) != data_shape:
        raise ShapeError(
            f"{where} was built for data of shape {list(data_shape)} and got a batch of shape "
            f"{list(x.shape)}; {advice(x.shape, data_shape)}"
        )


def advice(shape: Size, data_shape: tuple[int, ...]) -> str:
    """How a batch of this shape becomes one of [B, *data_shape], in words.

    Example:
        >>> advice(Size([9, 28, 28, 3]), (3, 28, 28))
        'its channels come last and belong first: pass x.permute(0, 3, 1, 2)'
    """
    given, wanted = tuple(shape[1:]), ", ".join(map(str, data_shape))
    build = f", or build it with data_shape={given}"
    if tuple(shape) == data_shape:
        return "it is one datum without a batch axis: pass x.unsqueeze(0)"
    if len(given) == len(data_shape) == 3:
        if given == (*data_shape[1:], data_shape[0]):
            return "its channels come last and belong first: pass x.permute(0, 3, 1, 2)"
        if (*given[1:], given[0]) == data_shape:
            return f"its first axis belongs last: pass x.permute(0, 2, 3, 1){build}"
    if tuple(shape) == (*data_shape[1:], *data_shape[:1]) and len(data_shape) == 3:
        return (
            "it is one datum without a batch axis, channels last: pass "
            "x.permute(2, 0, 1).unsqueeze(0)"
        )
    if given == data_shape[1:] and data_shape[0] == 1:
        return f"an axis of size 1 is missing: pass x.unsqueeze(1){build if given else ''}"
    if math.prod(given) == math.prod(data_shape):
        return _reshaped(given, data_shape, build)
    if math.prod(shape) == math.prod(data_shape):
        return f"it is one datum without a batch axis: pass x.reshape(1, {wanted})"
    if len(shape) == 2 and shape[:1] == Size(data_shape):
        return f"its rows are no data: pass x.T, [B, {wanted}]{build}"
    return f"pass [B, {wanted}]{build if given else ''}"


def _reshaped(given: tuple[int, ...], data_shape: tuple[int, ...], build: str) -> str:
    """Of data with as many values."""
    if len(data_shape) == 1:
        return f"pass x.flatten(1){build}"
    if len(given) == 2 and given == data_shape[::-1]:
        return f"its axes are swapped: pass x.transpose(1, 2){build}"
    if len(given) > 1:
        kept = [n for n in given if n > 1] == [n for n in data_shape if n > 1]
        plain = "pass" if kept else "if its values are in this order, pass"
        return f"{plain} x.reshape(-1, {', '.join(map(str, data_shape))}){build}"
    pass_it = f"pass x.reshape(-1, {', '.join(map(str, data_shape))})"
    if len(data_shape) == 3 and data_shape[0] > 1:
        channels, height, width = data_shape
        return (
            f"{pass_it} if its values come channel by channel, or x.reshape(-1, {height}, "
            f"{width}, {channels}).permute(0, 3, 1, 2) if they come pixel by pixel{build}"
        )
    return f"{pass_it}{build}"
