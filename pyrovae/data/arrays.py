"""Data sets from arrays, tensors, lists, files and torch datasets."""

import zipfile
import zlib
from collections.abc import Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from ..errors import DataError
from .base import Dataset, Split, partition
from .conversion import as_float32, from_list, from_masked, from_numpy, from_tensor

Source = Tensor | np.ndarray | Sequence[Any] | TorchDataset[Any] | str | Path


def arrays(
    x: Source,
    y: Source | None = None,
    *,
    val: int | float = 0.1,
    test: int | float = 0.1,
    seed: int = 0,
    dynamic: bool = False,
    missing: bool = False,
) -> Dataset:
    """A data set in memory, split at random.

    Every split is in random order, so its first rows are a fair sample of sorted data. The data
    are copied: later changes to `x` do not change the splits.

    Args:
        x: [N, ...]: a numpy array, a tensor, nested lists, a map-style torch dataset whose items
            are x or (x, y), or the path of a `.npy` file or of an `.npz` file with arrays x and y
            or with one array. Integers become float32, which must hold them exactly; floats keep
            their type; numbers in lists get torch's default type.
        y: Labels [N] in the same forms; integers become int64.
        val: Share of the rows as a float, or their number as an integer.
        test: The same for `test`.
        seed: Seed of the split, and of the fixed draws if `dynamic`.
        dynamic: `x` holds Bernoulli probabilities. Every pass over `train` draws new 0/1 values;
            `val` and `test` are drawn once.
        missing: NaN in `x` and masked elements are missing values. The splits hold zeros there,
            and `y` is the mask [N, ...], True where `x` was observed (`models.PartialVAE` takes
            both).

    Raises:
        DataError: A file is missing or damaged, rows differ in shape, a value is not finite, is
            masked or cannot be converted exactly, `x` and `y` differ in number of rows, no rows
            are left to train on, or a row has no observed value.

    Example:
        >>> arrays([[0.0, 1.0]] * 10, y=range(10), val=2, test=0.3)  # doctest: +ELLIPSIS
        Dataset(name='arrays', train=Split(5 x [2] float32, labels int64), val=Split(2 x ...
    """
    data, labels = _load("x", x, missing)
    if y is not None:
        if labels is not None:
            raise DataError("arrays: x brings labels of its own; leave y out, or give x alone")
        labels, extra = _load("y", y, False)
        if extra is not None:
            raise DataError("arrays: y holds pairs; give the labels alone")
    if not data.is_floating_point():
        data = as_float32("arrays: x", data)
    if labels is not None and not labels.is_floating_point():
        labels = labels.to(torch.int64)
    if missing:
        data, labels = _observed(data, labels)
    whole = Split(data, labels)
    sizes = _count("val", val, len(whole)), _count("test", test, len(whole))
    splits = [whole[rows] for rows in partition("arrays", len(whole), sizes, seed)]
    info = {"binarize": "none", "levels": None, "unit": False, "seed": seed}
    made = Dataset("arrays", splits[0], splits[1], splits[2], info)
    return made.binarized("dynamic", seed) if dynamic else made


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


def _load(name: str, source: Source, missing: bool) -> tuple[Tensor, Tensor | None]:
    if isinstance(source, str | Path):
        return _from_file(name, Path(source).expanduser())
    if isinstance(source, TorchDataset):
        return _from_items(name, source, missing)
    return _tensor(name, source, missing), None


def _tensor(name: str, source: object, missing: bool) -> Tensor:
    if isinstance(source, Tensor):
        tensor = from_tensor(f"arrays: {name}", source)
    elif isinstance(source, np.ma.MaskedArray):
        tensor = from_masked(f"arrays: {name}", source, missing)
    elif isinstance(source, np.ndarray | np.generic):
        tensor = from_numpy(f"arrays: {name}", np.asarray(source))
    elif isinstance(source, Sequence) and not isinstance(source, str):
        if source and isinstance(source[0], Tensor | np.ndarray):
            return _stacked(name, [_tensor(name, row, missing) for row in source])
        try:
            tensor = from_list(f"arrays: {name}", source)
        except DataError:
            raise
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"arrays: the lists of {name} are ragged or hold something other than numbers "
                f"({error}); give numbers only, in rows of one shape"
            ) from error
    else:
        raise DataError(
            f"arrays: {name} holds {type(source).__name__}, needs a numpy array, a tensor, nested "
            "lists, a map-style torch dataset of these, or a .npy or .npz file"
        )
    return tensor


def _from_file(name: str, path: Path) -> tuple[Tensor, Tensor | None]:
    if not path.is_file():
        raise DataError(f"arrays: {name}: there is no file {path.absolute()}; check the path")
    if path.suffix not in (".npy", ".npz"):
        raise DataError(
            f"arrays: {name}: {path} is not .npy or .npz, the formats that hold numbers and "
            "nothing else; write the array with numpy.save"
        )
    try:
        with path.open("rb") as file:  # given a path, numpy leaves the file open if it is bad
            stored = np.load(file, allow_pickle=False)
            found = {"x": stored} if isinstance(stored, np.ndarray) else dict(stored)
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(
            f"arrays: {name}: {path} is damaged or holds Python objects ({error}); "
            "write it again with numpy.save from an array of numbers"
        ) from error
    if len(found) == 1:
        return from_numpy(f"arrays: {name}", next(iter(found.values()))), None
    if set(found) != {"x", "y"}:
        raise DataError(
            f"arrays: {name}: {path} holds the arrays {sorted(found)}, needs x and y, or one; "
            "load it with numpy and pass the arrays"
        )
    return from_numpy(f"arrays: {name}", found["x"]), from_numpy("arrays: y", found["y"])


def _from_items(
    name: str, source: TorchDataset[Any], missing: bool
) -> tuple[Tensor, Tensor | None]:
    if not isinstance(source, Sized):
        raise DataError(
            f"arrays: {type(source).__name__} has no length and cannot be split; give it a "
            "__len__, or feed its DataLoader to pyrovae.data.batches"
        )
    items = [source[index] for index in range(len(source))]
    rows = [item if isinstance(item, tuple | list) else (item,) for item in items]
    widths = {len(row) for row in rows}
    if widths not in ({1}, {2}):
        raise DataError(
            f"arrays: the items of {type(source).__name__} have {sorted(widths)} parts, need to "
            "be all x or all (x, y); wrap the dataset to give these"
        )
    columns = [
        _stacked(which, [_item(which, part, missing and which == name) for part in column])
        for which, column in zip((name, "y"), zip(*rows, strict=True), strict=False)
    ]
    return columns[0], columns[1] if len(columns) == 2 else None


def _item(name: str, part: object, missing: bool) -> Tensor:
    if isinstance(part, int | float):
        return from_list(f"arrays: {name}", [part])[0]
    return _tensor(name, part, missing)


def _stacked(name: str, rows: list[Tensor]) -> Tensor:
    for index, row in enumerate(rows):
        if row.shape != rows[0].shape:
            raise DataError(
                f"arrays: row {index} of {name} has shape {list(row.shape)}, row 0 "
                f"{list(rows[0].shape)}; bring all rows to one shape"
            )
    return torch.stack(rows)


def _count(name: str, size: float | int, n: int) -> int:
    if isinstance(size, float):
        if not 0 <= size < 1:
            raise DataError(
                f"arrays: {name}={size} is not a share of the rows; give a float in [0, 1), or an "
                "integer number of rows"
            )
        return round(size * n)
    return size
