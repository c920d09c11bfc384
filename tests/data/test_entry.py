"""One way in: columns, transforms, streams, what is held out."""

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from pyrovae.data import Batches, Dataset, Split, arrays, batches, digits, held_out, rows
from pyrovae.errors import ConfigError, DataError
from tests.kinds import Items, Plain, Source, Stream, bits

X, Y = torch.tensor(bits()), torch.arange(40)
PAIRS = {
    "tuple": (X, Y),
    "tuple of arrays": (X.numpy(), Y.numpy()),
    "tuple of an array and a list": (X.numpy(), Y.tolist()),
    "dict": {"image": X, "label": Y},
    "dict of arrays": {"image": X.numpy(), "label": Y.numpy()},
    "split": Split(X, Y).labelled(),
    "split without labels": Split(X, Y),
    "TensorDataset": TensorDataset(X, Y),
    "items": Items(zip(X, Y.tolist(), strict=True)),
    "items in lists": Items([x, y] for x, y in zip(X, Y, strict=True)),
    "items in dicts": Items({"image": x, "label": y} for x, y in zip(X, Y.tolist(), strict=True)),
    "no base class": Plain(zip(X, Y.tolist(), strict=True)),
    "stream": Stream(zip(X, Y.tolist(), strict=True)),
    "loader": DataLoader(TensorDataset(X, Y), 7),
    "loader of dicts": DataLoader(
        Items({"image": x, "label": y} for x, y in zip(X, Y.tolist(), strict=True)), 7
    ),
    "Batches": Batches((X, Y), 7, shuffle=False, device="cpu"),
}
NAMED = [name for name in PAIRS if "dict" in name]


def whole(source):
    return [torch.cat(parts) for parts in zip(*source.epoch(0), strict=True)]


def both(data, **options):
    yield whole(batches(data, 7, shuffle=False, device="cpu", **options))
    yield list(rows(data, **options)[:])


@pytest.mark.parametrize("kind", PAIRS)
def test_places_pick_tensors_in_their_order(kind):
    wanted = {0: [X], 1: [Y], -1: [Y], (1, 0): [Y, X], (0, 1): [X, Y]}
    for columns, expected in wanted.items():
        for found in both(PAIRS[kind], columns=columns):
            assert len(found) == len(expected)
            assert all(torch.equal(a, b.to(a.dtype)) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("kind", NAMED)
def test_names_pick_tensors_and_without_them_all_come_in_order(kind):
    for columns, expected in ((None, [X, Y]), ("label", [Y]), (["label", "image"], [Y, X])):
        for found in both(PAIRS[kind], columns=columns):
            assert len(found) == len(expected)
            assert all(torch.equal(a, b.to(a.dtype)) for a, b in zip(found, expected, strict=True))
    for way in (
        lambda: list(both(PAIRS[kind], columns="mask")),
        lambda: rows(PAIRS[kind], columns=2),
    ):
        with pytest.raises(ConfigError, match=r"is not among \['image', 'label'\]"):
            way()


@pytest.mark.parametrize("kind", PAIRS)
def test_arrays_take_x_and_y(kind):
    data = arrays(PAIRS[kind], val=0, test=0).train
    assert torch.equal(data.x, X[data.y])
    swapped = arrays(PAIRS[kind], columns=0, val=0, test=0).train
    assert swapped.y is None and sorted(swapped.x.tolist()) == sorted(X.tolist())


@pytest.mark.parametrize("kind", ["tuple", "stream", "loader", "Batches", "items"])
def test_a_transform_is_called_with_the_tensors_of_a_batch(kind):
    def halved(x, y):
        return x.reshape(len(x), 2, 4) / 2, y, -y

    for x, y, minus in both(PAIRS[kind], transform=halved):
        assert torch.equal(x.reshape(-1, 8), X / 2) and torch.equal(y, Y.to(y.dtype))
        assert torch.equal(minus, -y)
    for (x,) in both(PAIRS[kind], columns=0, transform=lambda x: x + 1):
        assert torch.equal(x, X + 1)


def test_a_transform_sees_the_binary_draws_of_the_split():
    data = digits(binarize="dynamic")
    flat = batches(data, 100, transform=lambda x: x.flatten(1), device="cpu")
    plain = batches(data, 100, device="cpu")
    for (x,), (image,) in zip(flat.epoch(3), plain.epoch(3), strict=True):
        assert torch.equal(x, image.flatten(1)) and set(x.unique().tolist()) == {0.0, 1.0}
    assert (len(flat), flat.num_data, flat.smallest) == (len(plain), plain.num_data, 97)
    assert flat.checksum() == plain.checksum()


@pytest.mark.parametrize("columns", ["y", ["y", "x"], 1, [1, 0]])
def test_columns_of_a_dynamic_split_are_picked_after_the_draws(columns):
    split = Split(torch.full((40, 5), 0.5), Y, dynamic=True)
    batch = next(batches(split, 40, columns=columns, device="cpu").epoch(0))
    assert sorted(batch[0].tolist()) == list(range(40))
    if len(batch) == 2:
        assert set(batch[1].unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda x: None, "returned NoneType"),
        (lambda x: (), "returned tuple of"),
        (lambda x: (x, 3), r"returned tuple of \['Tensor', 'int'\]"),
        (lambda x: x.sum(), r"made \[\] of a batch of 7 rows"),
        (lambda x: x[:3], r"made \[3, 8\] of a batch of 7 rows"),
    ],
)
def test_what_a_transform_makes_is_checked(transform, message):
    with pytest.raises(DataError, match=message):
        next(batches(X, 7, transform=transform, device="cpu").epoch(0))
    with pytest.raises(DataError, match="transform <lambda>"):
        rows(X, transform=transform)[:7]


