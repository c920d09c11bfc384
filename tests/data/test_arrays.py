"""The user's own data, in every form they come in."""

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from pyrovae.data import arrays
from pyrovae.errors import DataError

X = np.arange(40.0, dtype=np.float32).reshape(20, 2)
Y = np.arange(20)


def whole(data):
    parts = (data.train, data.val, data.test)
    x = torch.cat([part.x for part in parts])
    return x, None if data.train.y is None else torch.cat([part.y for part in parts])


def read_only():
    array = X.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "x",
    [
        X,
        torch.from_numpy(X),
        torch.from_numpy(X).requires_grad_(),
        X.tolist(),
        tuple(map(tuple, X.tolist())),
        list(X),
        list(torch.from_numpy(X)),
        X.astype(">f4"),
        X.astype(np.int16),
        X.astype(np.uint64),
        X.astype(int).tolist(),
        X[::-1],
        np.asfortranarray(X),
        read_only(),
        TensorDataset(torch.from_numpy(X)),
    ],
    ids=lambda x: type(x).__name__,
)
def test_every_form_gives_the_same_rows_once(x):
    data = arrays(x, val=3, test=0.25, seed=1)
    assert [len(s) for s in (data.train, data.val, data.test)] == [12, 3, 5]
    values, labels = whole(data)
    assert labels is None and values.dtype == torch.float32 and not values.requires_grad
    assert sorted(values.tolist()) == X.tolist()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_types_are_kept(dtype):
    assert whole(arrays(X.astype(dtype)))[0].numpy().dtype == dtype


def test_booleans_become_zero_and_one():
    assert arrays(X > 20, val=0, test=0).train.x.unique().tolist() == [0.0, 1.0]


class Items(Dataset):
    def __init__(self, item, n=20):
        self.item, self.n = item, n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return self.item(index)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (X, Y),
        (X, Y.tolist()),
        (X, range(20)),
        (X, torch.from_numpy(Y).to(torch.uint8)),
        (TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), None),
        (Items(lambda i: (X[i], i)), None),
        (Items(lambda i: [X[i].tolist(), Y[i]]), None),
        (Items(lambda i: X[i]), Items(lambda i: i)),
    ],
)
def test_labels_stay_with_their_rows(x, y):
    values, labels = whole(arrays(x, y))
    assert labels.dtype == torch.int64
    assert torch.equal(values[:, 0], 2 * labels.float())


def test_real_valued_labels_stay_real():
    assert arrays(X, Y / 2).train.y.dtype == torch.float64


def test_the_seed_decides_the_split_and_sizes_may_be_zero():
    one, two, three = (arrays(X, seed=s).train.x for s in (0, 0, 1))
    assert torch.equal(one, two) and not torch.equal(one, three)
    data = arrays(X, val=0, test=0)
    assert len(data.train) == 20 and len(data.val) == len(data.test) == 0
    assert data.shape == (2,)


def test_later_changes_do_not_reach_the_splits():
    x = X.copy()
    data = arrays(x, val=0, test=0)
    x[:] = -1
    assert (data.train.x >= 0).all()


def test_dynamic_leaves_train_and_draws_the_others_once():
    data = arrays(np.full((20, 3), 0.5), dynamic=True)
    assert data.train.dynamic and not data.test.dynamic
    assert set(data.test.x.flatten().tolist()) <= {0.0, 1.0}
    assert data.info["binarize"] == "dynamic"


def test_files(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    np.savez(tmp_path / "xy.npz", x=X, y=Y)
    np.savez_compressed(tmp_path / "one.npz", whatever=X)
    for x, y in (
        (tmp_path / "x.npy", None),
        (str(tmp_path / "x.npy"), tmp_path / "y.npy"),
        (tmp_path / "xy.npz", None),
        (tmp_path / "one.npz", Y),
    ):
        values, labels = whole(arrays(x, y))
        assert sorted(values.tolist()) == X.tolist()
        assert labels is None or torch.equal(values[:, 0], 2 * labels.float())


def test_damaged_files_are_named(tmp_path):
    np.save(tmp_path / "cut.npy", X)
    np.savez_compressed(tmp_path / "cut.npz", x=X)
    for name in ("cut.npy", "cut.npz"):
        content = (tmp_path / name).read_bytes()
        for keep in (0, 5, len(content) // 2, len(content) - 1):
            (tmp_path / name).write_bytes(content[:keep])
            with pytest.raises(DataError, match=f"{name} is damaged"):
                arrays(tmp_path / name)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    (tmp_path / "cut.npz").write_bytes(flipped)
    with pytest.raises(DataError, match="cut.npz is damaged"):
        arrays(tmp_path / "cut.npz")


def test_other_files_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}, None], dtype=object))
    np.savez(tmp_path / "many.npz", a=X, b=X)
    (tmp_path / "x.txt").write_text("1")
    for name, message in (
        ("objects.npy", "Python objects"),
        ("many.npz", r"holds the arrays \['a', 'b'\], .* pass columns=, such as columns='a'"),
        ("x.txt", r"is none of \.npy, \.npz, \.pt"),
        ("absent.npy", "there is no file .*absent.npy"),
        ("", "is a folder"),
    ):
        with pytest.raises(DataError, match=message):
            arrays(tmp_path / name)


class Endless(Dataset):
    def __getitem__(self, index):
        return 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(x=[[1.0], [1.0, 2.0]]), "ragged"),
        (dict(x=[["a"], ["b"]]), "ragged or hold something other"),
        (dict(x=np.array(["a", "b"])), "dtype <U1"),
        (dict(x=np.zeros(3, dtype=complex)), "dtype complex128"),
        (dict(x=torch.zeros(3, dtype=torch.complex64)), "complex numbers"),
        (dict(x=None), "x holds NoneType"),
        (dict(x={"a": 1}), r"x\['a'\] holds int"),
        (dict(x={"a": X, "b": X, "c": X}), r"holds the arrays \['a', 'b', 'c'\], .* columns='a'"),
        (dict(x=X, y=Y[:3]), "y has 3 rows, x has 20"),
        (dict(x=np.where(X == 7, np.nan, X)), "1 of 20 rows of x .* row 3"),
        (dict(x=[torch.zeros(2), torch.zeros(3)]), r"row 1 of x has shape \[3\], row 0 \[2\]"),
        (dict(x=Items(lambda i: torch.zeros(i + 1))), "row 1 of x has shape"),
        (dict(x=Items(lambda i: (0.0,) * 3)), "hold 3 tensors, .* pass columns="),
        (dict(x=Items(lambda i: 0.0, n=0)), r"have \[\] parts"),
        (dict(x=Items(lambda i: "a")), "x holds str"),
        (dict(x=Endless()), "Endless has no length"),
        (dict(x=Items(lambda i: (X[i], i)), y=Y), "x brings labels of its own"),
        (dict(x=X, y=Items(lambda i: (0, i))), "y holds pairs"),
        (dict(x=X, val=1.0), "val=1.0 is not a share"),
        (dict(x=X, test=-0.1), "test=-0.1 is not a share"),
        (dict(x=X, val=10, test=0.5), "must leave rows for train"),
        (dict(x=X, val=-1), "-1 rows for val"),
        (dict(x=X, dynamic=True), r"probabilities in \[0, 1\]"),
    ],
)
def test_refusals_say_what_came_and_what_to_do(arguments, message):
    with pytest.raises(DataError, match=message):
        arrays(**arguments)
