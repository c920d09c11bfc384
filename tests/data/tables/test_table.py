"""The data set of a table: splits, masks, what it supplies, files, dropped rows."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
import torch

from pyrovae import data
from pyrovae.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({
    "id": np.arange(100) + 1000.5, "colour": RNG.choice(["r", "g", "b"], 100),
    "kids": RNG.poisson(2.0, 100),
})  # fmt: skip


def test_rows_with_their_masks():
    frame = FRAME.mask(RNG.random(FRAME.shape) < 0.2)
    frame.iloc[7] = None
    bare = int(frame.isna().all(axis=1).sum())
    found = data.table(frame, val=0.2, test=15, seed=3)
    assert [len(s) for s in (found.train, found.val, found.test)] == [65 - bare, 20, 15]
    assert found.info["dropped_rows"] == bare and found.train.y.dtype == torch.bool
    assert found.shape == (3,) and found.train.y.any(1).all()
    columns = data.TableColumns.from_json(json.loads(json.dumps(found.supplies["columns"])))
    rows = pd.concat([columns.frame(s.x, s.y) for s in (found.train, found.val, found.test)])
    there = rows[rows["id"].notna()].sort_values("id").reset_index(drop=True)
    known = frame[frame["id"].notna()].sort_values("id").reset_index(drop=True)
    np.testing.assert_allclose(there["id"], known["id"])
    assert there["colour"].fillna("").tolist() == known["colour"].fillna("").tolist()


def test_scales_are_those_of_the_training_rows():
    found = data.table(FRAME, val=30, test=30)
    x = found.train.x[:, 0].double()
    held = found.supplies["columns"][0]
    assert abs(held["shift"] - float(x.mean())) < 1e-3
    assert abs(held["scale"] - float(x.std(correction=0))) < 1e-3
    assert held["shift"] != pytest.approx(FRAME["id"].mean(), abs=1e-3)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files(tmp_path, form):
    path = tmp_path / f"rows.{form}"
    getattr(FRAME, f"to_{form}")(path, index=False)
    found, known = data.table(path), data.table(FRAME)
    assert torch.equal(found.train.x, known.train.x) and found.supplies == known.supplies


def test_some_of_the_columns():
    found = data.table(FRAME, columns=["kids", "colour"], kinds={"kids": "ordinal"})
    assert [(c["name"], c["kind"]) for c in found.supplies["columns"]] == [
        ("kids", "ordinal"), ("colour", "categorical")]  # fmt: skip
    with pytest.raises(ConfigError, match="'age' is not among .'id', 'colour', 'kids'."):
        data.table(FRAME, columns=["age"])


def test_a_category_of_held_out_rows_alone():
    frame = FRAME.assign(colour=["z"] + ["r", "g", "b"] * 33)
    seed = next(s for s in range(100) if 1000.5 not in data.table(
        frame.assign(colour="r g".split() * 50), seed=s).train.x[:, 0])  # fmt: skip
    with pytest.raises(DataError, match="'colour' holds 'z' in row 0, which training did not see"):
        data.table(frame, seed=seed)
    found = data.table(frame, seed=seed, unseen="missing")
    held = torch.cat([found.val.y, found.test.y])
    assert int((~held).sum()) == 1 and found.train.y.all()


def test_what_was_inferred_is_in_the_log(caplog):
    with caplog.at_level(logging.INFO, "pyrovae"):
        data.table(pd.concat([FRAME, pd.DataFrame({"id": [None]})]))
    assert "1 of 101 rows have no value and are dropped" in caplog.text
    assert "colour  categorical  'b', 'g', 'r'" in caplog.text


def test_errors():
    with pytest.raises(DataError, match="no row with a value"):
        data.table({"a": [None, None]})
    with pytest.raises(DataError, match="val=1.5 is no share"):
        data.table(FRAME, val=1.5)


@pytest.mark.parametrize(("value", "rest"), [("z", ["u", "v"]), (-1.5, [1.0, 90.0])])
def test_messages_name_the_row_of_the_table(value, rest):
    """Rows without a value are dropped first."""
    rows = {"a": [None] * 10 + rest * 44 + [value]}
    kinds = {} if value == "z" else {"a": "positive"}
    with pytest.raises(DataError, match="in row 98"):
        for seed in range(9):  # until the row is none of the training
            data.table(rows, val=0.4, test=0.4, kinds=kinds, seed=seed)
