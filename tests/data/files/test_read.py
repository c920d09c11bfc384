"""Files under any names, with splits where they are there; what is damaged is said."""

import io
import zipfile

import h5py
import numpy as np
import pytest
import torch

from pyrovae.data import arrays, batches, rows
from pyrovae.errors import ConfigError, DataError

X, Y = np.arange(60.0, dtype=np.float32).reshape(30, 2), np.arange(30)
PARTS = {
    "x_train": X[:15], "y_train": Y[:15], "x_val": X[15:20], "y_val": Y[15:20],
    "x_test": X[20:], "y_test": Y[20:],
}  # fmt: skip
DAMAGED = {"npy": "x.npy", "npz": "x.npz", "pt": "x.pt", "parquet": "x.parquet", "h5": "x.h5"}
WAYS = {"arrays": arrays, "batches": lambda path: batches(path, 3), "rows": rows}


def npz(folder, **parts):
    np.savez(folder / "x.npz", **parts)
    return folder / "x.npz"


def pt(folder, **parts):
    torch.save({name: torch.tensor(part) for name, part in parts.items()}, folder / "x.pt")
    return folder / "x.pt"


def h5(folder, **parts):
    with h5py.File(folder / "x.h5", "w") as file:
        for name, part in parts.items():
            file["/".join(reversed(name.split("_")))] = part  # train/x
    return folder / "x.h5"


FORMATS = {"npz": npz, "pt": pt, "h5": h5}


@pytest.mark.parametrize("save", FORMATS)
def test_splits_of_a_file_are_kept(save, tmp_path):
    path = FORMATS[save](tmp_path, **PARTS)
    data = arrays(path)
    for split, rows_ in ((data.train, Y[:15]), (data.val, Y[15:20]), (data.test, Y[20:])):
        assert sorted(split.y.tolist()) == rows_.tolist()
        assert np.array_equal(split.x.numpy(), X[split.y])
    assert data.train.y.tolist() != Y[:15].tolist()  # in random order
    assert np.array_equal(rows(path)[:][0], X[20:])
    (x,) = next(batches(path, 15, shuffle=False, device="cpu").epoch(0))
    assert np.array_equal(x, X[:15])
    x, y = next(batches(path, 15, columns=["x", "y"], shuffle=False, device="cpu").epoch(0))
    assert np.array_equal(x, X[:15]) and np.array_equal(y, Y[:15])
    assert arrays(path, columns="x").train.y is None
    assert sorted(arrays(path, columns="y").val.x.tolist()) == Y[15:20].tolist()


def test_what_a_file_has_not_is_cut_off_its_training_data(tmp_path):
    path = npz(tmp_path, train=X[:20], test=X[20:])
    data = arrays(path, val=4)
    assert [len(s) for s in (data.train, data.val, data.test)] == [16, 4, 10]
    found = torch.cat([data.train.x, data.val.x])
    assert sorted(found.tolist()) == X[:20].tolist()
    data = arrays(npz(tmp_path, train=X[:20], valid=X[20:]), test=0.1)
    assert [len(s) for s in (data.train, data.val, data.test)] == [18, 10, 2]
    with pytest.raises(DataError, match="none is of the test data; pass columns="):
        rows(npz(tmp_path, train=X[:20], valid=X[20:]))


@pytest.mark.parametrize("save", FORMATS)
def test_names_that_say_nothing_need_columns(save, tmp_path):
    path = FORMATS[save](tmp_path, mask=X, picture=X + 1)
    for way in WAYS.values():
        with pytest.raises(DataError, match=r"\['mask', 'picture'\], .* pass columns=, such as"):
            way(path)
    assert np.array_equal(rows(path, columns="picture")[:][0], X + 1)
    assert np.array_equal(rows(path, columns=["picture", "mask"])[:][1], X)
    assert np.array_equal(rows(path, columns=0)[:][0], X)
    assert (arrays(path, columns=["picture", "mask"]).train.y % 1 == 0).all()
    with pytest.raises(ConfigError, match="'none' is not among"):
        rows(path, columns="none")


def test_names_in_a_file_name_its_arrays_beside_their_roles(tmp_path):
    path = npz(tmp_path, **PARTS)
    assert np.array_equal(rows(path, columns=["x_val", "y_val"])[:][1], Y[15:20])