def test_rows_of_a_dynamic_split_are_refused_with_the_way_out():
    with pytest.raises(DataError, match=r"split.binarized\(seed\)"):
        rows(Split(torch.rand(4, 2), dynamic=True))


def test_of_a_dataset_training_takes_train_and_measuring_takes_test():
    train, val, test = (Split(part) for part in (X[:20], X[20:30], X[30:]))
    data = Dataset("parts", train, val, test)
    assert batches(data, 5, device="cpu").num_data == 20
    assert torch.equal(rows(data)[:][0], test.x)
    assert held_out(data) is val
    assert held_out(Dataset("parts", train, val[:0], test)) is None and held_out(X) is None


def test_the_validation_data_of_a_file_are_found(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=X[:20], x_valid=X[20:30], x_test=X[30:])
    np.savez(tmp_path / "b.npz", x=X)
    found = held_out(tmp_path / "a.npz")
    assert torch.equal(found[:][0], X[20:30])
    parts = {"x_train": X[:20], "y_train": Y[:20], "x_val": X[20:], "y_val": Y[20:]}
    np.savez(tmp_path / "c.npz", **parts)
    for columns, expected in ((None, [X]), ("y", [Y]), (["y", "x"], [Y, X]), (1, [Y])):
        held = held_out(tmp_path / "c.npz", columns)
        found = rows(held, columns=columns)[:]
        assert all(torch.equal(a, b[20:]) for a, b in zip(found, expected, strict=True))
    assert held_out(tmp_path / "c.npz", "x_val") is None
    assert held_out(tmp_path / "b.npz") is None and held_out(str(tmp_path / "c.npy")) is None


@pytest.mark.parametrize(
    ("data", "number", "given"),
    [
        (X, 40, 41),
        (Stream(X), 40, 0),
        (DataLoader(TensorDataset(X), 4), 40, 39),
        (Source(X), 40, 3),
    ],
)
def test_the_number_of_data_is_counted_or_checked(data, number, given):
    assert batches(data, 7, num_data=number, device="cpu").num_data == number
    with pytest.raises(ConfigError, match=f"num_data={given}"):
        batches(data, 7, num_data=given, device="cpu")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.array(3.0), "single number"),
        (torch.tensor(3.0), "single number"),
        (np.float64(3), "single number"),
        (np.array([np.zeros(2), np.zeros(3)], dtype=object), "dtype object"),
        (np.array(["a", "b"]), "dtype <U1"),
        (np.zeros(3, complex), "dtype complex128"),
        (np.zeros(3, np.longdouble), "at most 64 bits"),
        (np.full(3, 2**64 - 1, np.uint64), "holds 18446744073709551615"),
        (np.ma.masked_array(np.zeros(3), mask=[0, 1, 0]), "1 values are masked"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64"),
        (torch.zeros(3, dtype=torch.complex64), "complex"),
        ([[1.0], [1.0, 2.0]], "ragged"),
        ([torch.zeros(2), torch.zeros(3)], r"row 1 of data has shape \[3\], row 0 \[2\]"),
        ((torch.zeros(2), torch.zeros(3)), r"tensors with \[2, 3\] rows"),
        ({"x": torch.zeros(2), "y": torch.zeros(3)}, r"\{'x': 2, 'y': 3\} rows"),
        ({"x": X, "y": "abc"}, "there is no file .*abc"),
        ({"x": X, "y": None}, r"data\['y'\] is NoneType"),
        ((X, None), r"data\[1\] is NoneType"),
        ({}, "data is empty"),
        ((), "empty"),
        ([], "empty"),
        (np.zeros((0, 3)), "ndarray is empty"),
        ("mnist", "there is no file .*mnist"),
        (b"abc", "got bytes"),
        (Items(["a", "b"]), "an item is str"),
        (Items([[X[0], None]]), "part 1 of an item is NoneType"),
    ],
)  # fmt: skip
def test_refusals(data, message):
    with pytest.raises(DataError, match=message):
        rows(data)[:]


