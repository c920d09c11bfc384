"""Conditions as networks see them: classes as one-hot vectors, or values."""

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor, nn

from ..errors import ConfigError, DataError, ShapeError
from .base import Shape, as_shape
from .sizes import as_size


class Condition(nn.Module):
    r"""Turns classes y [B] in 0..C-1, or values y [B, \*shape], into network inputs [B, \*shape].

    It records the classes of the training data (`note`), so that other classes can be refused
    (`check_seen`).

    Args:
        num_classes: C, if y are classes.
        shape: Shape of one y, if they are values.
        where: Name of the owner, for messages.

    Attributes:
        shape: Shape of one y as networks see it.
        seen: Whether each class was recorded [C].

    Raises:
        ConfigError: Both or neither of `num_classes` and `shape` are given, or there is no class.

    Example:
        >>> Condition(3, None, "mine")(torch.tensor([2, 0]), torch.Size([2]))
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """

    seen: Tensor
    classes: Tensor

    def __init__(self, num_classes: int | None, shape: Shape | int | None, where: str) -> None:
        super().__init__()
        if (num_classes is None) == (shape is None):
            raise ConfigError(
                f"{where} got num_classes={num_classes} and condition_shape={shape}; give "
                "num_classes, 1 or more, where y are classes, or else condition_shape, the shape "
                "of one y"
            )
        if num_classes is not None:
            num_classes = as_size(num_classes, "num_classes", where)
        self.num_classes, self.where = num_classes, where
        given = num_classes if shape is None else shape
        self.shape = as_shape(given, "condition_shape", where)
        self.register_buffer("seen", torch.zeros(num_classes or 0, dtype=torch.bool))
        self.register_buffer("classes", torch.arange(float(num_classes or 0)), persistent=False)

    def forward(self, y: Tensor, batch: torch.Size) -> Tensor:
        """The input of a network [B, *shape], in the module's dtype.

        Args:
            y: [B] or [B, *shape].
            batch: [B].

        Raises:
            ShapeError: y has another shape.
            DataError: A class is out of range. (Checked if Pyro's validation is enabled.)
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
        """Record the classes of these one-hot vectors [B, C]."""
        if self.num_classes is not None:
            self.seen.logical_or_((given > 0).any(0))

    def check_seen(self, given: Tensor) -> None:
        """Check that the classes of one-hot vectors [B, C] were recorded, if any were.

        Raises:
            DataError: A class was not.
        """
        if self.num_classes is None:
            return
        new = (given > 0).any(0) & ~self.seen
        if bool(self.seen.any() & new.any()):
            raise DataError(
                f"{self.where} was trained on the classes {_numbers(self.seen)} and is asked for "
                f"{_numbers(new)}, which it has not seen; ask for a class that it has seen, or "
                "train it on data of all classes"
            )

    def extra_repr(self) -> str:
        return f"num_classes={self.num_classes}, shape={self.shape}"


def _numbers(which: Tensor) -> list[int]:
    return [int(n) for n in which.nonzero().flatten()]
