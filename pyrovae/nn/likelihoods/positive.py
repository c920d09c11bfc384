"""A positive parameter of a likelihood: a number, learned, or predicted by the decoder."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from ...errors import ConfigError, ShapeError

Source: TypeAlias = float | Literal["learned", "predicted"]
"""Where a positive parameter comes from: a number, "learned" for all data, or "predicted"."""

_LINEAR = 20.0


def log_link(raw: Tensor) -> Tensor:
    """The logarithm of a positive parameter, from an output of a decoder.

    It is the output itself between -20 and 20; beyond it grows like a logarithm. So the parameter
    is exp(raw), and outputs up to 1e25 neither overflow nor vanish in float32.
    """
    is_near = raw.abs() <= _LINEAR
    beyond = torch.where(is_near, 0.0, raw.abs() - _LINEAR)
    return torch.where(is_near, raw, raw.sign() * (_LINEAR + torch.log1p(beyond)))


class Positive(nn.Module):
    """A positive parameter that a head has besides its mean.

    Args:
        head: Name of the head, for messages.
        name: Name of the parameter.
        source: A number, which stays; "learned": data share it; "predicted": the decoder gives it
            for each element of a datum, through `log_link`.
        shape: Of a learned one, matching the last axes of the data: () for one, the shape of a
            datum for one per dimension.
        init: Value that a learned one starts from.
        floor: Added to a learned or predicted one.

    Attributes:
        num_parameters: Outputs of the decoder that it takes, 0 or 1.

    Raises:
        ConfigError: A number is not above the floor, or `shape` is given for one that is not
            learned.
    """

    log_value: nn.Parameter | None

    def __init__(
        self,
        head: str,
        name: str,
        source: Source,
        *,
        shape: Sequence[int] = (),
        init: float = 1.0,
        floor: float = 0.0,
    ) -> None:
        super().__init__()
        self.head, self.name, self.source = head, name, source
        self.shape, self.floor = tuple(shape), floor
        if isinstance(source, str):
            if source not in ("learned", "predicted"):
                raise ConfigError(
                    f"{head} got {name}={source!r}; it needs a positive number, 'learned' or "
                    "'predicted'"
                )
            _check_positive(head, f"the initial {name}", init, floor)
        else:
            _check_positive(head, name, source, floor)
        if self.shape and source != "learned":
            raise ConfigError(
                f"{head} got shape={self.shape} and {name}={source!r}; a shape is that of a "
                f"learned parameter: give {name}='learned', or no shape"
            )
        self.register_parameter("log_value", None)
        if source == "learned":
            self.log_value = nn.Parameter(torch.full(self.shape, math.log(init - floor)))

    @property
    def num_parameters(self) -> int:
        return int(self.source == "predicted")

    def log(self, mean: Tensor, outputs: Iterator[Tensor]) -> Tensor:
        """Its logarithm, broadcastable to the data.

        Args:
            mean: [..., *data_shape], the output that gives the mean.
            outputs: The further outputs, of the same shape; a predicted one takes the next.

        Raises:
            ShapeError: The data do not end in the shape of a learned one.
        """
        if not isinstance(self.source, str):
            # new_full makes it on the device, without a copy from the host in each step.
            return mean.new_full((), math.log(self.source))
        if self.log_value is None:
            log_value = log_link(next(outputs))
        else:
            self._check_shape(mean)
            log_value = self.log_value.expand(self.shape)  # a view: `to` replaces the other
        return log_value if self.floor == 0 else torch.log(self.floor + log_value.exp())

    def _check_shape(self, mean: Tensor) -> None:
        if tuple(mean.shape[max(mean.dim() - len(self.shape), 0) :]) != self.shape:
            raise ShapeError(
                f"{self.head} got means of shape {tuple(mean.shape)}, which should end in "
                f"shape={self.shape}; give the shape of one datum, or () for one {self.name}"
            )

    def extra_repr(self) -> str:
        return f"{self.name}={self.source!r}"


def _check_positive(head: str, name: str, value: float, floor: float) -> None:
    if not floor < value < math.inf:
        least = f"a finite number above {floor:g}" if floor else "a positive, finite number"
        raise ConfigError(f"{head} got {name}={value}; it needs {least}")
