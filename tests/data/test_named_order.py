"""Validation data are matched with the training data by their names."""

import numpy
import pandas
import polars
import pytest
import torch
from torch.utils.data import DataLoader

from pyrovae import fit
from pyrovae.data import Split, batches
from pyrovae.data.named_order import validation_batches
from pyrovae.errors import DataError
from tests.kinds import Items
from tests.train.pairs import QUIET, networks, pair

A, B = torch.arange(10.0), torch.arange(10.0) + 100
TABLE = torch.stack([A, B, -A], 1)
AB = {"x": A, "y": B}
FRAME = pandas.DataFrame(TABLE.numpy(), columns=list("abc"))
SWAPPED = FRAME[["c", "a", "b"]]
ITEMS = Items({"y": b, "x": a} for a, b in zip(A, B, strict=True))


def found(data, val, columns=None):
    trained = batches(data, 4, device="cpu", columns=columns)
    next(iter(trained.epoch(0)))
    made = validation_batches(val, 4, data, trained, columns=columns, device="cpu")
    return [torch.cat(parts) for parts in zip(*made.epoch(0), strict=True)]


CASES = {
    "dict": (AB, {"y": B, "x": A}, None, [A, B]),
    "frame": (FRAME, SWAPPED, None, [TABLE]),
    "polars": (FRAME, polars.from_pandas(SWAPPED), None, [TABLE]),
    "sparse": (FRAME.astype("Sparse[float32]"), SWAPPED.astype("Sparse[float32]"), None, [TABLE]),
    "frame in a tuple": ((FRAME, A), (SWAPPED, A), None, [TABLE, A]),
    "frames in dicts": ({"x": FRAME, "y": B}, {"y": B, "x": SWAPPED}, None, [TABLE, B]),
    "loader": (AB, DataLoader(ITEMS, 4), None, [A, B]),
    "items": (ITEMS, AB, None, [B, A]),
    "places of a dict": (AB, {"y": B, "x": A}, 0, [A]),
    "places of a frame": (FRAME, SWAPPED, [0, 1], [TABLE[:, :2]]),
    "a place of a frame": (FRAME, SWAPPED, 1, [B]),
    "split": (AB, Split(A, B).labelled(), None, [A, B]),
    "other names, but of a split": ({"a": A, "b": B}, Split(A, B).labelled(), None, [A, B]),
    "one side without names": (AB, (A, B), None, [A, B]),
}


@pytest.mark.parametrize("case", CASES)
def test_names_give_the_order(case):
    data, val, columns, expected = CASES[case]
    made = found(data, val, columns)
    assert len(made) == len(expected)
    assert all(torch.equal(a, b) for a, b in zip(made, expected, strict=True))


def test_columns_of_frames_beside_a_mapped_file_are_matched(tmp_path):
    numpy.save(tmp_path / "y.npy", B.numpy())
    y = numpy.load(tmp_path / "y.npy", mmap_mode="r")
    made = found({"x": FRAME, "y": y}, {"y": y, "x": SWAPPED})
    assert torch.equal(made[0], TABLE) and torch.equal(made[1], B)


@pytest.mark.parametrize(
    ("data", "val", "columns"),
    [
        (AB, {"x": A, "z": B}, None),
        (AB, {"z": A, "y": B}, 0),
        (FRAME, FRAME.rename(columns={"a": "other"}), None),
        (FRAME, FRAME.rename(columns={"a": "other"}), [0, 1]),
    ],
)
def test_other_names_are_refused(data, val, columns):
    with pytest.raises(DataError, match=r"val has the .* training data have .*same names"):
        found(data, val, columns)


@pytest.mark.parametrize("transform", [None, lambda x: 2 * x])
def test_fit_measures_the_same_in_any_order(transform):
    x = torch.randn(20, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1.0, 7.0)
    frame = pandas.DataFrame(x.numpy(), columns=list("abcdef"))

    def measured(val):
        options = {"epochs": 1, "transform": transform, **QUIET}
        return fit(*pair(*networks()), frame, val=val, **options).history[0]["val"]

    assert measured(frame[list("fedcba")]) == measured(frame) == measured(x)
