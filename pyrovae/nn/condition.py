"""Conditions as networks see them: classes as one-hot vectors, or values."""

from collections.abc import Sequence

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor, nn

from ..errors import ConfigError, DataError, ShapeError
from .base import Shape, as_shape
from .sizes import as_size, as_sizes


class Condition(nn.Module):
    r"""Turns classes y [B] in 0..C-1, or values y [B, \*shape], into network inputs [B, \*shape].

    Several classes of each datum, y [B, K], become one vector with a one for each of them.

    It records the classes of the training data (`note`), so that other classes can be refused
    (`check_seen`).

    Args:
        num_classes: C, if y are classes; for several of each datum the C of each [K].
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
        >>> Condition((3, 2), None, "mine")(torch.tensor([[2, 0]]), torch.Size([1]))
        tensor([[0., 0., 1., 1., 0.]])
    """

    seen: Tensor
    classes: Tensor
    columns: Tensor

    def __init__(
        self, num_classes: int | Sequence[int] | None, shape: Shape | int | None, where: str
    ) -> None:
        super().__init__()
        if (num_classes is None) == (shape is None):
            raise ConfigError(
                f"{where} got num_classes={num_classes} and condition_shape={shape}; give "
                "num_classes, 1 or more, where y are classes, or else condition_shape, the shape "
                "of one y"
            )
        sizes: tuple[int, ...] = ()
        if isinstance(num_classes, Sequence) and not isinstance(num_classes, str):
            sizes = num_classes = as_sizes(num_classes, "num_classes", where)
        elif num_classes is not None:
            sizes = ((num_classes := as_size(num_classes, "num_classes", where)),)
        self.num_classes, self.where = num_classes, where
        given = sum(sizes) if shape is None else shape
        self.shape = as_shape(given, "condition_shape", where)
        self.register_buffer("seen", torch.zeros(sum(sizes), dtype=torch.bool))
        classes = [torch.arange(float(size)) for size in sizes]
        columns = torch.arange(len(sizes)).repeat_interleave(
            torch.tensor(sizes, dtype=torch.int64)
        )
        self.register_buffer("classes", torch.cat([torch.zeros(0), *classes]), persistent=False)
        self.register_buffer("columns", columns, persistent=False)  # of y, for each of the classes

    def forward(self, y: Tensor, batch: torch.Size) -> Tensor:
        """The input of a network [B, *shape], in the module's dtype.

        Args:
            y: [B], [B, K] of several classes, or [B, *shape].
            batch: [B].

        Raises:
            ShapeError: y has another shape.
            DataError: A class is out of range. (Checked if Pyro's validation is enabled.)
        """
        sizes = self.num_classes
        event = self.shape if sizes is None else (len(sizes),) if isinstance(sizes, tuple) else ()
        if len(batch) != 1 or tuple(y.shape) != (*batch, *event):
            kind = f"values of shape {list(event)}"
            if sizes is not None:
                kind = f"{len(sizes)} classes" if isinstance(sizes, tuple) else "a class"
            needed = ", ".join(map(str, (*(batch or ["B"]), *event)))
            raise ShapeError(
                f"{self.where} got y of shape {list(y.shape)}; it needs {kind} for each of the "
                f"data, [{needed}]"
            )
        if sizes is None:
            return y.to(self.classes.dtype)
        given = y[:, self.columns] if isinstance(sizes, tuple) else y.unsqueeze(-1)
        hot = given == self.classes
        if is_validation_enabled():
            self._check_range(y, hot)
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
        if self.num_classes is None or given.is_meta:
            return
        new = (given > 0).any(0) & ~self.seen
        if bool(self.seen.any() & new.any()):
            raise DataError(
                f"{self.where} was trained on the classes {self._named(self.seen)} and is asked "
                f"for {self._named(new)}, which it has not seen; ask for a class that it has "
                "seen, or train it on data of all classes"
            )

    def extra_repr(self) -> str:
        return f"num_classes={self.num_classes}, shape={self.shape}"

    def _check_range(self, y: Tensor, hot: Tensor) -> None:
        sizes = (
            self.num_classes if isinstance(self.num_classes, tuple) else (self.num_classes or 0,)
        )
        for k, (value, found, size) in enumerate(
            zip(y.reshape(len(y), len(sizes)).unbind(1), hot.split(sizes, -1), sizes, strict=True)
        ):
            wrong = ~found.any(-1)
            if bool(wrong.any()):
                place = f" in column {k} of y" if isinstance(self.num_classes, tuple) else ""
                raise DataError(
                    f"{self.where} got the class {value[wrong][0].item():g}{place}, and "
                    f"num_classes={self.num_classes} allows 0..{size - 1}; number the classes "
                    "from 0, or build it for more of them"
                )

    def _named(self, which: Tensor) -> str:
        numbers = [int(n) for n in self.classes[which]]
        if not isinstance(self.num_classes, tuple):
            return str(numbers)
        columns = self.columns[which].tolist()
        return ", ".join(
            f"{[n for n, c in zip(numbers, columns, strict=True) if c == k]} of column {k}"
            for k in sorted(set(columns))
        )
