"""What is known of each datum, as networks see it: classes as one-hot vectors, or values."""

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor, nn

from ..errors import ConfigError, DataError, ShapeError
from .base import Shape, as_shape


class Condition(nn.Module):
    r"""Turns y [B] of classes 0..C-1, or y [B, \*shape], into what networks see [B, \*shape].

    It keeps a note of the classes that it was told of, so that one can refuse those of which
    networks were never taught.

    Args:
        num_classes: C, where y are classes.
        shape: Of one y, where they are values.
        where: Whose condition it is, for the messages.

    Attributes:
        shape: Of one y as networks see it.
        seen: Which classes were noted [C].

    Raises:
        ConfigError: Not just one of `num_classes` and `shape` is given.

    Example:
        >>> Condition(3, None, "mine")(torch.tensor([2, 0]), torch.Size([2]))
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """

    seen: Tensor
    classes: Tensor

    def __init__(self, num_classes: int | None, shape: Shape | None, where: str) -> None:
        super().__init__()
        if (num_classes is None) == (shape is None) or (
            num_classes is not None and num_classes < 1
        ):
            raise ConfigError(
                f"{where} got num_classes={num_classes} and condition_shape={shape}; give "
                "num_classes, 1 or more, where y are classes, or else condition_shape, the shape "
                "of one y"
            )
        self.num_classes, self.where = num_classes, where
        self.shape = as_shape((num_classes or 0) if shape is None else shape)
        self.register_buffer("seen", torch.zeros(num_classes or 0, dtype=torch.bool))
        self.register_buffer("classes", torch.arange(float(num_classes or 0)), persistent=False)

    def forward(self, y: Tensor, batch: torch.Size) -> Tensor:
        """[B, *shape], in the dtype that the module was moved to.

        Args:
            y: [B] or [B, *shape].
            batch: [B].

        Raises:
            ShapeError: y has another shape.
            DataError: A class is out of range (checked while `pyro.enable_validation` is on).
        """
        event = self.shape if self.num_classes is None else ()
        if len(batch) != 1 or tuple(y.shape) != (*batch, *event):
            kind = "a class" if self.num_classes is not None else f"values of shape {list(event)}"
            needed = ", ".join(map(str, (*(batch or ["B"]), *event)))
            raise ShapeError(
                f"{self.where} got y of shape {list(y.shape)}; it needs {kind} for each of the "
                f"data, [{needed}]"
            )
        if self.num_classes is None:
            return y.to(self.classes.dtype)
        hot = y.unsqueeze(-1) == self.classes
        if is_validation_enabled() and not bool(hot.any(-1).all()):
            raise DataError(
                f"{self.where} got the class {y[~hot.any(-1)][0].item():g}, and num_classes="
                f"{self.num_classes} allows 0..{self.num_classes - 1}; number the classes from 0, "
                "or build it for more of them"
            )
        return hot.to(self.classes.dtype)

    def note(self, given: Tensor) -> None:
        """Keep in mind the classes among these one-hot vectors [B, C]."""
        if self.num_classes is not None:
            self.seen.logical_or_((given > 0).any(0))

    def check_seen(self, given: Tensor) -> None:
        """Refuse one-hot vectors [B, C] of classes that were not noted, where some were.

        Raises:
            DataError: There is such a class.
        """
        if self.num_classes is None:
            return
        new = (given > 0).any(0) & ~self.seen
        if bool(self.seen.any() & new.any()):
            raise DataError(
                f"{self.where} was trained on the classes {_numbers(self.seen)} and is asked for "
                f"{_numbers(new)}, of which it knows nothing; ask for one that it knows, or train "
                "it on data of all"
            )

    def extra_repr(self) -> str:
        return f"num_classes={self.num_classes}, shape={self.shape}"


def _numbers(which: Tensor) -> list[int]:
    return [int(n) for n in which.nonzero().flatten()]
