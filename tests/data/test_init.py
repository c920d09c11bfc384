"""The factory picks the right kind of batches."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from pyrovae.data import Batches, LoaderBatches, Split, arrays, batches, rows
from pyrovae.errors import ConfigError, DataError


def test_what_is_in_memory_becomes_batches():
    x, y = torch.zeros(10, 2), torch.arange(10)
    for data, width in ((x, 1), ((x, y), 2), (Split(x, y), 1), (Split(x, y).labelled(), 2)):
        source = batches(data, 4, drop_last=True, device="cpu")
        assert isinstance(source, Batches) and len(source) == 2 and source.num_data == 10
        assert len(next(source.epoch(0))) == width
    whole = batches(arrays(x), 4, device="cpu")
    assert whole.num_data == 8  # of a dataset, train
    assert batches(whole, 99) is whole


class Items(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def test_torch_datasets_of_tensors_are_in_memory():
    data = TensorDataset(torch.arange(10.0), torch.arange(10))
    for found, expected in ((data, 10), (Subset(data, [3, 1, 7]), 3)):
        source = batches(found, 4, device="cpu")
        assert isinstance(source, Batches) and source.num_data == expected
        for x, y in source.epoch(0):
            assert torch.equal(x, y.float())


def test_torch_datasets_and_loaders_become_loader_batches():
    data = Items(torch.arange(10.0))
    one, two = (batches(data, 3, seed=5, device="cpu") for _ in range(2))
    assert isinstance(one, LoaderBatches) and len(one) == 4
    orders = [[x.tolist() for (x,) in s.epoch(e)] for s, e in ((one, 0), (two, 0), (one, 1))]
    assert orders[0] == orders[1] != orders[2]
    in_order = batches(data, 5, shuffle=False, device="cpu")
    assert [x.tolist() for (x,) in in_order.epoch(0)][1] == [5, 6, 7, 8, 9]
    assert len(batches(data, 3, drop_last=True, device="cpu")) == 3
    loader = DataLoader(data, 2)
    assert len(batches(loader, 7, device="cpu")) == 5
    kept = LoaderBatches(loader)
    assert batches(kept, 7) is kept


def test_an_iterable_dataset_keeps_its_order():
    class Counted(IterableDataset):
        def __iter__(self):
            return iter(torch.arange(3.0))

        def __len__(self):
            return 3

    (x,) = next(batches(Counted(), 3, device="cpu").epoch(0))
    assert x.tolist() == [0, 1, 2]


@pytest.mark.parametrize("data", [None, 3, object(), iter([torch.zeros(2)])])
def test_anything_else_is_refused_with_what_is_taken(data):
    for way in (batches, lambda data, size: rows(data)):
        with pytest.raises(DataError, match=f"got {type(data).__name__}, needs tensors, .* path"):
            way(data, 2)


@pytest.mark.parametrize("data", [torch.zeros(3), TensorDataset(torch.zeros(3))])
def test_a_batch_holds_at_least_one_row(data):
    with pytest.raises(ConfigError, match="batch_size=0"):
        batches(data, 0)


def test_empty_torch_datasets_are_refused():
    with pytest.raises(DataError, match="TensorDataset is empty"):
        batches(TensorDataset(torch.zeros(0)), 2)
    with pytest.raises(DataError, match="Items is empty"):
        batches(Items(torch.zeros(0)), 2)
    with pytest.raises(DataError, match="3 data make no batch"):
        batches(Items(torch.zeros(3)), 4, drop_last=True)
    with pytest.raises(DataError, match="3 rows make no whole batch"):
        batches(TensorDataset(torch.zeros(3)), 4, drop_last=True)
