"""One way in for every kind of data: batches to train on, rows to measure."""

from collections.abc import Mapping, Sequence, Sized
from operator import index
from os import PathLike
from typing import Any, Protocol, SupportsIndex

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data import Dataset as TorchDataset

from ..errors import ConfigError, DataError
from ..runtime.random_state import kept_random_state
from .base import Dataset, Split
from .batches import Batches
from .columns import Columns, Transform, as_list
from .conversion import check_whole
from .files import arrange, datasets, roles_of_split
from .loaded import is_a
from .loader import LoaderBatches
from .minibatches import BatchSource, Minibatches
from .own_source import OwnBatches
from .rows import Rows, TensorRows, find_rows, is_in_memory
from .transformed import TransformedBatches, TransformedRows


class HasShape(Protocol):
    """Arrays, data frames, sparse matrices and HDF5 datasets."""

    @property
    def shape(self) -> Any: ...  # noqa: ANN401


Batchable = (
    Dataset
    | Split
    | Rows
    | Tensor
    | HasShape
    | Sequence[Any]
    | Mapping[str, Any]
    | DataLoader[Any]
    | TorchDataset[Any]
    | BatchSource
    | str
    | PathLike[str]
)

_KINDS = (
    "tensors, numpy arrays, lists, dicts of these, data frames, sparse matrices, a Dataset, a "
    "Split, a torch Dataset, a DataLoader, a BatchSource (num_data, len() and "
    "epoch(epoch, start)), or the path of a .npy, .npz, .pt, .csv, .parquet or .h5 file"
)


def batches(
    data: Any,  # noqa: ANN401
    batch_size: int,
    *,
    shuffle: bool = True,
    seed: int = 0,
    device: torch.device | str | None = None,
    drop_last: bool = False,
    columns: Columns | None = None,
    transform: Transform | None = None,
    num_data: int | None = None,
) -> Minibatches:
    """Minibatches of any kind of data.

    Args:
        data: What holds a row per datum [N, ...]: tensors, dense or sparse, on any device; numpy
            arrays of any type of number, in memory or mapped; nested lists; pandas and polars
            frames, whose columns become one tensor [N, D]; scipy matrices; HDF5 datasets; or the
            path of a .npy, .npz, .pt, .csv, .parquet or .h5 file (`file.h5:/name` in it). A tuple
            or a dict of these is several tensors. A `Dataset` (its `train`) or a `Split`. A torch
            dataset, with or without a length, a `DataLoader`, or any `BatchSource`. Sparse rows
            are made dense, and files are read, batch by batch and one batch ahead.
        batch_size: Rows per batch, B. A `DataLoader` keeps its own batch size, order and last
            batch.
        shuffle: Use a new order every epoch; an iterable torch dataset keeps its own.
        seed: Seed of the order and of the binary draws.
        device: None is CUDA if present, else the CPU.
        drop_last: Leave out a last batch of fewer than `batch_size` rows. Data that make batches
            themselves must do so themselves.
        columns: Which tensors of a batch are kept, in which order: a place, a name or several;
            None is all. Of a frame, which columns make the tensor. Of a file, which arrays; None
            is the one that its name says to be x, of the training data where it holds splits.
        transform: Called as `transform(*tensors)` on each batch on the device, after `columns`
            and binary draws; returns a tensor or a tuple of tensors.
        num_data: Number of data of a stream, which has no length; None counts them by a pass over
            the stream before the first epoch.

    Raises:
        DataError: `data` is of another kind, or empty.
        ConfigError: `batch_size` is below 1, a column is not there, `num_data` is not the number
            of the data, or `drop_last` is set and `data` keep their last batch.

    Example:
        >>> from pyrovae.data import digits
        >>> source = batches(digits(binarize="dynamic"), 100, device="cpu")
        >>> len(source), next(source.epoch(0))[0].shape
        (12, torch.Size([100, 1, 8, 8]))
    """
    if not isinstance(batch_size, SupportsIndex) or batch_size < 1:
        raise ConfigError(f"batches: batch_size={batch_size}, needs a whole number above 0")
    batch_size = index(batch_size)
    source = _own_batches(data, device, columns, num_data, seed)
    if source is not None:
        if drop_last and not source.drop_last:
            kind = type(data).__name__
            raise ConfigError(
                f"batches: drop_last=True, and the {kind} keeps its last batch; build it with "
                "drop_last=True"
            )
    elif isinstance(data, TorchDataset) and not is_in_memory(data):
        loader = _loader(data, batch_size, shuffle, drop_last)
        source = LoaderBatches(
            loader, seed=seed, device=device, columns=columns, num_data=num_data
        )
    else:
        source = _batches_of_rows(data, batch_size, shuffle, seed, device, drop_last, columns)
    if num_data is not None and num_data != source.num_data:
        raise ConfigError(
            f"batches: the data are {source.num_data}, and num_data={num_data}; leave it out"
        )
    return source if transform is None else TransformedBatches(source, transform=transform)


