"""Counts and documents of every form, and what is refused."""

import numpy as np
import pytest
import scipy.sparse
import torch

from pyrovae import data
from pyrovae.data import SparseSplit
from pyrovae.errors import ConfigError, DataError

X = np.random.default_rng(0).poisson(0.7, (40, 6))
X[:, 0] += 1  # no row is empty
Y = np.arange(40) % 3


def equal(one, other):
    return all(
        torch.equal(getattr(one, name).x, getattr(other, name).x)
        and (one.train.y is None or torch.equal(getattr(one, name).y, getattr(other, name).y))
        for name in ("train", "val", "test")
    )


def test_every_form_is_the_same_data(tmp_path):
    import pandas as pd

    sparse = scipy.sparse.csr_matrix(X)
    scipy.sparse.save_npz(tmp_path / "sparse.npz", sparse)
    np.save(tmp_path / "dense.npy", X)
    np.savez(tmp_path / "both.npz", x=X, y=Y)
    found = data.counts(sparse)
    assert isinstance(found.train, SparseSplit) and found.train.x.dtype == torch.float32
    assert sorted(len(s) for s in (found.train, found.val, found.test)) == [4, 4, 32]
    forms = [sparse.tocsc(), sparse.tocoo(), X, torch.tensor(X), torch.tensor(X).to_sparse(),
             tmp_path / "sparse.npz", str(tmp_path / "dense.npy"), X.astype("uint16"),
             pd.DataFrame(X)]  # fmt: skip
    assert all(equal(data.counts(form), found) for form in forms)
    labelled = [data.counts(sparse, Y), data.counts(tmp_path / "both.npz"), data.counts((X, Y))]
    assert all(equal(each, labelled[0]) for each in labelled)
    whole = torch.cat([labelled[0].train.x, labelled[0].val.x, labelled[0].test.x])
    assert torch.equal(whole.sum(0), torch.tensor(X).sum(0).float())


def test_names_of_columns(tmp_path):
    import pandas as pd

    names = [f"gene {i}" for i in range(6)]
    (tmp_path / "genes.txt").write_text("\n".join(names))
    for found in (
        data.counts(X, vocabulary=names),
        data.counts(X, vocabulary=tmp_path / "genes.txt"),
        data.counts(pd.DataFrame(X, columns=names)),
    ):
        assert found.supplies == {"vocabulary": names}
    with pytest.raises(DataError, match="names 2 columns, and the data have 6"):
        data.counts(X, vocabulary=["a", "b"])
    with pytest.raises(DataError, match="missing.txt cannot be read"):
        data.counts(X, vocabulary=tmp_path / "missing.txt")


def test_what_is_no_count_is_refused_by_its_place():
    bad = X.astype(float)
    bad[3, 2] = -2
    with pytest.raises(DataError, match=r"1 entries are negative, .* -2 in row 3, column 2; give"):
        data.counts(bad)
    bad[3, 2] = 0.5
    with pytest.raises(DataError, match=r"no whole number, the first is 0.5 in row 3, column 2"):
        data.counts(scipy.sparse.csr_matrix(bad))
    bad[3, 2] = np.inf
    with pytest.raises(DataError, match="infinite or not a number"):
        data.counts(scipy.sparse.csr_matrix(bad))
    with pytest.raises(DataError, match=r"a datum has shape \[2, 2\]"):
        data.counts(np.ones((5, 2, 2)))
    with pytest.raises(DataError, match="bring a y of their own"):
        data.counts((X, Y), Y)
    with pytest.raises(DataError, match="y has 3 rows, and the counts have 40"):
        data.counts(X, [0, 1, 2])
    with pytest.raises(ConfigError, match="val=1.5 is no share"):
        data.counts(X, val=1.5)


def test_empty_rows():
    some = X.copy()
    some[[4, 9]] = 0
    with pytest.raises(DataError, match="2 of 40 rows have a total of 0, the first is row 4"):
        data.counts(some, Y)
    found = data.counts(some, Y, drop_empty=True)
    assert found.info["dropped_rows"] == 2
    assert len(found.train) + len(found.val) + len(found.test) == 38


TEXTS = ["The red apple.", "a red car", "blue car, blue bus", "the BUS and the car",
         "apple pie", "red bus"] * 3  # fmt: skip


def test_documents_of_a_file_a_folder_and_a_list(tmp_path):
    (tmp_path / "lines.txt").write_text("\n\n".join(TEXTS))
    folder = tmp_path / "folder"
    folder.mkdir()
    for place, text in enumerate(TEXTS):
        (folder / f"{place:02d}.txt").write_text(text)
    found = [data.documents(source) for source in (TEXTS, tmp_path / "lines.txt", folder)]
    assert all(equal(each, found[0]) for each in found)
    words = found[0].supplies["vocabulary"]
    assert set(words) <= {"apple", "red", "car", "blue", "bus", "pie"}
    assert found[0].info["unknown_words"] == 0 or len(words) < 6


def test_the_vocabulary_is_that_of_the_training_documents():
    texts = [f"shared word{chr(97 + i)} word{chr(97 + i)}" for i in range(20)]
    found = data.documents(texts, val=0, test=5, min_df=1, max_df=1.0)
    assert len(found.supplies["vocabulary"]) == 16  # "shared", and a word for each of 15
    assert found.info["words"] == 60 and found.info["unknown_words"] == 10
    assert torch.equal(found.test.x.sum(-1), torch.ones(5))
    assert list(found.supplies["vocabulary"]) == sorted(found.supplies["vocabulary"])
    kept = data.documents(texts, val=0, test=5, vocabulary=["worda", "wordb"])
    assert kept.info["dropped_documents"] == 18 and kept.shape == (2,)


def test_documents_are_refused(tmp_path):
    for source, message in (
        ([], "holds no documents"),
        ([" ", ""], "holds no documents"),
        ([1, 2], "got a int among the texts"),
        (tmp_path / "none.txt", "cannot be read as text"),
        (["the and of"] * 10, "no vocabulary can be made of 8 training documents"),
    ):
        with pytest.raises(DataError, match=message):
            data.documents(source)
    with pytest.raises(DataError, match="no training document has a word"):
        data.documents(TEXTS, vocabulary=["zebra"])


def test_documents_that_every_python_has():
    found = data.python_documents()
    assert len(found.train) > 500 and len(found.test) > 100
    words = found.supplies["vocabulary"]
    assert {"thread", "socket", "decimal", "widget"} <= set(words)
    assert float(found.train.rows.totals().min()) > 0


def test_batches_that_are_whole_floats_have_sizes_too():
    """A column of a file with a missing value elsewhere is read as floats."""
    x, y = torch.arange(1, 41).reshape(20, 2), torch.arange(20) % 2
    found = [data.counts(x, y=y.to(kind), val=2, test=2) for kind in (torch.int64, torch.float64)]
    assert found[0].supplies["log_sizes"] == found[1].supplies["log_sizes"]
    assert "log_sizes" not in data.counts(x, y=y + 0.5, val=2, test=2).supplies