@pytest.mark.parametrize("take", [tuple, np.array])
def test_a_tuple_is_several_tensors_and_a_list_is_one(take):
    first, second = [0.1, 0.2, 0.3], [0, 1, 0]
    for found in both((take(first), take(second))):
        assert [tensor.tolist() for tensor in found] == [pytest.approx(first), second]
    train = arrays((first, second)).train
    pairs = sorted(zip(train.x.tolist(), train.y.tolist(), strict=True))
    assert pairs == [pytest.approx(pair) for pair in zip(first, second, strict=True)]
    for found in both([first, second]):
        assert [list(tensor.shape) for tensor in found] == [[2, 3]]
    for found in both(([[1.0, 2.0], [3.0, 4.0]], ((5.0,), (6.0,)))):
        assert [list(tensor.shape) for tensor in found] == [[2, 2], [2, 1]]


def test_a_tuple_of_unequal_lists_and_of_numbers_is_refused():
    for read in (rows, lambda data: batches(data, 2)):
        with pytest.raises(DataError, match=r"tensors with \[3, 2\] rows"):
            read(([0.1, 0.2, 0.3], [0, 1]))
        with pytest.raises(DataError, match=r"\[0\] is float, needs an array"):
            read((0.1, 0.2))


def test_numbers_of_items_have_one_type_in_training_and_measuring():
    items = [(0.1, 3, True, np.float32(2), torch.ones(2)) for _ in range(4)]
    for kind in (Items, Plain):
        trained, measured = both(kind(items))
        assert [t.dtype for t in trained] == [t.dtype for t in measured]
        assert torch.equal(trained[0], torch.full([4], 0.1, dtype=torch.float64))


def test_measuring_through_a_loader_keeps_the_random_state():
    torch.manual_seed(3)
    expected = torch.rand(2)
    for shuffle in (False, True):
        torch.manual_seed(3)
        rows(DataLoader(TensorDataset(X), 7, shuffle=shuffle))
        assert torch.equal(torch.rand(2), expected)


def test_whole_numbers_are_kept_or_refused():
    big = 2**24 + 1
    cases = [
        [[big, 0.5]],
        [[[1, 2.5]], [[3, -big]]],
        [torch.tensor([big]), torch.tensor([0.5])],
        Items([torch.tensor([0.5]), torch.tensor([big])]),
        DataLoader([torch.tensor([big]), torch.tensor([0.5])], 1),
    ]
    for data in cases:
        with pytest.raises(DataError, match=f"{big}, and float32 has no such number"):
            rows(data)
            rows(data)[:]
    assert rows([[big, 1]])[:][0].tolist() == [[big, 1]]
    assert rows([[big - 1, 0.5, 1e30]])[:][0].tolist() == [[big - 1, 0.5, pytest.approx(1e30)]]


@pytest.mark.parametrize("way", ["path", "group"])
def test_groups_of_a_file_have_their_own_validation_data(tmp_path, way):
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file["set/one/x_train"], file["set/one/x_val"] = X.numpy(), X[:3].numpy() + 1
    with h5py.File(tmp_path / "all.h5") as file:
        group = f"{tmp_path}/all.h5:/set/one" if way == "path" else file["set/one"]
        assert torch.equal(held_out(group)[:][0], X[:3] + 1)
        whole_file = f"{tmp_path}/all.h5:/set/one/x_train"
        assert held_out(whole_file if way == "path" else file["set/one/x_train"]) is None
