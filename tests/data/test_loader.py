"""DataLoaders under the protocol of Batches."""

import itertools
import random

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from pyrovae.data import LoaderBatches
from pyrovae.errors import ConfigError, DataError


def shuffled(n=23, size=5):
    data = TensorDataset(torch.arange(float(n)))
    return DataLoader(data, batch_size=size, shuffle=True, generator=torch.Generator())


def values(batches, epoch, start=0):
    return [x.tolist() for (x,) in batches.epoch(epoch, start)]


def test_an_epoch_covers_the_data_and_resumes():
    one = LoaderBatches(shuffled(), seed=1, device="cpu")
    two = LoaderBatches(shuffled(), seed=1, device="cpu")
    assert len(one) == 5 and one.num_data == 23
    whole = values(one, 4)
    assert sorted(sum(whole, [])) == list(range(23))
    torch.rand(3)
    assert values(two, 4, start=2) == whole[2:]
    assert values(two, 4) == whole and values(two, 5) != whole
    assert values(LoaderBatches(shuffled(), seed=2, device="cpu"), 4) != whole
    assert values(one, 4, start=5) == []


def test_tensors_and_pairs_are_tuples():
    class Plain(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return torch.full((2,), float(index))

    (first,) = next(LoaderBatches(DataLoader(Plain(), 2), device="cpu").epoch(0))
    assert first.shape == (2, 2)
    pairs = DataLoader(TensorDataset(torch.zeros(4, 2), torch.arange(4)), 2)
    x, y = next(LoaderBatches(pairs, device="cpu").epoch(0, 1))
    assert x.shape == (2, 2) and y.tolist() == [2, 3]


def test_what_a_sampler_picks_is_what_counts():
    data = TensorDataset(torch.arange(10.0))
    loader = DataLoader(data, 2, sampler=SubsetRandomSampler([1, 3, 5]))
    assert LoaderBatches(loader, device="cpu").num_data == 3


def test_a_distributed_sampler_is_told_the_epoch_and_counts_all_data():
    data = TensorDataset(torch.arange(20.0))
    ranks = [
        LoaderBatches(DataLoader(data, 5, sampler=DistributedSampler(data, 2, r)), device="cpu")
        for r in range(2)
    ]
    assert [rank.num_data for rank in ranks] == [20, 20] and len(ranks[0]) == 2
    parts = [sum(values(rank, 3), []) for rank in ranks]
    assert sorted(sum(parts, [])) == list(range(20))
    assert sum(values(ranks[0], 4), []) != parts[0]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(torch.arange(6.0))


class Counted(Stream):
    def __len__(self):
        return 6


def test_an_iterable_dataset_with_a_length():
    batches = LoaderBatches(DataLoader(Counted(), 4), device="cpu")
    assert batches.num_data == 6 and values(batches, 0) == [[0, 1, 2, 3], [4, 5]]


def test_a_stream_is_counted_once():
    class Passes(Stream):
        count = 0

        def __iter__(self):
            self.count += 1
            return super().__iter__()

    stream = Passes()
    before = torch.random.get_rng_state()
    batches = LoaderBatches(DataLoader(stream, 4), device="cpu")
    assert torch.equal(before, torch.random.get_rng_state())
    assert (batches.num_data, len(batches), batches.smallest, stream.count) == (6, 2, 2, 1)
    assert values(batches, 0) == [[0, 1, 2, 3], [4, 5]] and values(batches, 1, 1) == [[4, 5]]
    assert stream.count == 3


def test_an_endless_stream_has_the_number_that_is_given():
    class Endless(IterableDataset):
        def __iter__(self):
            return iter(map(float, itertools.count()))

    batches = LoaderBatches(DataLoader(Endless(), 4), num_data=10, device="cpu")
    assert batches.num_data == 10 and values(batches, 3, 1) == [[4, 5, 6, 7], [8, 9, 10, 11]]
    batches = LoaderBatches(DataLoader(Endless(), 4, drop_last=True), num_data=10, device="cpu")
    assert len(values(batches, 0)) == len(batches) == 2


def test_a_stream_that_ends_early_is_refused():
    batches = LoaderBatches(DataLoader(Stream(), 4), num_data=9, device="cpu")
    with pytest.raises(DataError, match=r"Stream ended after 2 of 3 batches \(9 data\)"):
        values(batches, 0)


@pytest.mark.parametrize(
    ("loader", "number", "message"),
    [
        (DataLoader(Counted(), 4), 7, "holds 6 data, and num_data=7"),
        (DataLoader(Stream(), 4), 0, "num_data=0, needs 1 or more"),
        (DataLoader(Stream(), None), 6, "makes its own batches"),
    ],
)
def test_a_number_of_data_that_cannot_be_is_refused(loader, number, message):
    with pytest.raises(ConfigError, match=message):
        LoaderBatches(loader, num_data=number)


def test_a_dataset_is_told_the_epoch_by_the_convention_of_samplers():
    class Told(Stream):
        def set_epoch(self, epoch):
            self.epoch = epoch

        def __iter__(self):
            return iter(torch.arange(3.0) + 10 * self.epoch)

    batches = LoaderBatches(DataLoader(Told(), 4), device="cpu")
    assert values(batches, 2) == [[20, 21, 22]]


def test_dicts_become_tuples_in_their_order_or_what_is_named():
    class Named(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return {"image": torch.full((2,), float(index)), "label": index, "name": "a"}

    loader = DataLoader(Named(), 2)
    for columns, place in (("label", 0), (["image", "label"], 1), (1, 0), ([0, 1], 1)):
        batch = next(LoaderBatches(loader, columns=columns, device="cpu").epoch(0, 1))
        assert batch[place].tolist() == [2, 3] and len(batch) == place + 1
    with pytest.raises(DataError, match="'name': 'list'"):
        next(LoaderBatches(loader, device="cpu").epoch(0))
    with pytest.raises(ConfigError, match=r"'x' is not among \['image', 'label', 'name'\]"):
        next(LoaderBatches(loader, columns="x", device="cpu").epoch(0))


@pytest.mark.parametrize(
    ("collate", "message"),
    [
        (lambda rows: {"x": "a"}, "yields dict of {'x': 'str'}"),
        (lambda rows: "a", "yields str"),
        (lambda rows: [torch.zeros(2), "a"], r"yields list of \['Tensor', 'str'\]"),
        (lambda rows: (), r"yields tuple of \[\]"),
    ],
)
def test_items_that_are_no_tensors_are_refused(collate, message):
    loader = DataLoader(TensorDataset(torch.zeros(4)), 2, collate_fn=collate)
    with pytest.raises(DataError, match=message):
        next(LoaderBatches(loader, device="cpu").epoch(0))


def test_a_start_outside_the_epoch_is_refused():
    with pytest.raises(DataError, match="start=6 .* 5 batches"):
        LoaderBatches(shuffled(), device="cpu").epoch(0, 6)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("kind", ["shuffle", "weighted", "batch sampler"])
def test_the_order_is_the_same_with_any_number_of_workers(own, kind):
    def batches(workers, **options):
        data = TensorDataset(torch.arange(23.0))
        generator = torch.Generator() if own else None
        if kind == "shuffle":
            options |= {"batch_size": 5, "shuffle": True, "generator": generator}
        elif kind == "weighted":
            drawn = WeightedRandomSampler(torch.rand(23), 23, generator=generator)
            options |= {"batch_size": 5, "sampler": drawn}
        else:
            drawn = BatchSampler(RandomSampler(data, generator=generator), 5, drop_last=False)
            options |= {"batch_sampler": drawn}
        return LoaderBatches(DataLoader(data, num_workers=workers, **options), device="cpu")

    torch.manual_seed(0)
    alone = batches(0)
    torch.manual_seed(0)
    expected = [values(alone, epoch) for epoch in range(2)]
    assert expected[0] != expected[1]
    for options in ({}, {"persistent_workers": True}):
        torch.manual_seed(0)
        found = batches(2, **options)
        torch.rand(3)
        assert values(found, 0, start=2) == expected[0][2:]
        assert [values(found, epoch) for epoch in range(2)] == expected


class Noisy(Dataset):
    """Draws from torch, numpy and Python."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return torch.tensor([torch.randn(()).item(), np.random.randn(), random.gauss(0, 1)])


class NoisyStream(IterableDataset):
    def __iter__(self):
        return (torch.randn(2) + np.random.randn() + random.random() for _ in range(12))


class Draws:
    """A sampler that draws from torch's own stream."""

    def __init__(self, at_once):
        self.at_once = at_once

    def __len__(self):
        return 12

    def __iter__(self):
        if self.at_once:
            return iter(torch.randperm(12).tolist())
        return (torch.randint(12, ()).item() for _ in range(12))


NOISY = {
    "draws": lambda: DataLoader(Noisy(), 4),
    "shuffled": lambda: DataLoader(Noisy(), 4, shuffle=True),
    "one worker": lambda: DataLoader(Noisy(), 4, shuffle=True, num_workers=1),
    "two workers": lambda: DataLoader(Noisy(), 4, num_workers=2),
    "stream": lambda: DataLoader(NoisyStream(), 4),
    "stream in a worker": lambda: DataLoader(NoisyStream(), 4, num_workers=1),
    "sampler": lambda: DataLoader(TensorDataset(torch.arange(12)), 4, sampler=Draws(False)),
    "sampler, at once": lambda: DataLoader(
        TensorDataset(torch.arange(12)), 4, sampler=Draws(True)
    ),
    "rows": lambda: DataLoader(TensorDataset(torch.arange(12)), None, sampler=Draws(True)),
}


def of_process():
    return torch.randn(2).tolist(), np.random.randn(), random.gauss(0, 1)


@pytest.mark.parametrize("kind", NOISY)
def test_draws_depend_on_seed_and_epoch_and_leave_the_process_alone(kind):
    def rows(batches, epoch, start=0):
        return [x.tolist() for (x,) in batches.epoch(epoch, start)]

    np.random.seed(0), random.seed(0), torch.manual_seed(0)
    np.random.randn(), random.gauss(0, 1)
    state = np.random.get_state(), random.getstate(), torch.get_rng_state()
    expected = of_process()
    np.random.set_state(state[0]), random.setstate(state[1]), torch.set_rng_state(state[2])
    whole = rows(LoaderBatches(NOISY[kind](), seed=1, num_data=12, device="cpu"), 2)
    assert of_process() == expected
    again = LoaderBatches(NOISY[kind](), seed=1, num_data=12, device="cpu")
    found = []
    for batch in again.epoch(2, 1):
        of_process()  # a step draws between two batches
        found.append(batch[0].tolist())
    assert found == whole[1:] and len(whole) > 1
    assert rows(again, 3) != whole
    assert rows(LoaderBatches(NOISY[kind](), seed=2, num_data=12, device="cpu"), 2) != whole


def test_a_sampler_draws_the_same_order_with_any_number_of_workers():
    def order(at_once, workers):
        loader = DataLoader(
            TensorDataset(torch.arange(12)), 12, sampler=Draws(at_once), num_workers=workers
        )
        return values(LoaderBatches(loader, device="cpu"), 1)

    for at_once in (True, False):
        assert order(at_once, 0) == order(at_once, 1)


@pytest.mark.parametrize(("drop_last", "length"), [(False, 4), (True, 3)])
def test_data_of_a_batch_sampler_are_those_of_its_sampler(drop_last, length):
    picked = BatchSampler(SubsetRandomSampler(range(17)), 5, drop_last)
    loader = DataLoader(TensorDataset(torch.arange(57.0)), batch_sampler=picked)
    source = LoaderBatches(loader, device="cpu")
    assert (source.num_data, len(source), source.drop_last) == (17, length, drop_last)
