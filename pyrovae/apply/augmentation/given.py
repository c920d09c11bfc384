"""The labelled data that are to be augmented."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data import Dataset, Split, rows
from ...data.columns import Columns, Transform
from ...errors import DataError
from ..labels import as_given, classes_of, numbers_of


@dataclass(frozen=True, eq=False)
class Given:
    """Labelled data on the CPU.

    Attributes:
        x: [N, *data_shape].
        y: Labels [N, ...].
        classes: The distinct labels [C, ...].
        number: Which of them each label is [N].
        dtype: Of x as the user holds it.
    """

    x: Tensor
    y: Tensor
    classes: Tensor
    number: Tensor
    dtype: torch.dtype

    def rows_of(self, number: int, count: int, seed: int) -> Tensor:
        """Rows of a class [count], each equally often but for one, in random order."""
        held = self._held(number)
        generator = torch.Generator().manual_seed(seed)
        rounds = -(-count // len(held))
        order = [torch.randperm(len(held), generator=generator) for _ in range(rounds)]
        return held[torch.cat(order)[:count]]

    def others_of(self, number: int, first: Tensor, seed: int) -> Tensor:
        """For rows of a class [M] another row of the class each, at random, where there is one."""
        held = self._held(number)
        generator = torch.Generator().manual_seed(seed)
        shift = torch.randint(1, max(2, len(held)), first.shape, generator=generator)
        return held[(torch.searchsorted(held, first) + shift) % len(held)]

    def _held(self, number: int) -> Tensor:
        return (self.number == number).nonzero().flatten()


def labelled_data(
    train: Any,  # noqa: ANN401 (data of any kind)
    y: Any,  # noqa: ANN401
    columns: Columns | None = None,
    transform: Transform | None = None,
) -> Given:
    """The rows that have a label; see `augment`.

    Raises:
        DataError: There are no labels, or not one for each datum.
    """
    if isinstance(train, Dataset):
        train = train.train
    table = rows(train, columns=columns, transform=transform)
    x, *others = table[: len(table)]
    if y is None and others:
        y = others[0]
    if y is None and isinstance(train, Split):
        y = train.y
    if y is None:
        raise DataError(
            "augment needs labelled data, and got x alone; give augment(model, guide, x, y), or a "
            "split with y"
        )
    y = as_given("y", y).cpu()
    if y.shape[:1] != x.shape[:1]:
        raise DataError(f"augment got {len(x)} data, and y of shape {list(y.shape)}")
    classes = classes_of(y)
    number = numbers_of(y, classes)
    known = number >= 0
    if not bool(known.any()):
        raise DataError(f"augment got {len(x)} data, none of which has a label")
    return Given(x.cpu()[known], y[known], classes, number[known], _dtype_of(train, x))


def in_type(made: Tensor, dtype: torch.dtype) -> Tensor:
    """Numbers in the type of the data: whole ones are rounded, into the range of the type."""
    if dtype == torch.bool:
        return made > 0.5
    if dtype.is_floating_point:
        return made.to(dtype)
    limits = torch.iinfo(dtype)
    return made.round().clamp(limits.min, limits.max).to(dtype)


def _dtype_of(train: Any, x: Tensor) -> torch.dtype:  # noqa: ANN401
    if isinstance(train, np.ndarray) and train.dtype.kind in "bi" or _is_bytes(train):
        return torch.from_numpy(np.empty(0, train.dtype)).dtype
    return x.dtype


def _is_bytes(train: Any) -> bool:  # noqa: ANN401
    return isinstance(train, np.ndarray) and train.dtype == np.uint8
