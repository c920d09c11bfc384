"""Data sets in memory from data of any kind."""

from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from .base import Dataset, Split, mix_seed, partition
from .channels import channels_first
from .columns import Columns
from .conversion import as_float32
from .in_memory import Parts, whole_tensors

Channels = Literal["first", "last"]


def arrays(
    x: str | Path | Any,  # noqa: ANN401
    y: str | Path | Any | None = None,  # noqa: ANN401
    *,
    val: int | float = 0.1,
    test: int | float = 0.1,
    seed: int = 0,
    dynamic: bool = False,
    missing: bool = False,
    columns: Columns | None = None,
    channels: Channels = "first",
) -> Dataset:
    """A data set in memory, split at random.

    Every split is in random order, so its first rows are a fair sample of sorted data. The data
    are copied: later changes to `x` do not change the splits.

    Args:
        x: [N, ...]: a numpy array, a tensor, nested lists, a data frame, a sparse matrix, or the
            path of a file (.npy, .npz, .pt, .csv, .parquet, .h5). A tuple or a dict of two, the
            items of a torch dataset or the batches of a `DataLoader` may be x and y, and so may
            arrays in a file whose names say it (`x` and `y`, `images` and `labels`). Integers
            become float32, which must hold them exactly; floats keep their type; numbers in lists
            get torch's default type. A `Dataset` is returned as it is.
        y: Labels [N] in the same forms; integers become int64.
        val: Share of the rows as a float, or their number as an integer. A file that holds splits
            (`x_train`, `x_val`, `x_test`) keeps them, and only what it has not is cut off.
        test: The same for `test`.
        seed: Seed of the split, and of the fixed draws if `dynamic`.
        dynamic: `x` holds Bernoulli probabilities. Every pass over `train` draws new 0/1 values;
            `val` and `test` are drawn once.
        missing: NaN in `x` and masked elements are missing values. The splits hold zeros there,
            and `y` is the mask [N, ...], True where `x` was observed (`models.PartialVAE` takes
            both).
        columns: Which columns of a data frame, in one tensor; else which arrays, by name or
            place, are x, or x and y.
        channels: "last" moves the channels of images [N, H, W, C] to the front: `x` becomes
            [N, C, H, W], which the convolutions of this library take.

    Raises:
        ConfigError: A column is not there, or the library that reads a file is not installed.
        DataError: A file is missing or damaged, rows differ in shape, a value is not finite, is
            masked or cannot be converted exactly, `x` and `y` differ in number of rows, no rows
            are left to train on, or a row has no observed value.

    Example:
        >>> arrays([[0.0, 1.0]] * 10, y=range(10), val=2, test=0.3)  # doctest: +ELLIPSIS
        Dataset(name='arrays', train=Split(5 x [2] float32, labels int64), val=Split(2 x ...
    """
    if isinstance(x, Dataset):
        return x
    if channels not in get_args(Channels):
        raise ConfigError(f'arrays: channels={channels!r}; give "first" or "last"')
    found = whole_tensors("x", x, missing=missing, columns=columns)
    if channels == "last":
        found = {name: [channels_first(x), *rest] for name, (x, *rest) in found.items()}
    if y is not None:
        found = {None: [_alone("x", found), _alone("y", whole_tensors("y", y))]}
    splits = {name: _split(tensors, missing) for name, tensors in found.items()}
    train, *others = _three(splits, val, test, seed)
    info = {"binarize": "none", "levels": None, "unit": False, "seed": seed}
    made = Dataset("arrays", train, others[0], others[1], info)
    return made.binarized("dynamic", seed) if dynamic else made


def _alone(name: str, found: Parts) -> Tensor:
    """The tensor of data that hold no other."""
    if list(found) != [None] or len(found[None]) > 1:
        if name == "y":
            raise DataError("arrays: y holds pairs; give the labels alone")
        raise DataError("arrays: x brings labels of its own; leave y out, or give x alone")
    return found[None][0]


def _split(tensors: list[Tensor], missing: bool) -> Split:
    """x, in floats, and labels, or the mask of what was observed."""
    if len(tensors) > 2:
        raise DataError(
            f"arrays: the data hold {len(tensors)} tensors, and a data set keeps x and y; pass "
            "columns=0 or columns=[0, 1] to say which these are"
        )
    x, labels = tensors[0], tensors[1] if len(tensors) == 2 else None
    if not x.is_floating_point():
        x = as_float32("arrays: x", x)
    if labels is not None and not labels.is_floating_point():
        labels = labels.to(torch.int64)
    return Split(*_observed(x, labels)) if missing else Split(x, labels)


def _three(
    splits: dict[str | None, Split], val: int | float, test: int | float, seed: int
) -> list[Split]:
    """Train, val and test in random order; what is not there is cut off the rest."""
    whole = splits["train"] if None not in splits else splits[None]
    sizes = [
        0 if name in splits else _count(name, size, len(whole))
        for name, size in (("val", val), ("test", test))
    ]
    rows = partition("arrays", len(whole), (sizes[0], sizes[1]), seed)
    made = [whole[rows[0]]]
    for place, name in enumerate(("val", "test"), 1):
        if name in splits:
            own = splits[name]
            order = partition("arrays", len(own), (0, 0), mix_seed(seed, place))[0]
            made.append(own[order])
        else:
            made.append(whole[rows[place]])
    return made


def _observed(x: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """x with zeros in the place of NaN, and the mask of the observed values."""
    if labels is not None:
        raise DataError(
            "arrays: missing=True stores the mask of observed values in the place of the labels; "
            "leave y out"
        )
    mask = ~x.isnan()
    bare = (~mask.flatten(1).any(1)).nonzero().flatten()
    if len(bare):
        raise DataError(
            f"arrays: {len(bare)} of {len(x)} rows of x have no observed value, the first is row "
            f"{int(bare[0])}; drop these rows"
        )
    return torch.where(mask, x, 0.0), mask


def _count(name: str, size: float | int, n: int) -> int:
    if isinstance(size, float):
        if not 0 <= size < 1:
            raise DataError(
                f"arrays: {name}={size} is not a share of the rows; give a float in [0, 1), or an "
                "integer number of rows"
            )
        return round(size * n)
    return size
