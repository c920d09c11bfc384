"""MNIST and the sets of the same format."""

from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from ...errors import ConfigError, DataError
from ..base import Binarize, Dataset, Split, mix_seed
from ..root import Root, find_root
from .base import build, from_levels, read, torchvision_datasets

EMNISTSplit = Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"]


def mnist(
    root: Root = None,
    *,
    binarize: Binarize | None = None,
    unit: bool = False,
    val_size: int = 5_000,
    seed: int = 0,
    download: bool = False,
) -> Dataset:
    """MNIST, [N, 1, 28, 28]: 60,000 + 10,000 handwritten digits with their class as `y`.

    `val` is a random part of the training file, `test` the official one in its order.

    Args:
        root: Folder of `MNIST/raw/*-ubyte`; None is that of PYROVAE_DATA.
        binarize: None keeps the integer grey levels 0..255. "dynamic" draws pixels with
            probability level / 255, anew on every pass over `train`, once for `val` and `test`.
            "static" reads the fixed binarisation of the literature, `static_binarized_mnist.npz`
            in `root`: 50,000 + 10,000 + 10,000 rows without labels; `val_size` has no effect.
            Figures of static and dynamic data do not compare.
        unit: Scale grey levels to [0, 1]; these are not Bernoulli observations.
        val_size: Number of training rows for `val`; with 0 it is empty.
        seed: Seed of the split and of the fixed binary draws.
        download: Download missing files (not the static file).

    Raises:
        DataError: A file is missing or damaged, torchvision cannot be imported, no root is known.
        ConfigError: `binarize` is unknown.

    Source:
        Gradient-based learning applied to document recognition (LeCun et al., 1998). Static: On
        the quantitative analysis of deep belief networks (Salakhutdinov and Murray, 2008).

    Example:
        >>> mnist("data", binarize="dynamic").train  # doctest: +SKIP
        Split(55000 x [1, 28, 28] float32, labels int64, dynamic)
    """
    if binarize == "static":
        return _static_mnist(find_root("mnist", root), seed)
    return _load("mnist", "MNIST", root, None, binarize, unit, val_size, seed, download)


def fashion_mnist(
    root: Root = None,
    *,
    binarize: Binarize | None = None,
    unit: bool = False,
    val_size: int = 5_000,
    seed: int = 0,
    download: bool = False,
) -> Dataset:
    """Fashion-MNIST, [N, 1, 28, 28]; see `mnist`, but "static" is one draw by `seed`."""
    return _load(
        "fashion_mnist", "FashionMNIST", root, None, binarize, unit, val_size, seed, download
    )


def kmnist(
    root: Root = None,
    *,
    binarize: Binarize | None = None,
    unit: bool = False,
    val_size: int = 5_000,
    seed: int = 0,
    download: bool = False,
) -> Dataset:
    """Kuzushiji-MNIST, [N, 1, 28, 28]; see `mnist`, but "static" is one draw by `seed`."""
    return _load("kmnist", "KMNIST", root, None, binarize, unit, val_size, seed, download)


def emnist(
    root: Root = None,
    *,
    split: EMNISTSplit = "digits",
    binarize: Binarize | None = None,
    unit: bool = False,
    val_size: int = 5_000,
    seed: int = 0,
    download: bool = False,
) -> Dataset:
    """EMNIST, [N, 1, 28, 28], transposed to upright images, with the labels of the files.

    Letters are labelled from 1. `split` is one of "byclass", "bymerge", "balanced", "letters",
    "digits" and "mnist". For the other arguments see `mnist`, but "static" is one draw by `seed`.
    """
    if split not in get_args(EMNISTSplit):
        known = ", ".join(get_args(EMNISTSplit))
        raise ConfigError(f"emnist: split={split!r} is not known; use one of {known}")
    return _load("emnist", "EMNIST", root, split, binarize, unit, val_size, seed, download)


def _load(
    name: str,
    kind: str,
    root: Root,
    split: str | None,
    binarize: Binarize | None,
    unit: bool,
    val_size: int,
    seed: int,
    download: bool,
) -> Dataset:
    folder, datasets = find_root(name, root), torchvision_datasets(name)
    of_split = (f"emnist-{split}-train", f"emnist-{split}-test")
    stems = ("train", "t10k") if split is None else of_split
    raw = folder / kind / "raw"
    files = [(raw / f"{s}-images-idx3-ubyte", raw / f"{s}-labels-idx1-ubyte") for s in stems]
    if download and not all(path.is_file() for pair in files for path in pair):
        options = {} if split is None else {"split": split}
        cls = getattr(datasets, kind)
        build(name, lambda: cls(folder, download=True, **options), (), download=True)
    halves = []
    for images, labels in files:
        x = read(name, images, datasets.mnist.read_image_file).unsqueeze(1)
        y = read(name, labels, datasets.mnist.read_label_file)
        if len(x) != len(y):
            raise DataError(
                f"{name}: {images} has {len(x)} rows, {labels.name} beside it {len(y)}; "
                "they do not belong together, delete both and download them again"
            )
        # The files of EMNIST hold transposed images.
        halves.append((x if split is None else x.transpose(2, 3), y))
    unit = unit or binarize is not None
    data = from_levels(name, halves[0], halves[1], unit=unit, val_size=val_size, seed=seed)
    return data if binarize is None else data.binarized(binarize, seed)


def _static_mnist(folder: Path, seed: int) -> Dataset:
    path = folder / "static_binarized_mnist.npz"
    if not path.is_file():
        raise DataError(
            f"mnist: there is no file {path}, which holds the static binarisation as arrays "
            "train, valid and test, each numpy.packbits(bits, axis=1) of the published [N, 784] "
            'bits; put it there, or use binarize="dynamic"'
        )
    splits = []
    for place, packed in enumerate(read("mnist", path, _packed)):
        bits = torch.from_numpy(np.unpackbits(packed, axis=1)).reshape(-1, 1, 28, 28)
        # The rows are sorted by class; a random order makes the first n a fair sample.
        generator = torch.Generator().manual_seed(mix_seed(seed, place))
        order = torch.randperm(len(bits), generator=generator)
        splits.append(Split(bits[order].to(torch.float32)))
    info = {"binarize": "static", "levels": 256, "unit": True, "seed": seed}
    return Dataset("mnist", splits[0], splits[1], splits[2], info)


def _packed(path: Path) -> list[np.ndarray]:
    with path.open("rb") as file:  # given a path, numpy leaves the file open if it is bad
        stored = np.load(file, allow_pickle=False)
        arrays = [stored[key] for key in ("train", "valid", "test")]
    for array in arrays:
        if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != 98:
            raise ValueError(f"found {array.dtype} {list(array.shape)}, needs uint8 [N, 98]")
    return arrays
