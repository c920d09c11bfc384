"""Columns of tables: what they are taken for, cells as numbers and back, and errors."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from pyrovae.data import TableColumns
from pyrovae.data.tables import TableColumn
from pyrovae.errors import ConfigError, DataError

N = 200
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({
    "t": RNG.normal(size=N),
    "height": RNG.normal(170, 8, N),
    "income": RNG.lognormal(3, 1, N),
    "kids": RNG.poisson(1.5, N),
    "year": RNG.integers(1990, 2021, N),
    "below": RNG.integers(-5, 5, N),
    "colour": RNG.choice(["red", "green", "blue"], N),
    "sex": RNG.choice(["f", "m"], N),
    "code": RNG.choice([1, 2], N),
    "smokes": RNG.random(N) < 0.3,
    "size": pd.Categorical(RNG.choice(["S", "M", "L"], N), ["S", "M", "L"], ordered=True),
    "form": pd.Categorical(RNG.choice(["x", "y", "z"], N), ["z", "y", "x", "w"]),
})  # fmt: skip
KINDS = {
    "t": "real", "height": "real", "income": "positive", "kids": "count", "year": "real",
    "below": "real", "colour": "categorical", "sex": "binary", "code": "binary",
    "smokes": "binary", "size": "ordinal", "form": "categorical",
}  # fmt: skip


def holes(frame, share=0.2):
    return frame.mask(np.random.default_rng(1).random(frame.shape) < share)


def kinds_of(columns):
    return {column.name: column.kind for column in columns}


FORMS = [FRAME, holes(FRAME), pl.from_pandas(holes(FRAME).drop(columns="size"))]


@pytest.mark.parametrize("frame", FORMS, ids=["whole", "holes", "polars"])
def test_kinds_are_inferred(frame):
    found = kinds_of(TableColumns.of(frame))
    assert found == {name: KINDS[name] for name in frame.columns}


def test_what_a_column_holds():
    columns = {column.name: column for column in TableColumns.of(FRAME)}
    assert columns["size"].values == ("S", "M", "L")
    assert columns["form"].values == ("z", "y", "x", "w")  # as its type says
    assert columns["colour"].values == ("blue", "green", "red")
    assert columns["smokes"].values == (False, True) and columns["code"].values == (1, 2)
    for name, seen in (("height", np.asarray), ("income", np.log), ("kids", np.log1p)):
        values = seen(FRAME[name].to_numpy())
        found = columns[name].shift, columns[name].scale
        np.testing.assert_allclose(found, (values.mean(), values.std()), rtol=1e-12)


def test_a_user_says_what_it_is():
    found = TableColumns.of(
        FRAME[["kids", "code", "colour", "year"]],
        kinds={"kids": "ordinal", "code": "count", "year": "positive"},
        levels={"colour": ["red", "blue", "green"]},
    )
    assert [c.kind for c in found] == ["ordinal", "count", "ordinal", "positive"]
    assert found[0].values == tuple(sorted(set(FRAME["kids"]))) and found[2].values[0] == "red"


@pytest.mark.parametrize("frame", [FRAME, holes(FRAME)], ids=["whole", "holes"])
def test_there_and_back(frame):
    columns = TableColumns.of(frame)
    columns = TableColumns.from_json(columns.to_json())
    assert columns == TableColumns.of(frame) and hash(columns) == hash(TableColumns.of(frame))
    x, mask = columns.encode(frame)
    assert x.dtype == torch.float32 and x.isfinite().all()
    assert np.array_equal(mask.numpy(), frame.notna().to_numpy())
    back = columns.frame(x, mask)
    for name in frame.columns:
        there = frame[name].notna().to_numpy()
        one, other = frame[name][there].tolist(), back[name][there].tolist()
        assert back[name].isna().to_numpy().tolist() == (~there).tolist()
        if columns[list(frame.columns).index(name)].is_number:
            np.testing.assert_allclose(np.array(one, float), other, rtol=1e-6)
        else:
            assert one == other, name


def test_pandas_polars_and_dicts_are_read_alike():
    frame = holes(FRAME).drop(columns=["size", "form"])
    columns = TableColumns.of(frame)
    forms = [
        frame,
        pl.from_pandas(frame),
        {n: frame[n].tolist() for n in frame},
        frame[frame.columns[::-1]],
    ]
    made = [columns.encode(each) for each in forms]
    for x, mask in made[1:]:
        assert torch.equal(x, made[0][0]) and torch.equal(mask, made[0][1])
    assert TableColumns.of(forms[1]) == columns == TableColumns.of(forms[2])


class TestChangedColumns:
    columns = TableColumns.of(FRAME)

    def test_names(self):
        with pytest.raises(
            DataError, match="\\['t'\\] of the training are not there, and \\['T'\\]"
        ):
            self.columns.encode(FRAME.rename(columns={"t": "T"}))
        dated = FRAME.assign(extra=pd.Timestamp("2024-05-06"))  # not read, so not refused
        assert all(map(torch.equal, self.columns.encode(dated), self.columns.encode(FRAME)))
        with pytest.raises(DataError, match="\\['kids'\\] of the training are not there"):
            self.columns.encode(FRAME.drop(columns="kids"))

    def test_categories_that_training_did_not_see(self):
        frame = FRAME[:5].assign(colour=["red", "pink", "blue", "pink", None])
        says = "column 'colour' holds 'pink' in row 1, .* \\(2 such cells\\); it knows 'blue'"
        with pytest.raises(DataError, match=says):
            self.columns.encode(frame)
        _, mask = self.columns.encode(frame, unseen="missing")
        assert mask[:, 6].tolist() == [True, False, True, False, False]
        with pytest.raises(ConfigError, match='give "error" or "missing"'):
            self.columns.encode(frame, unseen="drop")

    @pytest.mark.parametrize(
        ("name", "values", "says"),
        [
            ("t", ["a", "b"], "'t' was real in training and now holds text, such as 'a'"),
            ("colour", [1.0, 2.0], "'colour' holds 1 in row 0"),
            ("income", [1.0, -3.5], "'income' is positive .* the first is -3.5 in row 1"),
            ("kids", [1.5, 2.0], "'kids' is count and needs whole numbers from 0"),
            ("kids", [1.0, -2.0], "'kids' is count"),
        ],
    )
    def test_kinds(self, name, values, says):
        with pytest.raises(DataError, match=says):
            self.columns.encode(FRAME[:2].assign(**{name: values}))

    def test_tensors_of_another_table(self):
        with pytest.raises(DataError, match="no rows of 12 columns"):
            self.columns.decode(torch.zeros(3, 4))


class TestErrors:
    @pytest.mark.parametrize(
        ("frame", "says"),
        [
            ({"a": [1.0, 2.5], "b": [None, None]}, "\\['b'\\] have no value in the training rows"),
            ({"a": [1.0, 2.5], "b": ["x", "x"]}, "\\['b'\\] have one value"),
            ({"a": [1.0, float("inf")]}, "'a' holds 1 infinite values, the first in row 1"),
            ({"a": [1.0, "x"]}, "'a' holds values of several kinds .*float such as 1.0, str"),
            ({"a": [True, "x", 2]}, "several kinds"),
            ({"a": [[1], [2]]}, "has shape \\(2, 1\\), and needs one value a row"),
            ({"a": [{1}, {2}]}, "of an unknown one \\(set"),
            ({"a": [datetime.date(2020, 1, 1), None]}, "'a' holds dates; make numbers"),
            (pd.DataFrame({"a": pd.to_datetime(["2020-01-01", "2020-01-02"])}), "holds datetime"),
            (pl.DataFrame({"a": [datetime.date(2020, 1, 1)]}), "'a' holds Date; make numbers"),
            (pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns 'a'; rename them"),
            ({"a": [1, 2], "b": [1]}, "\\[1, 2\\] rows"),
            ({}, "has no columns"),
            ([1, 2], "the table is list, and must be a data frame"),
            ({"a": [str(i) + "?" for i in range(60)]}, "60 different text .* leave it out"),
            ({"a": [str(i) for i in range(60)]}, "all of them read as numbers"),
            (
                {"a": [str(i) for i in range(60)] + ["?"] * 3},
                "'\\?' stands 3 times: is that a miss",
            ),
            ({"a": [1e9, 1e9 + 1.5, 1e9 - 1]}, "digits of float32 do not tell apart"),
        ],
    )
    def test_tables_that_cannot_be_used(self, frame, says):
        with pytest.raises(DataError, match=says):
            TableColumns.of(frame)

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"kinds": {"x": "real"}}, "kinds: there is no column 'x'"),
            ({"levels": {"x": [1]}}, "levels: there is no column 'x'"),
            ({"kinds": {"a": "date"}}, "kind 'date' is not known; give one of real"),
            ({"kinds": {"b": "real"}}, "'b' is called real and holds text, such as 'u'"),
            ({"kinds": {"b": "ordinal"}}, "the order is not known; .* \\['u', 'v', 'w'\\]"),
            ({"kinds": {"b": "binary"}}, "'b' is binary and has the values"),
            ({"kinds": {"a": "real"}, "levels": {"a": [1, 2]}}, "numbers have no levels"),
            ({"levels": {"b": ["u", "u"]}}, "each once"),
        ],
    )
    def test_words(self, options, says):
        with pytest.raises(ConfigError, match=says):
            TableColumns.of({"a": [1.0, 2.5, 4.0], "b": ["u", "v", "w"]}, **options)

    def test_two_columns_of_one_name(self):
        with pytest.raises(ConfigError, match="of different names"):
            TableColumns([TableColumn("a", "real")] * 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.arange(30).astype("datetime64[ns]"), "dates|datetime64"),
        (np.arange(30).astype("timedelta64[ns]"), "timedelta64"),
        (1e300 * np.arange(1, 31.5), "float32"),
        (1e40 * np.exp(np.arange(30.0)), "float32"),
        (1e-50 * np.exp(np.arange(30.0)), "float32"),
        (1e-50 * np.arange(-15.0, 15.0), "float32"),
    ],
)
def test_what_rows_of_float32_cannot_hold_is_refused(values, message):
    with pytest.raises(DataError, match=message):
        columns = TableColumns.of({"a": values})
        columns.encode({"a": values})


@pytest.mark.parametrize("kind", ["real", "positive", "count"])
def test_numbers_that_float32_does_not_tell_apart(kind):
    with pytest.raises(DataError, match="subtract"):
        TableColumns.of({"a": 1_000_000_000.0 + np.arange(60)}, kinds={"a": kind})


def test_masked_cells_of_numpy_are_missing():
    rows = {
        "a": np.ma.masked_array([1.5, -99.0, 2.5, 4.0], mask=[False, True, False, False]),
        "b": np.ma.masked_array(["u", "v", "-", "v"], mask=[False, False, True, False]),
    }
    columns = TableColumns.of(rows)
    mask = columns.encode(rows)[1]
    assert mask.tolist() == [[True, True], [False, True], [True, False], [True, True]]
    assert columns[1].values == ("u", "v")


def test_text_that_reads_as_numbers_is_remarked():
    assert "reads as numbers" in str(TableColumns.of({"a": ["1.5", "2", "NA", "3"] * 5}))
    assert "reads as numbers" not in str(TableColumns.of({"a": ["x", "y", "z"] * 5}))
    assert "spaces at its ends" in str(TableColumns.of({"a": ["x", " NA ", "z"] * 5}))


def test_rows_of_a_file_and_the_way_out_of_a_missing_column(tmp_path):
    columns = TableColumns.of(FRAME)
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    assert columns.encode(tmp_path / "rows.csv")[0].shape == (len(FRAME), len(columns))
    lacking = FRAME.drop(columns="t")
    with pytest.raises(DataError, match=r"frame\['t'\] = \[None\] \* len\(frame\)"):
        columns.encode(lacking)
    lacking["t"] = [None] * len(lacking)
    place = columns.names.index("t")
    assert not columns.encode(lacking)[1][:, place].any()