def test_tuples_and_lists_of_tensors(tmp_path):
    torch.save((torch.tensor(X), torch.tensor(Y)), tmp_path / "x.pt")
    assert torch.equal(rows(tmp_path / "x.pt")[:][1], torch.tensor(Y))
    torch.save(list(torch.tensor(X)), tmp_path / "x.pt")
    assert torch.equal(rows(tmp_path / "x.pt")[:][0], torch.tensor(X))


def test_groups_of_an_h5_file(tmp_path):
    path = h5(tmp_path, **PARTS)
    assert np.array_equal(rows(f"{path}:/train")[:][0], X[:15])
    assert np.array_equal(rows(f"{path}:val/y")[:][0], Y[15:20])
    with pytest.raises(
        DataError, match=r"has no 'none'; it holds \['test/x', 'test/y', 'train/x'"
    ):
        rows(f"{path}:/none")


def saved(kind, folder):
    if kind == "npy":
        np.save(folder / "x.npy", X)
    elif kind == "parquet":
        import pandas

        pandas.DataFrame(X, columns=["a", "b"]).to_parquet(folder / "x.parquet")
    else:
        FORMATS[kind](folder, x=X, y=Y)
    return folder / f"x.{kind}"


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_files_are_named(kind, tmp_path):
    path = saved(kind, tmp_path)
    content = path.read_bytes()
    for keep in (0, 5, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:keep])
        for way in WAYS.values():
            with pytest.raises(DataError, match=rf"x.{kind} is damaged"):
                way(path)
    path.write_bytes(b"something else" * 100)
    with pytest.raises(DataError, match="damaged"):
        rows(path)


@pytest.mark.parametrize("way", WAYS)
def test_a_header_beyond_the_file_allocates_nothing(way, tmp_path):
    for write in (
        np.lib.format.write_array_header_1_0,
        np.lib.format.write_array_header_2_0,
    ):
        header = io.BytesIO()
        write(header, {"descr": "<f8", "fortran_order": False, "shape": (400_000, 1_000_000)})
        lie = header.getvalue() + bytes(100)  # it declares 2.9 TiB
        (tmp_path / "x.npy").write_bytes(lie)
        with pytest.raises(DataError, match="3,200,000,000,000 bytes, and 100 are there"):
            WAYS[way](tmp_path / "x.npy")
        with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", lie)
        with pytest.raises(DataError, match="x.npy is damaged: .* and 100 are there"):
            WAYS[way](tmp_path / "x.npz")
    for shape in ((-1, 3), (2**62, 2**62)):
        header = io.BytesIO()
        text = {"descr": "<f8", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, text)
        (tmp_path / "x.npy").write_bytes(header.getvalue())
        with pytest.raises(DataError, match="damaged"):
            WAYS[way](tmp_path / "x.npy")


def test_a_part_that_cannot_hold_what_it_says_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=X)
    content = path.read_bytes()
    size = (X.nbytes + 128).to_bytes(4, "little")
    assert size in content
    path.write_bytes(content.replace(size, (2**31 - 1).to_bytes(4, "little")))
    with pytest.raises(DataError, match="says 2,147,483,647 bytes, which .* cannot hold"):
        rows(path)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.pt"])
def test_python_objects_are_not_read(name, tmp_path):
    held = np.array([{"a": 1}, None], dtype=object)
    path = tmp_path / name
    if name == "x.npy":
        np.save(path, held, allow_pickle=True)
    elif name == "x.npz":
        np.savez(path, x=held)
    else:
        torch.save({"x": torch.nn.Linear(2, 2)}, path)
    for way in WAYS.values():
        with pytest.raises(DataError, match="Python objects, which are not read"):
            way(path)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), ()])
def test_files_without_a_number(shape, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(shape))
    found = tmp_path / "x.npy"
    if shape == (3, 0):
        assert rows(found)[:][0].shape == (3, 0)
    else:
        with pytest.raises(DataError, match="is empty|single number"):
            rows(found)


def test_a_large_npy_file_is_mapped_and_a_small_one_is_read(tmp_path, monkeypatch):
    from pyrovae.data.files import npy
    from pyrovae.data.rows.memory_mapped import MappedRows

    np.save(tmp_path / "x.npy", X)
    small = rows(tmp_path / "x.npy")
    monkeypatch.setattr(npy, "SMALL", 100)
    large = rows(tmp_path / "x.npy")
    assert isinstance(large, MappedRows) and not isinstance(small, MappedRows)
    assert large.checksum() == small.checksum() and torch.equal(large[:][0], small[:][0])
