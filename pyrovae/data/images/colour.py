"""Colour images of 32x32 pixels."""

from functools import partial

import numpy as np
import torch

from ..base import Dataset
from ..root import Root, find_root
from .base import build, from_levels, torchvision_datasets


def cifar10(
    root: Root = None,
    *,
    unit: bool = False,
    val_size: int = 5_000,
    seed: int = 0,
    download: bool = False,
) -> Dataset:
    """CIFAR-10, [N, 3, 32, 32]: 50,000 + 10,000 small photographs with their class as `y`.

    Args:
        root: Folder of `cifar-10-batches-py`; None is that of PYROVAE_DATA.
        unit: Scale the integer levels 0..255 to [0, 1].
        val_size: Number of training rows for `val`; with 0 it is empty.
        seed: Seed of the choice of these rows.
        download: Download missing files.

    Raises:
        DataError: A file is missing or damaged, torchvision cannot be imported, no root is known.

    Source:
        Learning multiple layers of features from tiny images (Krizhevsky, 2009).
    """
    folder, cls = find_root("cifar10", root), torchvision_datasets("cifar10").CIFAR10
    files = [(folder / cls.base_folder / n, md5) for n, md5 in cls.train_list + cls.test_list]
    halves = []
    for train in (True, False):
        half = build(
            "cifar10",
            partial(cls, folder, train=train, download=download),
            files,
            download=download,
        )
        # torchvision transposes the stored [C, H, W] to [H, W, C]; this restores [C, H, W].
        x = torch.from_numpy(np.ascontiguousarray(half.data.transpose(0, 3, 1, 2)))
        halves.append((x, torch.tensor(half.targets)))
    return from_levels("cifar10", halves[0], halves[1], unit=unit, val_size=val_size, seed=seed)


def svhn(
    root: Root = None,
    *,
    unit: bool = False,
    val_size: int = 5_000,
    seed: int = 0,
    download: bool = False,
) -> Dataset:
    """Street View House Numbers, [N, 3, 32, 32]: 73,257 + 26,032 cropped digits, class as `y`.

    The files are `train_32x32.mat` and `test_32x32.mat` in `root`. For arguments and errors see
    `cifar10`.

    Source:
        Reading digits in natural images with unsupervised feature learning (Netzer et al., 2011).
    """
    folder, cls = find_root("svhn", root), torchvision_datasets("svhn").SVHN
    halves = []
    for split in ("train", "test"):
        _, file, md5 = cls.split_list[split]
        half = build(
            "svhn",
            partial(cls, folder, split=split, download=download),
            [(folder / file, md5)],
            download=download,
        )
        halves.append(
            (torch.from_numpy(np.ascontiguousarray(half.data)), torch.from_numpy(half.labels))
        )
    return from_levels("svhn", halves[0], halves[1], unit=unit, val_size=val_size, seed=seed)
