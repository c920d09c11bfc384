"""A data set of time series."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import DataError, DataWarning, warn
from ..base import Dataset, Split, partition
from ..columns import Columns
from ..conversion import as_float32
from ..in_memory import whole_tensor, whole_tensors
from ..rows.frames import is_frame
from .windows import windows


def series(
    x: str | Path | Any,  # noqa: ANN401
    *,
    lengths: str | Path | Any | None = None,  # noqa: ANN401
    window: int | None = None,
    step: int | None = None,
    val: int | float = 0.1,
    test: int | float = 0.1,
    seed: int = 0,
    standardise: bool = True,
    columns: Columns | None = None,
) -> Dataset:
    """Time series [N, T, D] with splits; those of unequal lengths are padded with zeros.

    Where lengths differ, `y` holds them, and batches of `dataset.labelled()` are (x, lengths), as
    `models.DeepMarkovModel(..., lengths=True)` takes them.

    One long series is cut into `val` and `test` at its end and into windows after that, so that
    no step is in two splits; then the figures of the test data are those of the future.

    Args:
        x: [N, T, D]; [N, T] for one value a step; a list of arrays [T_i, D] or [T_i] of unequal
            lengths. With `window` one series, [T, D] or [T]. A path is read as `data.arrays`
            does: a row of a CSV file is one series, and with `window` one step.
        lengths: Steps of each series [N], of an x that is padded already, or the path of a file.
        window: Cut one long series into windows of so many steps.
        step: From the start of a window to that of the next in the training data; None: a
            quarter of `window`. Windows of val and test do not overlap.
        val: Share as a float, or number, of the series, or of the steps of a long one.
        test: The same for `test`.
        seed: Seed of the random partition of several series.
        standardise: Bring each of the D values to mean 0 and standard deviation 1 over the
            training data. `info["mean"]` and `info["scale"]` [D] turn it back:
            `x * scale + mean`.
        columns: Which columns of a table are read, such as those that are no time stamps; of a
            file of several arrays, which one.

    Raises:
        ConfigError: A column is not there.
        DataError: A series is empty, holds NaN, or differs in D from others; a length is out of
            range; there are too few series or steps.

    Example:
        >>> made = series([[1.0, 2.0, 3.0], [4.0], [5.0, 6.0]], val=0, test=1)
        >>> made.train, made.supplies
        (Split(2 x [3, 1] float32, labels int64), {'lengths': True})
    """
    if window is not None:
        if lengths is not None:
            raise DataError("series: lengths are of several series, and window cuts a single one")
        parts = _cut(_one("x", x, columns), window, step, val, test)
        splits = [Split(part) for part in parts]
        info: dict[str, Any] = {"window": window}
    else:
        known: Any = lengths
        if _is_ragged(x):
            if lengths is not None:
                raise DataError(
                    "series: the series differ in length, so that lengths= is known of them; "
                    "leave it out, or give x as one array that is padded already"
                )
            padded, known = _padded(x)
        else:
            padded = _one("x", x, columns)
        if padded.dim() == 2 and known is None and _is_table(x):
            _warn_of_rows(padded)
        padded, known = _checked(padded, known)
        sizes = [_count(name, size, len(padded)) for name, size in (("val", val), ("test", test))]
        whole = Split(padded, known)
        rows = partition("series", len(whole), (sizes[0], sizes[1]), seed)
        splits, info = [whole[index] for index in rows], {"seed": seed}
    mean, scale = _moments(splits[0]) if standardise else (None, None)
    if mean is not None and scale is not None:
        splits = [_scaled(split, mean, scale) for split in splits]
        info |= {"mean": mean.tolist(), "scale": scale.tolist()}
    info |= {"binarize": "none", "levels": None, "unit": False}
    supplies = {} if splits[0].y is None else {"lengths": True}
    return Dataset("series", splits[0], splits[1], splits[2], info, supplies)


def _is_ragged(x: Any) -> bool:  # noqa: ANN401
    if not isinstance(x, Sequence) or isinstance(x, str | bytes) or not len(x):
        return False
    sizes = [len(row) for row in x if hasattr(row, "__len__")]
    return len(sizes) == len(x) and len(set(sizes)) > 1


def _padded(x: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """Series of unequal lengths as one tensor, and their lengths."""
    empty = [row for row, each in enumerate(x) if not len(each)]
    if empty:
        raise DataError(
            f"series: {len(empty)} of {len(x)} series are empty, the first is number {empty[0]}; "
            "leave them out"
        )
    rows = [_floats(whole_tensor(f"x[{row}]", each, False)) for row, each in enumerate(x)]
    rows = [row.unsqueeze(-1) if row.dim() == 1 else row for row in rows]
    widths = {tuple(row.shape[1:]) for row in rows}
    if len(widths) > 1 or rows[0].dim() != 2:
        raise DataError(
            f"series: the steps of the series have shapes {sorted(widths)}; give each series as "
            "[T, D], with one D for all"
        )
    lengths = torch.tensor([len(row) for row in rows])
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths


def _is_table(x: Any) -> bool:  # noqa: ANN401
    if isinstance(x, str | PathLike):
        return Path(x).suffix.lower() in (".csv", ".parquet")
    return is_frame(x)


def _warn_of_rows(x: Tensor) -> None:
    """Warn of a table of many short rows, which most likely are the steps of one series."""
    rows, steps = x.shape
    if steps < 10 < rows:
        warn(
            f"series: the {rows} rows of the table are taken for {rows} series of {steps} "
            f"{'step' if steps == 1 else 'steps'}; where a row is a step of one long series, "
            "give window=",
            DataWarning,
        )


def _one(name: str, x: Any, columns: Columns | None = None) -> Tensor:  # noqa: ANN401
    """One tensor of floats, of an array of any kind, or of a file that holds one."""
    found = whole_tensors(name, x, columns=columns)
    if list(found) != [None] or len(found[None]) != 1:
        raise DataError(f"series: {name} holds several arrays; give one")
    return _floats(found[None][0])


def _checked(x: Tensor, lengths: Any) -> tuple[Tensor, Tensor | None]:  # noqa: ANN401
    if x.dim() == 2:
        x = x.unsqueeze(-1)
    if x.dim() != 3 or 0 in x.shape:
        way = "one long series takes window=" if x.dim() == 1 else "give [N, T, D]"
        raise DataError(
            f"series: x has shape {list(x.shape)}; it needs [N, T, D] or [N, T]: {way}"
        )
    known = None
    if lengths is not None:
        given = _one("lengths", lengths)
        given = given.squeeze(1) if given.dim() == 2 and given.shape[1] == 1 else given
        known = given.long()
        if not bool((known == given).all()):
            first = int((known != given).flatten().nonzero()[0])
            raise DataError(
                f"series: lengths are whole numbers of steps, and that of series {first} is "
                f"{float(given.flatten()[first]):g}; give whole ones"
            )
        bad = ((known < 1) | (known > x.shape[1])).nonzero().flatten()
        if known.shape != x.shape[:1] or len(bad):
            at = f"; the first bad one is of series {int(bad[0])}" if len(bad) else ""
            raise DataError(
                f"series: lengths has shape {list(known.shape)} and lies in {int(known.min())}.."
                f"{int(known.max())}, for {len(x)} series of {x.shape[1]} steps; give one in "
                f"1..{x.shape[1]} for each{at}"
            )
        inside = torch.arange(x.shape[1]) < known.unsqueeze(1)
        x = torch.where(inside.unsqueeze(-1), x, 0.0)
    rows = (~x.isfinite()).flatten(1).any(1).nonzero().flatten()
    if len(rows):
        step = int((~x[rows[0]].isfinite()).any(-1).nonzero()[0])
        raise DataError(
            f"series: {len(rows)} of {len(x)} series hold NaN or infinity, the first is number "
            f"{int(rows[0])} at step {step}; cut them there, or read them by data.arrays(..., "
            "missing=True), for DeepMarkovModel(..., missing=True)"
        )
    return x, known


def _cut(
    x: Tensor, window: int, step: int | None, val: int | float, test: int | float
) -> list[Tensor]:
    """Windows of train, val and test, which follow each other in time."""
    if not bool(x.isfinite().all()):
        at = int((~x.isfinite()).reshape(len(x), -1).any(1).nonzero()[0])
        raise DataError(f"series: x holds NaN or infinity at step {at}; cut the series there")
    sizes = [_count(name, size, len(x)) for name, size in (("val", val), ("test", test))]
    rest = len(x) - sum(sizes)
    short = [size for size in (rest, *sizes) if size < window and (size or size is rest)]
    if short:
        raise DataError(
            f"series: train, val and test have {[rest, *sizes]} of {len(x)} steps, and a window "
            f"has {window}; give a shorter window, or larger shares"
        )
    parts = x.split([rest, *sizes])
    each = max(1, window // 4) if step is None else step
    empty = x.new_zeros(0, window, *(x.shape[1:] or (1,)))
    return [
        windows(part, window, window if place else each) if len(part) else empty
        for place, part in enumerate(parts)
    ]


def _moments(split: Split) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each value over all steps of the training data [D]."""
    steps = split.x.flatten(0, 1)
    if split.y is not None:
        inside = torch.arange(split.x.shape[1]) < split.y.unsqueeze(1)
        steps = split.x[inside]
    scale = steps.std(0, correction=0)
    return steps.mean(0), torch.where(scale > 0, scale, 1.0)


def _scaled(split: Split, mean: Tensor, scale: Tensor) -> Split:
    x = (split.x - mean) / scale
    if split.y is not None:
        inside = torch.arange(x.shape[1]) < split.y.unsqueeze(1)
        x = torch.where(inside.unsqueeze(-1), x, 0.0)
    return Split(x, split.y)


def _floats(x: Tensor) -> Tensor:
    return x if x.is_floating_point() else as_float32("series: x", x)


def _count(name: str, size: float | int, n: int) -> int:
    if isinstance(size, float) and not 0 <= size < 1:
        raise DataError(f"series: {name}={size} is no share; give a float in [0, 1) or a number")
    return round(size * n) if isinstance(size, float) else size
