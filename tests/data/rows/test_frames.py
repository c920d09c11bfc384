"""Columns of data frames become one tensor; what is no number is named."""

import datetime

import numpy as np
import pandas
import polars
import pytest
import torch

from pyrovae.data import arrays, batches, rows
from pyrovae.errors import ConfigError, DataError

COLUMNS = {"a": [1, 2, 3, 4], "b": [0.5, 1.5, 2.5, 3.5], "c": [True, False, True, True]}
FRAMES = {"pandas": pandas.DataFrame, "polars": polars.DataFrame}


def tensor(frame, **options):
    (found,) = rows(frame, **options)[:]
    return found


@pytest.mark.parametrize("library", FRAMES)
def test_columns_by_name_and_place(library):
    frame = FRAMES[library](COLUMNS)
    expected = torch.tensor([[1, 0.5, 1], [2, 1.5, 0], [3, 2.5, 1], [4, 3.5, 1]]).double()
    assert torch.equal(tensor(frame), expected)
    for columns, places in ((["c", "a"], [2, 0]), ([0, "b"], [0, 1]), (["b"], [1]), ([-1], [2])):
        found = tensor(frame, columns=columns)
        assert torch.equal(found.double(), expected[:, places])
        train = arrays(frame, columns=columns, val=0, test=0).train
        assert sorted(train.x.double().tolist()) == sorted(expected[:, places].tolist())
    for columns, place in (("b", 1), (0, 0)):  # as frame["b"], a series
        found = tensor(frame, columns=columns)
        assert torch.equal(found.double(), expected[:, place])
    with pytest.raises(ConfigError, match=r"'d' is not among \['a', 'b', 'c'\]"):
        rows(frame, columns=["a", "d"])
    with pytest.raises(ConfigError, match="3 is not among"):
        rows(frame, columns=3)


@pytest.mark.parametrize("library", FRAMES)
def test_columns_of_one_kind_keep_it(library):
    for name, dtype in (("a", torch.int64), ("b", torch.float64), ("c", torch.bool)):
        assert tensor(FRAMES[library]({"one": COLUMNS[name], "two": COLUMNS[name]})).dtype == dtype
        assert tensor(FRAMES[library](COLUMNS)[name]).dtype == dtype


@pytest.mark.parametrize("library", FRAMES)
def test_labels_beside_a_frame(library):
    frame = FRAMES[library](COLUMNS)
    for x, y in batches((frame, frame["a"]), 3, device="cpu").epoch(0):
        assert torch.equal(x[:, 0], y.double())
    train = arrays(frame, frame["a"], val=0, test=0).train
    assert torch.equal(train.x[:, 0].long(), train.y)


TEXT = {
    "pandas text": pandas.Series(["x", "y", "z", "x"]),
    "pandas objects": pandas.Series([1, 2, "z", 3]),
    "pandas categories": pandas.Series(["x", "y", "z", "x"], dtype="category"),
    "pandas categories of numbers": pandas.Series([1, 2, 1, 2], dtype="category"),
    "pandas dates": pandas.Series(pandas.date_range("2020", periods=4)),
    "pandas spans": pandas.Series(pandas.to_timedelta([1, 2, 3, 4], "s")),
    "pandas complex": pandas.Series([1j, 2, 3, 4]),
    "polars text": polars.Series(["x", "y", "z", "x"]),
    "polars categories": polars.Series(["x", "y", "z", "x"], dtype=polars.Categorical),
    "polars dates": polars.Series([datetime.date(2020, 1, 1)] * 4),
    "polars lists": polars.Series([[1.0], [2.0], [3.0], [4.0]]),
    "polars nothing": polars.Series([None] * 4),
}


def with_column(column):
    if isinstance(column, pandas.Series):
        return pandas.DataFrame(COLUMNS).assign(d=column)
    return polars.DataFrame(COLUMNS).with_columns(column.alias("d"))


@pytest.mark.parametrize("kind", TEXT)
def test_a_column_without_numbers_is_named(kind):
    frame = with_column(TEXT[kind])
    for way in (rows, lambda x: batches(x, 2), arrays, lambda x: arrays(x, missing=True)):
        with pytest.raises(DataError, match=r"column 'd' is of type .*; encode it .* columns="):
            way(frame)
    assert tensor(frame, columns=["a", "b"]).shape == (4, 2)


HOLES = {
    "pandas NaN": pandas.Series([1.0, np.nan, 3.0, np.nan]),
    "pandas nullable integers": pandas.Series([1, None, 3, None], dtype="Int64"),
    "pandas nullable floats": pandas.Series([1, None, 3, None], dtype="Float32"),
    "pandas nullable truth": pandas.Series([True, None, False, None], dtype="boolean"),
    "pandas pyarrow": pandas.Series([1, None, 3, None], dtype="int64[pyarrow]"),
    "polars null": polars.Series([1, None, 3, None]),
    "polars NaN and null": polars.Series([1.0, float("nan"), 3.0, None]),
    "polars truth": polars.Series([True, None, False, None]),
}


@pytest.mark.parametrize("kind", HOLES)
def test_missing_values_are_named_or_taken_as_such(kind):
    frame = with_column(HOLES[kind])
    for way in (rows, lambda x: batches(x, 2), arrays):
        with pytest.raises(
            DataError,
            match=r"column 'd': 2 of 4 values are missing, the first in row 1; .*missing=True",
        ):
            way(frame)
    train = arrays(frame, columns=["a", "d"], missing=True, val=0, test=0).train
    order = train.x[:, 0].argsort()
    assert train.y[order].tolist() == [[True, True], [True, False], [True, True], [True, False]]
    assert train.x[order, 1].tolist() == [1.0, 0.0, *train.x[order, 1].tolist()[2:3], 0.0]


def test_whole_numbers_that_floats_would_change_are_refused():
    frame = pandas.DataFrame({"id": [2**53 + 1, 1], "x": [0.5, 1.5]})
    with pytest.raises(DataError, match="column 'id' holds whole numbers that float64 does not"):
        rows(frame)


def test_other_refusals():
    twice = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    for frame, message in (
        (twice, "two columns have one name"),
        (pandas.DataFrame(), "without columns"),
        (pandas.DataFrame({"a": []}, dtype=float), "DataFrame is empty"),
        (polars.DataFrame({"a": [1]}).lazy(), "got LazyFrame"),
    ):
        with pytest.raises(DataError, match=message):
            rows(frame)


def test_whole_numbers_of_128_bits_are_kept_or_refused():
    small = polars.DataFrame({"a": polars.Series([1, 2**62 + 1], dtype=polars.Int128)})
    assert tensor(small).tolist() == [[1], [2**62 + 1]]
    large = polars.DataFrame({"a": polars.Series([1, 2**70], dtype=polars.Int128)})
    with pytest.raises(DataError, match=f"column 'a' holds {2**70}, and integers are kept up to"):
        rows(large)
