"""A user's own batches are taken as they are, and checked."""

import numpy as np
import pytest
import torch

from pyrovae.data import BatchSource, batches, rows
from pyrovae.errors import ConfigError, DataError
from tests.kinds import Source

X = torch.arange(40.0).reshape(20, 2)


class Own:
    """Yields what it is given."""

    def __init__(self, items, num_data=20, length=None):
        self.items, self.num_data, self.length = items, num_data, length

    def __len__(self):
        return len(self.items) if self.length is None else self.length

    def epoch(self, epoch, start=0):
        yield from self.items[start:]


def test_an_object_with_three_members_is_a_source():
    assert isinstance(Own([]), BatchSource)
    source = batches(Source(X), 99, device="cpu")
    assert (len(source), source.num_data, source.smallest, source.checksum()) == (
        3,
        20,
        None,
        None,
    )
    assert [len(x) for (x,) in source.epoch(0, 1)] == [7, 6]
    assert torch.equal(rows(Source(X))[:][0], X)


@pytest.mark.parametrize(
    "item", [X, (X,), [X], {"x": X}, X.numpy(), (X.numpy().astype(">f4"),), {"x": np.asarray(X)}]
)
def test_batches_may_be_tensors_arrays_tuples_lists_or_dicts(item):
    (found,) = batches(Own([item]), 1, device="cpu").epoch(0)
    assert isinstance(found, tuple) and torch.equal(found[0], X)


def test_columns_pick_from_dicts_and_tuples():
    item = {"x": X, "y": torch.arange(20), "name": ["a"] * 20}
    for columns in ("y", 1, ["y"]):
        ((y,),) = batches(Own([item]), 1, columns=columns, device="cpu").epoch(0)
        assert y.tolist() == list(range(20))


def test_an_epoch_without_start_is_begun_from_its_beginning():
    class NoStart(Own):
        def epoch(self, epoch):
            return iter([x + epoch for x in self.items])

    source = batches(NoStart([X, X, X]), 1, device="cpu")
    assert [float(x[0, 0]) for (x,) in source.epoch(2, 1)] == [2.0, 2.0]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Own([X], num_data=0), "Own: num_data is 0, needs a whole number above 0"),
        (Own([X], num_data=2.5), "num_data is 2.5"),
        (Own([X], num_data=None), "num_data is None"),
        (Own([]), r"len\(\) is 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(source, message):
    with pytest.raises(ConfigError, match=message):
        batches(source, 1)


def test_an_epoch_that_is_no_method_is_refused():
    source = Own([X])
    source.epoch = [X]
    with pytest.raises(ConfigError, match=r"needs epoch\(epoch, start=0\)"):
        batches(source, 1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Own([3.0]), "yields float, needs a tensor"),
        (Own([(X, "a")]), r"yields tuple of \['Tensor', 'str'\]"),
        (Own([()]), r"yields tuple of \[\]"),
        (Own([{"x": None}]), "yields dict of {'x': 'NoneType'}"),
        (Own([(X, X[:3])]), r"yields tensors of shapes \[\[20, 2\], \[3, 2\]\]"),
        (Own([torch.tensor(1.0)]), r"yields tensors of shapes \[\[\]\]"),
        (Own([X[:0]]), r"yields tensors of shapes \[\[0, 2\]\]"),
        (Own([X], length=2), r"says len\(\) = 2, and epoch 0 ended after 1"),
        (Own([X, X], length=1), r"says len\(\) = 1, and epoch 0 from batch 0 goes on"),
    ],
)
def test_what_is_yielded_is_checked(source, message):
    with pytest.raises(DataError, match=message):
        list(batches(source, 1, device="cpu").epoch(0))


def test_what_lacks_a_member_is_told_all_three():
    class Half:
        def __len__(self):
            return 3

        def epoch(self, epoch, start=0):
            yield X

    with pytest.raises(
        DataError, match=r"got Half, .*num_data, len\(\) and epoch\(epoch, start\)"
    ):
        batches(Half(), 1)


def test_a_start_outside_the_epoch_and_drop_last_are_refused():
    with pytest.raises(DataError, match="start=4 lies outside an epoch of 3"):
        batches(Source(X), 1, device="cpu").epoch(0, 4)
    with pytest.raises(ConfigError, match="drop_last=True, and the Source keeps its last batch"):
        batches(Source(X), 1, drop_last=True)
