"""What is given becomes the same numbers, or an error: nothing is converted in silence."""

import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset as TorchDataset

from pyrovae.data import Batches, Split, arrays
from pyrovae.errors import DataError
from pyrovae.evaluate import log_evidence

X = np.arange(12.0).reshape(6, 2)
HALF = np.ma.masked_array(X, mask=[[False, True]] * 6)
SIZES = {"val": 1, "test": 1}


class Items(TorchDataset):
    def __init__(self, items):
        self.items = list(items)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def masked_tensor():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls them a prototype
        return torch.masked.masked_tensor(torch.tensor(X), torch.tensor(X) > 3)


def every(made):
    """All rows in their order."""
    return torch.cat([made.train.x, made.val.x, made.test.x]).sort(0).values


REFUSED = {
    "masked array": (lambda: arrays(HALF, **SIZES), "6 values are masked"),
    "masked labels": (
        lambda: arrays(X, np.ma.masked_array(np.arange(6), mask=[1, 0, 0, 0, 0, 0]), **SIZES),
        "y is an array of which 1 values are masked",
    ),
    "masked rows": (lambda: arrays(list(HALF), **SIZES), "1 values are masked"),
    "masked items": (lambda: arrays(Items(HALF), **SIZES), "1 values are masked"),
    "a masked label of an item": (
        lambda: arrays(Items((row, np.ma.masked) for row in X), **SIZES),
        "y is an array of which 1",
    ),
    "MaskedTensor": (lambda: arrays(masked_tensor(), **SIZES), "MaskedTensor"),
    "MaskedTensor in a split": (lambda: Split(masked_tensor()), "MaskedTensor"),
    "MaskedTensor in batches": (lambda: Batches(masked_tensor(), 2, device="cpu"), "MaskedT"),
    "MaskedTensor measured": (
        lambda: log_evidence(lambda x: None, lambda x: None, masked_tensor()),
        "MaskedTensor",
    ),
    "uint64 beyond int64": (
        lambda: arrays(np.full((6, 2), 2**63 + 1, dtype=np.uint64), **SIZES),
        "holds 9223372036854775809",
    ),
    "uint64 labels": (
        lambda: arrays(X, np.full(6, 2**64 - 1, dtype=np.uint64), **SIZES),
        "y holds 18446744073709551615",
    ),
    "uint64 tensor of labels": (
        lambda: arrays(X, torch.full((6,), 2**63, dtype=torch.uint64), **SIZES),
        "y holds 9223372036854775808",
    ),
    "uint32 tensor": (
        lambda: arrays(torch.full((6, 2), 2**32 - 1, dtype=torch.uint32), **SIZES),
        "holds 4294967295, and float32 has no such number",
    ),
    "integers beyond float32": (
        lambda: arrays(np.full((6, 2), 2**24 + 1), **SIZES),
        "holds 16777217, and float32 has no such number",
    ),
    "listed integers": (lambda: arrays([[2**24 + 1, 1]] * 6, **SIZES), "16777217"),
    "an integer tensor": (lambda: arrays(torch.full((6, 2), -(2**25) - 1), **SIZES), "-33554433"),
    "the largest int64": (lambda: arrays(torch.full((6, 2), 2**63 - 1), **SIZES), "92233720368"),
    "a float beyond float32": (lambda: arrays([[1e39, 1.0]] * 6, **SIZES), "1e.39, which is bey"),
    "an integer beyond int64": (lambda: arrays([[2**70, 1]] * 6, **SIZES), "Overflow"),
    "complex": (lambda: arrays(X.astype(complex), **SIZES), "complex128"),
    "complex tensor": (lambda: arrays(torch.tensor(X + 1j), **SIZES), "complex numbers"),
    "complex list": (lambda: arrays([[1j, 1]] * 6, **SIZES), "complex numbers"),
    "objects": (lambda: arrays(X.astype(object), **SIZES), "dtype object"),
    "strings": (lambda: arrays(X.astype(str), **SIZES), "encode categories"),
    "listed strings": (lambda: arrays([["1", "2"]] * 6, **SIZES), "numbers only"),
    "dates": (lambda: arrays(X.astype("datetime64[s]"), **SIZES), "datetime64"),
    "None": (lambda: arrays([[None, 1.0]] * 6, **SIZES), "numbers only"),
    "long double": (lambda: arrays(X.astype(np.longdouble), **SIZES), "at most 64 bits"),
    "sparse split": (lambda: Split(torch.tensor(X).to_sparse()), "sparse tensor"),
    "float8": (
        lambda: arrays(torch.tensor(X).float().to(torch.float8_e4m3fn), **SIZES),
        "for storage",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_a_sentence(what):
    make, words = REFUSED[what]
    with pytest.raises(DataError, match=words):
        make()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64, np.int8, np.bool_])
def test_small_integers_are_exact(dtype):
    high = min(2**24, 1 if dtype is np.bool_ else np.iinfo(dtype).max)
    source = np.full((6, 2), high).astype(dtype)
    assert every(arrays(source, **SIZES)).tolist() == [[float(high)] * 2] * 6
    if dtype is not np.bool_:
        assert every(arrays(torch.from_numpy(source), **SIZES)).unique().tolist() == [high]
    y = arrays(X, source[:, 0], **SIZES).train.y
    assert y.dtype == torch.int64 and y.unique().tolist() == [high]


def test_large_whole_numbers_that_float32_holds_are_kept():
    for number in (2**24, 2**40, -(2**62), -(2**63)):
        made = arrays(np.full((6, 1), number), **SIZES)
        assert made.train.x.double().unique().tolist() == [float(number)]


def test_floats_stay_what_they_are():
    wide = X + 1e300
    assert every(arrays(wide, **SIZES)).tolist() == wide.tolist()
    assert every(arrays(X.astype(">f8"), **SIZES)).tolist() == X.tolist()
    assert arrays(X.astype(np.float16), **SIZES).train.x.dtype == torch.float16


def test_an_array_of_which_nothing_is_masked_is_its_data():
    for mask in (np.ma.nomask, np.zeros((6, 2), dtype=bool)):
        assert every(arrays(np.ma.masked_array(X, mask=mask), **SIZES)).tolist() == X.tolist()


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.uint8])
@pytest.mark.parametrize("how", [lambda x: x, list, Items])
def test_what_is_masked_may_be_what_was_not_observed(kind, how):
    source = np.ma.masked_array(X.astype(kind), mask=[[False, True]] * 6)
    made = arrays(how(source), missing=True, **SIZES)
    assert made.train.y.tolist() == [[True, False]] * 4
    assert (made.train.x[:, 1] == 0).all()
    assert set(every(made)[:, 0].tolist()) == set(X[:, 0])


def test_a_row_of_which_all_is_masked_says_nothing():
    mask = np.zeros((6, 2), dtype=bool)
    mask[2] = True
    with pytest.raises(DataError, match="first is row 2"):
        arrays(np.ma.masked_array(X, mask=mask), missing=True, **SIZES)
