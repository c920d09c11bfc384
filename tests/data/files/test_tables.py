"""Tables in files, as people write them."""

import sys

import numpy as np
import pandas
import pytest
import torch

from pyrovae.data import arrays, rows
from pyrovae.errors import ConfigError, DataError

TABLE = pandas.DataFrame({"a": [1.5, 2, 3], "b": [4, 5, 6], "c": ["x", "y", "z"]})
NUMBERS = torch.tensor([[1.5, 4], [2, 5], [3, 6]], dtype=torch.float64)
TEXTS = {
    "commas": "a,b\n1.5,4\n2,5\n3,6\n",
    "semicolons": "a;b\n1.5;4\n2;5\n3;6\n",
    "tabs": "a\tb\n1.5\t4\n2\t5\n3\t6\n",
    "no names": "1.5,4\n2,5\n3,6\n",
    "equal first numbers": "1.5,1.5\n2,5\n",
    "row numbers": ",a,b\n0,1.5,4\n1,2,5\n2,3,6\n",
    "a mark of bytes": "\ufeffa,b\n1.5,4\n2,5\n3,6\n",
    "quotes": '"a, of all",b\n1.5,4\n2,5\n3,6\n',
    "carriage returns": "a,b\r\n1.5,4\r\n2,5\r\n3,6\r\n",
}


@pytest.fixture(params=["pandas", "polars"])
def library(request, monkeypatch):
    if request.param == "polars":
        monkeypatch.setitem(sys.modules, "pandas", None)
        monkeypatch.setitem(sys.modules, "pyarrow", None)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("kind", TEXTS)
def test_csv_as_programs_write_it(kind, tmp_path):
    (tmp_path / "x.csv").write_text(TEXTS[kind], encoding="utf-8", newline="")
    expected = torch.tensor([[1.5, 1.5], [2, 5]]) if kind == "equal first numbers" else NUMBERS
    assert torch.equal(rows(tmp_path / "x.csv")[:][0], expected.double())
    assert arrays(tmp_path / "x.csv", val=0, test=0).train.x.shape == expected.shape


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_columns_by_name(suffix, tmp_path):
    path = tmp_path / f"x.{suffix}"
    if suffix == "parquet":
        TABLE.to_parquet(path)
    else:
        TABLE.to_csv(path, index=False, sep="\t" if suffix == "tsv" else ",")
    with pytest.raises(DataError, match=r"x.\w+\): column 'c' is of type str, .* columns="):
        rows(path)
    assert torch.equal(rows(path, columns=["a", "b"])[:][0], NUMBERS)
    assert torch.equal(rows(str(path), columns="b")[:][0], NUMBERS[:, 1].long())
    assert sorted(arrays(path, columns=["b"], val=0, test=0).train.x.tolist()) == [[4], [5], [6]]


@pytest.mark.usefixtures("library")
def test_holes_in_a_csv_are_missing_values(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n,3\n4,5\n")
    with pytest.raises(
        DataError, match="column 'a': 1 of 3 values are missing, the first in row 1"
    ):
        rows(tmp_path / "x.csv")
    train = arrays(tmp_path / "x.csv", missing=True, val=0, test=0).train
    assert train.y[train.x[:, 1].argsort()].tolist() == [[True, True], [False, True], [True, True]]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00a", b'a,b\n"1,2\n3', b"a,b\n1,2,3\n4\n"])
def test_what_is_no_table_is_refused(content, tmp_path):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(DataError, match="x.csv"):
        rows(tmp_path / "x.csv")


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.h5"])
def test_a_library_that_is_not_installed_is_named(name, tmp_path, monkeypatch):
    (tmp_path / name).write_bytes(b"a,b\n1,2\n")
    for module in ("pandas", "polars", "h5py"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"not installed; run pip install 'pyrovae\[data\]'"):
        rows(tmp_path / name)


def test_parquet_of_polars(tmp_path, monkeypatch):
    pandas.DataFrame(np.eye(3), columns=["a", "b", "c"]).to_parquet(tmp_path / "x.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert torch.equal(rows(tmp_path / "x.parquet")[:][0], torch.eye(3, dtype=torch.float64))
