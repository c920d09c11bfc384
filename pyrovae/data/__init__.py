"""Data sets with splits train, val and test, and minibatches of them."""

from collections.abc import Sized
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data import Dataset as TorchDataset

from ..errors import ConfigError, DataError
from .arrays import arrays
from .base import Binarize, Dataset, Split
from .batches import Batches, BatchSource
from .digits import digits
from .images import cifar10, emnist, fashion_mnist, kmnist, mnist, svhn
from .loader import LoaderBatches
from .missing import missing
from .quadrants import join_quadrants, quadrants
from .semi_supervised import SemiSupervisedBatches, few_labels
from .shapes import ShapeGrid, shapes
from .synthetic import DiscreteLatent, LinearGaussian, LinearGaussianChain

__all__ = [
    "BatchSource",
    "Batches",
    "Binarize",
    "Dataset",
    "DiscreteLatent",
    "LinearGaussian",
    "LinearGaussianChain",
    "LoaderBatches",
    "SemiSupervisedBatches",
    "ShapeGrid",
    "Split",
    "arrays",
    "batches",
    "cifar10",
    "digits",
    "emnist",
    "fashion_mnist",
    "few_labels",
    "join_quadrants",
    "kmnist",
    "missing",
    "mnist",
    "quadrants",
    "shapes",
    "svhn",
]

Batchable = (
    Dataset
    | Split
    | Tensor
    | tuple[Tensor, ...]
    | DataLoader[Any]
    | TorchDataset[Any]
    | BatchSource
)


def batches(
    data: Batchable,
    batch_size: int,
    *,
    shuffle: bool = True,
    seed: int = 0,
    device: torch.device | str | None = None,
    drop_last: bool = False,
) -> BatchSource:
    """Minibatches of any kind of data.

    Args:
        data: A dataset (its `train`), a split, a tensor [N, ...] or several become `Batches` on
            the device. A torch dataset or a `DataLoader` becomes `LoaderBatches`, which loads as
            it goes. `Batches`, `LoaderBatches` and `SemiSupervisedBatches` are returned as they
            are, and the other arguments have no effect on them.
        batch_size: Rows per batch, B. A `DataLoader` keeps its own batch size, order and last
            batch.
        shuffle: Use a new order every epoch; an iterable torch dataset keeps its own.
        seed: Seed of the order and of the binary draws.
        device: None is CUDA if present, else the CPU.
        drop_last: Leave out a last batch of fewer than `batch_size` rows. Data that make batches
            themselves must do so themselves.

    Raises:
        DataError: `data` is of another kind, or empty.
        ConfigError: `batch_size` is below 1, or `drop_last` is set and `data` keep their last
            batch.

    Example:
        >>> source = batches(digits(binarize="dynamic"), 100, device="cpu")
        >>> len(source), next(source.epoch(0))[0].shape
        (12, torch.Size([100, 1, 8, 8]))
    """
    if drop_last and isinstance(
        data, Batches | LoaderBatches | SemiSupervisedBatches | DataLoader
    ):
        _check_drops(data)
    if isinstance(data, Batches | LoaderBatches | SemiSupervisedBatches):
        return data
    if isinstance(data, Dataset):
        data = data.train
    if isinstance(data, Split | Tensor | tuple):
        return Batches(
            data, batch_size, shuffle=shuffle, seed=seed, device=device, drop_last=drop_last
        )
    if isinstance(data, TorchDataset):
        data = _loader(data, batch_size, shuffle, drop_last)
    if isinstance(data, DataLoader):
        return LoaderBatches(data, seed=seed, device=device)
    raise DataError(
        f"batches: got {type(data).__name__}, needs a dataset, a split, tensors, a torch Dataset "
        "or a DataLoader; pyrovae.data.arrays takes numpy arrays, lists and files"
    )


def _check_drops(
    data: Batches | LoaderBatches | SemiSupervisedBatches | DataLoader[Any],
) -> None:
    if not data.drop_last:
        kind = type(data).__name__
        raise ConfigError(
            f"batches: drop_last=True, and the {kind} keeps its last batch; build it with "
            "drop_last=True"
        )


def _loader(
    data: TorchDataset[Any], batch_size: int, shuffle: bool, drop_last: bool
) -> DataLoader[Any]:
    if batch_size < 1:
        raise ConfigError(f"batches: batch_size={batch_size}, needs 1 or more")
    if isinstance(data, Sized) and len(data) == 0:
        raise DataError(f"batches: {type(data).__name__} is empty; give at least one datum")
    return DataLoader(
        data,
        batch_size,
        shuffle=shuffle and not isinstance(data, IterableDataset),
        drop_last=drop_last,
        generator=torch.Generator(),
    )
