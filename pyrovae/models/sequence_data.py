"""What is known of the steps of sequences: their lengths, or which values were observed."""

from dataclasses import dataclass

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import ConfigError, DataError, ShapeError
from ..nn.sizes import Shape, as_shape


@dataclass(frozen=True)
class Steps:
    """Sequences x [B, T, D] and what is known of them.

    Attributes:
        x: The data.
        lengths: Steps of each sequence [B]; None: all have T.
        mask: Where values were observed, bool [B, T, D]; None: everywhere.
    """

    x: Tensor
    lengths: Tensor | None = None
    mask: Tensor | None = None

    @property
    def inside(self) -> Tensor | None:
        """Which steps belong to a sequence, bool [B, T]; None: all."""
        return None if self.lengths is None else inside(self.lengths, self.x.shape[1])

    @property
    def observed(self) -> Tensor | None:
        """Which values were observed, bool [B, T, D]; None: all."""
        if self.lengths is None:
            return self.mask
        known = inside(self.lengths, self.x.shape[1])
        return known.unsqueeze(-1).expand(self.x.shape)

    def filled(self, value: float | Tensor) -> Tensor:
        """The data, with a value in the place of what was not observed."""
        known = self.observed
        return self.x if known is None else torch.where(known, self.x, value)


def inside(lengths: Tensor, num_steps: int) -> Tensor:
    """Which of T steps lie within the lengths [B]: bool [B, T]."""
    return torch.arange(num_steps, device=lengths.device) < lengths.unsqueeze(-1)


def as_steps(
    x: Tensor, y: Tensor | None, size: int, where: str, *, lengths: bool, missing: bool = False
) -> Steps:
    """Checked sequences.

    Args:
        x: [B, T, D].
        y: Lengths [B] or a mask [B, T, D], whichever the family was built for.
        size: D.
        where: What the messages of errors begin with.
        lengths: Whether it was built for lengths.
        missing: Whether it was built for masks.

    Raises:
        ShapeError: x is not [B, T, D], or the mask not of its shape.
        ConfigError: y is missing, or given where none is known of.
        DataError: A length is below one or above T, or a sequence has no value (checked while
            `pyro.enable_validation` is on, as it is by default).
    """
    if x.dim() != 3 or x.shape[2] != size or x.shape[1] == 0:
        way = "pass x.unsqueeze(-1)" if x.dim() == 2 and size == 1 else "pass x of that shape"
        raise ShapeError(
            f"{where} was built for sequences of {size} values a step and got a batch of shape "
            f"{list(x.shape)}; it needs [B, T, {size}], T of any length from 1: {way}"
        )
    kind = "lengths" if lengths else "a mask" if missing else None
    if (y is None) != (kind is None):
        raise ConfigError(
            f"{where} was built with {kind or 'neither lengths nor missing values'} and got "
            + (
                f"x alone; call it with (x, {kind.removeprefix('a ')}), data of a split as "
                "split.labelled()"
                if kind
                else "a second tensor; build it with lengths=True, or leave it out"
            )
        )
    if y is None:
        return Steps(x)
    if lengths:
        _check_lengths(y, x, where)
        return Steps(x, lengths=y)
    if y.shape != x.shape or y.dtype != torch.bool:
        raise ShapeError(
            f"{where} got a mask of shape {list(y.shape)} and dtype {y.dtype} for data of shape "
            f"{list(x.shape)}; it needs bool of the same shape, True where a value was observed"
        )
    return Steps(x, mask=y)


def _check_lengths(lengths: Tensor, x: Tensor, where: str) -> None:
    if lengths.shape != x.shape[:1] or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ShapeError(
            f"{where} got lengths of shape {list(lengths.shape)} and dtype {lengths.dtype} for "
            f"{x.shape[0]} sequences; it needs whole numbers, [{x.shape[0]}]"
        )
    if not is_validation_enabled() or lengths.is_meta:
        return
    low, high = int(lengths.min()), int(lengths.max())
    if low < 1 or high > x.shape[1]:
        row = int(((lengths < 1) | (lengths > x.shape[1])).nonzero()[0])
        what = "an empty sequence" if low < 1 else f"a length beyond the {x.shape[1]} steps"
        raise DataError(
            f"{where} got {what}: lengths lie in {low}..{high}, the first bad one is of row "
            f"{row}; give lengths in 1..{x.shape[1]}, and drop empty sequences"
        )


def sequence_shape(data_shape: Shape, where: str) -> Shape:
    """The shape (T, D) of a sequence.

    Raises:
        ShapeError: It is another shape.
    """
    shape = as_shape(data_shape, "data_shape", where)
    if len(shape) != 2:
        raise ShapeError(
            f"{where} got data_shape={shape}; sequences are (T, D), D values a step: (T, 1) for "
            "one value a step"
        )
    return shape
