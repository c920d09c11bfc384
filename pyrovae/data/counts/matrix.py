"""A data set of a matrix of counts, kept sparse."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import DataError
from ..base import Dataset, partition, supplying
from ..rows import JoinedRows, Rows, SparseRows, SparseSplit, find_rows
from .checks import check_counts, empty_rows, size_of


@supplying("vocabulary", "log_sizes")
def counts(
    source: str | Path | Any,  # noqa: ANN401
    y: str | Path | Any | None = None,  # noqa: ANN401
    *,
    val: int | float = 0.1,
    test: int | float = 0.1,
    seed: int = 0,
    drop_empty: bool = False,
    vocabulary: str | Path | Sequence[str] | None = None,
) -> Dataset:
    """A data set of counts, as of genes in cells, split at random and kept sparse.

    No split is ever dense as a whole: `fit` and what measures make a batch at a time dense. Where
    a tensor is wanted, `split[:100].x` makes one of some rows.

    Where y are whole numbers [N], as of batches, `supplies["log_sizes"]` are mean and standard
    deviation of the log of the totals of the training data of each, which a
    `models.LatentSizeCountVAE` needs.

    Args:
        source: Whole numbers from 0 [N, D]: a matrix of scipy, or a sparse tensor of torch, in any
            format; a dense array or data frame; or the path of a file of them, such as an `.npz`
            that `scipy.sparse.save_npz` wrote. A pair or a file of two arrays may be x and y.
        y: What is known of each row [N, ...], such as the number of its batch, in the same forms.
        val: Share of the rows as a float, or their number as an integer.
        test: The same for `test`.
        seed: Of the split.
        drop_empty: Leave out rows whose total is 0, which say nothing; their number is
            `info["dropped_rows"]`. Else they are refused.
        vocabulary: Names of the columns [D], such as words or genes; a list, or the path of a text
            file with one a line. The columns of a data frame have their own names.

    Raises:
        DataError: An entry is negative, no whole number or not finite, a row is empty, there are
            not as many names as columns or labels as rows, or no rows are left to train on.

    Example:
        >>> import scipy.sparse
        >>> counts(scipy.sparse.eye(10, format="csr"), val=2, test=0.3).train
        SparseSplit(5 x [10] float32, 5 entries)
    """
    found = find_rows(source, "counts")
    if found is None or found.width > 2:
        kind = type(source).__name__
        raise DataError(
            f"counts: got {kind}, needs one matrix [N, D], sparse or dense, or x and y"
        )
    rows = _sparse(found.pick([0]))
    names = _names(vocabulary, found.column_names)
    if names is not None and len(names) != rows.shape.numel():
        raise DataError(
            f"counts: the vocabulary names {len(names):,} columns, and the data have "
            f"{rows.shape.numel():,}; give one name a column"
        )
    check_counts("counts", rows)
    labels = _labels(found, y, len(rows))
    empty = empty_rows(rows)
    if len(empty) and not drop_empty:
        raise DataError(
            f"counts: {len(empty):,} of {len(rows):,} rows have a total of 0, the first is row "
            f"{int(empty[0])}; they say nothing: drop them, or pass drop_empty=True"
        )
    kept = torch.ones(len(rows), dtype=torch.bool)
    kept[empty] = False
    whole = SparseSplit(rows, labels)
    whole = whole[kept] if len(empty) else whole
    sizes = (size_of("counts", name, size, len(whole)) for name, size in
             (("val", val), ("test", test)))  # fmt: skip
    parts = partition("counts", len(whole), tuple(sizes), seed)  # type: ignore[arg-type]
    info = {"binarize": "none", "levels": None, "unit": False, "seed": seed,
            "dropped_rows": len(empty)}  # fmt: skip
    supplies: dict[str, Any] = {} if names is None else {"vocabulary": names}
    train, held_out, tested = (whole[part] for part in parts)
    if labels is not None and labels.dim() == 1 and bool((labels == labels.round()).all()):
        log_sizes = _log_sizes(train.rows.totals().log(), train.y)
        supplies |= {"log_sizes": log_sizes} if log_sizes else {}
    return Dataset("counts", train, held_out, tested, info=info, supplies=supplies)


def _log_sizes(logs: Tensor, batch: Tensor) -> list[list[float]]:
    """Mean and standard deviation of each batch; of a batch without two rows those of all."""
    if int(batch.min()) < 0 or int(batch.max()) >= len(batch):
        return []  # no numbers of batches
    found = []
    for number in range(int(batch.max()) + 1):
        own = logs[batch == number]
        some = own if len(own) > 1 else logs
        spread = float(some.std()) if len(some) > 1 else 1.0
        found.append([float(some.mean()), max(spread, 1e-3)])
    return found


def _sparse(rows: Rows) -> SparseRows:
    """The rows in sparse form, as floats; of dense ones a thousand at a time."""
    if isinstance(rows, JoinedRows):
        return _sparse(rows.parts[0])
    if isinstance(rows, SparseRows):
        return rows.to("cpu").in_type(torch.get_default_dtype())
    if rows[:1][0].dim() != 2:
        raise DataError(
            f"counts: a datum has shape {list(rows[:1][0].shape[1:])}; give a matrix [N, D], such "
            "as x.flatten(1)"
        )
    parts = [
        SparseRows.of_torch("counts", rows[start : start + 1000][0].cpu())
        for start in range(0, len(rows), 1000)
    ]
    return SparseRows.stacked(parts).in_type(torch.get_default_dtype())


def _labels(found: Rows, y: Any, n: int) -> Tensor | None:  # noqa: ANN401
    if found.width == 2 and y is not None:
        raise DataError("counts: the data bring a y of their own; leave y out, or give x alone")
    if y is not None:
        given = find_rows(y, "counts: y")
        if given is None or given.width > 1:
            raise DataError(f"counts: y is {type(y).__name__}, needs one value for each row")
        labels = given[:][0]
    elif found.width == 2:
        labels = found.pick([1])[:][0]
    else:
        return None
    if labels.dim() == 2 and labels.shape[1] == 1 and not labels.is_floating_point():
        labels = labels.squeeze(1)  # a file or a frame with one column
    if len(labels) != n:
        raise DataError(f"counts: y has {len(labels):,} rows, and the counts have {n:,}")
    return labels if labels.is_floating_point() else labels.to(torch.int64)


def _names(
    given: str | Path | Sequence[str] | None, of_columns: Sequence[tuple[Any, ...]]
) -> list[str] | None:
    if given is None:
        return list(map(str, of_columns[0])) if of_columns else None
    if not isinstance(given, str | Path):
        return list(map(str, given))
    try:
        return Path(given).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"counts: the vocabulary {given} cannot be read ({error}); give a text file with one "
            "name a line"
        ) from error
