"""Validation data in the order of the training data, by the names of both."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from .base import Dataset, Split
from .batches import Batches
from .columns import Columns, positions
from .entry import batches
from .minibatches import Minibatches
from .rows import Rows, TensorRows
from .transformed import TransformedBatches


def validation_batches(
    val: Any,  # noqa: ANN401
    batch_size: int,
    data: Any,  # noqa: ANN401
    trained: Minibatches,
    *,
    columns: Columns | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> Minibatches:
    """Batches of validation data, with tensors and columns of frames in the order of the training.

    Keys of dicts and columns of data frames are matched by name. Where one side has no names,
    places count.

    Args:
        val: See `batches`, as for `batch_size`, `columns`, `seed` and `device`.
        batch_size: Rows per batch.
        data: The training data.
        trained: Their batches, of which the first was read.
        columns: Which tensors are kept, as for the training.
        seed: Of the binary draws.
        device: Of the batches.

    Raises:
        DataError: The names differ.
        ConfigError: See `batches`.
    """

    def made(picked: Columns | None) -> Minibatches:
        return batches(val, batch_size, shuffle=False, seed=seed, device=device, columns=picked)

    source = made(columns)
    wanted = trained.names
    if wanted and not source.names and source.rows is None:
        next(iter(source.epoch(0)))  # a loader learns the names from its first batch
    if wanted and source.names and wanted != source.names:
        if columns is not None:  # by place, which the names say better
            source = _named(made, wanted, source.names)
        elif set(wanted) == set(source.names):
            return _ordered(_picked(source, wanted), trained)
        elif not (_says_roles(data) or _says_roles(val)):
            raise DataError(_differ("tensors", wanted, source.names))
    there, here = trained.column_names, source.column_names
    places_differ = len(there) == len(here) == 1 and set(there[0]) != set(here[0])
    if columns is not None and places_differ and there[0] and here[0]:
        several = isinstance(columns, Sequence) and not isinstance(columns, str)
        source = _named(made, list(there[0]) if several else there[0][0], here[0])
    return _ordered(source, trained)


def _named(made: Any, wanted: Any, given: Sequence[Any]) -> Minibatches:  # noqa: ANN401
    try:
        found: Minibatches = made(list(wanted) if isinstance(wanted, tuple) else wanted)
    except ConfigError as error:
        raise DataError(_differ("tensors or columns", wanted, given)) from error
    return found


def _picked(source: Minibatches, names: Sequence[str]) -> Minibatches:
    places = positions(list(names), len(source.names), source.names)
    if isinstance(source, Batches) and not source.draws:
        return source.over(source.rows.pick(places))
    return TransformedBatches(source, places)


def _ordered(source: Minibatches, trained: Minibatches) -> Minibatches:
    """The batches with the columns of each tensor in the order of the training."""
    there, here = trained.column_names, source.column_names
    if not there or len(there) != len(here):
        return source
    orders: list[Tensor | None] = []
    for wanted, given in zip(there, here, strict=True):
        if not wanted or not given or wanted == given:
            orders.append(None)
            continue
        if set(wanted) != set(given):
            raise DataError(_differ("columns", wanted, given))
        orders.append(torch.tensor([given.index(name) for name in wanted]))
    if all(order is None for order in orders):
        return source

    def in_order(*tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            tensor if order is None else tensor[:, order.to(tensor.device)]
            for tensor, order in zip(tensors, orders, strict=True)
        )

    if isinstance(source, Batches) and isinstance(source.rows, TensorRows):
        rows = source.rows
        return source.over(TensorRows(in_order(*rows.tensors), rows.names, there))
    return TransformedBatches(source, transform=in_order)


def _says_roles(data: object) -> bool:
    """Whether the names of tensors are x and y of a split, which nobody gave."""
    return isinstance(data, Dataset | Split | Rows | str | PathLike)


def _differ(what: str, wanted: Sequence[Any], given: Sequence[Any]) -> str:
    names = list(wanted) if isinstance(wanted, tuple) else wanted
    return (
        f"fit: val has the {what} {list(given)}, and the training data have {names}; give both "
        "the same names, or plain arrays in one order"
    )