def rows(
    data: Any,  # noqa: ANN401
    *,
    columns: Columns | None = None,
    transform: Transform | None = None,
) -> Rows:
    """Rows of any kind of data by their numbers, to measure.

    Args:
        data: As in `batches`, but of a `Dataset`, and of a file with splits, the test data. A
            stream or a loader is gathered in memory by one pass.
        columns: Which tensors are kept, in which order; None is all.
        transform: Called as `transform(*tensors)` on the rows that are asked for, after `columns`;
            returns a tensor or a tuple of tensors with as many rows.

    Raises:
        DataError: `data` is of another kind, empty, or a split that every pass draws afresh.
        ConfigError: A column is not there.

    Example:
        >>> found = rows({"image": torch.zeros(5, 3), "label": torch.arange(5)}, columns="label")
        >>> len(found), found[1:3]
        (5, (tensor([1, 2]),))
    """
    if isinstance(data, Dataset):
        data = data.test
    if isinstance(data, Split):
        if data.dynamic:
            raise DataError(
                "the split holds probabilities that every pass draws afresh; measure one "
                "draw, `split.binarized(seed)`"
            )
        data = _labelled_if_named(data, columns)
    source = _own_batches(data, "cpu", columns, None, 0)
    if source is None and isinstance(data, IterableDataset):
        source = LoaderBatches(DataLoader(data, 100), device="cpu", columns=columns)
    if source is not None:
        found: Rows = _gathered(source)
    else:
        known = find_rows(data, columns=columns, split="test")
        if known is None:
            raise DataError(_unknown("rows", data))
        found = known
    return found if transform is None else TransformedRows(found, transform)


def held_out(data: Any, columns: Columns | None = None) -> Split | Rows | None:  # noqa: ANN401
    """Validation data that come with training data: of a dataset, or in a file; else None.

    Args:
        data: As in `batches`.
        columns: As given to `batches`, to which the result is given with the same columns.

    Raises:
        DataError: The file is missing or damaged.
    """
    if isinstance(data, Dataset):
        return data.val if len(data.val) else None
    if is_a(data, "h5py", "Group"):
        roles = sorted((arrange(datasets(data)) or {}).get("val", {}))
    elif isinstance(data, str | PathLike):
        roles = roles_of_split(data, "val")
    else:
        return None
    if not roles:
        return None
    named = [] if columns is None else [c for c in as_list(columns) if isinstance(c, str)]
    if any(name not in roles for name in named):  # these arrays are of no split
        return None
    return find_rows(data, columns=None if columns is None else roles, split="val")


def _own_batches(
    data: Any,  # noqa: ANN401
    device: torch.device | str | None,
    columns: Columns | None,
    num_data: int | None,
    seed: int,
) -> Minibatches | None:
    """Of data that make batches themselves; else None."""
    if isinstance(data, DataLoader):
        return LoaderBatches(data, seed=seed, device=device, columns=columns, num_data=num_data)
    if isinstance(data, Minibatches):
        return data if columns is None else TransformedBatches(data, columns)
    if isinstance(data, BatchSource):
        return OwnBatches(data, device=device, columns=columns)
    return None


def _loader(
    data: TorchDataset[Any], batch_size: int, shuffle: bool, drop_last: bool
) -> DataLoader[Any]:
    if isinstance(data, Sized) and len(data) == 0:
        raise DataError(f"batches: {type(data).__name__} is empty; give at least one datum")
    return DataLoader(
        data,
        batch_size,
        shuffle=shuffle and not isinstance(data, IterableDataset),
        drop_last=drop_last,
        generator=torch.Generator(),
    )


def _batches_of_rows(
    data: Any,  # noqa: ANN401
    batch_size: int,
    shuffle: bool,
    seed: int,
    device: torch.device | str | None,
    drop_last: bool,
    columns: Columns | None,
) -> Minibatches:
    if isinstance(data, Dataset):
        data = data.train
    held: Split | Rows
    if isinstance(data, Split):
        held = _labelled_if_named(data, columns)
    else:
        known = find_rows(data, columns=columns)
        if known is None:
            raise DataError(_unknown("batches", data))
        held = known
    source = Batches(
        held, batch_size, shuffle=shuffle, seed=seed, device=device, drop_last=drop_last
    )
    picks = isinstance(held, Split) and columns is not None  # after the binary draws of x
    return TransformedBatches(source, columns) if picks else source


def _labelled_if_named(split: Split, columns: Columns | None) -> Split:
    return split if columns is None or split.y is None else split.labelled()


def _gathered(source: Minibatches) -> Rows:
    with kept_random_state():  # a loader draws as it starts, which is no part of a measurement
        parts = list(source.epoch(0))
    return TensorRows([_joined(column) for column in zip(*parts, strict=True)])


def _joined(parts: Sequence[Tensor]) -> Tensor:
    made = torch.cat(list(parts))
    for part, kept in zip(parts, made.split([len(part) for part in parts]), strict=True):
        check_whole("the data", part, kept)
    return made.cpu()


def _unknown(where: str, data: object) -> str:
    return f"{where}: got {type(data).__name__}, needs {_KINDS}"
