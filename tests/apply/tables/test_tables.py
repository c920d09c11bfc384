"""Rows that a pair makes, and tables that it fills in."""

import pandas as pd
import polars as pl
import pytest
import torch

from pyrovae.apply import imputed, synthesise
from pyrovae.errors import ConfigError, DataError
from pyrovae.models import VAE, TableVAE

PAIR = TableVAE.example()
ROWS = pd.DataFrame({
    "t": [0.25, None, 1.5], "income": [None, 3.25, 1.0], "children": [1, None, 3],
    "size": ["S", "M", None], "smokes": ["no", None, "yes"], "colour": [None, "red", "blue"],
}, index=[7, 8, 9])  # fmt: skip


def test_rows_are_made_by_their_seed():
    one, other = (synthesise(PAIR, 5, seed=3) for _ in range(2))
    assert one.equals(other) and not one.equals(synthesise(PAIR, 5, seed=4))
    assert list(one.columns) == PAIR.table.names and set(one["smokes"]) <= {"no", "yes"}
    before = torch.get_rng_state()
    synthesise(PAIR, 5, seed=3)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("kind", ["pandas", "polars", "dict"])
def test_a_table_is_filled_in(kind):
    frame = {"pandas": ROWS, "polars": pl.from_pandas(ROWS),
             "dict": {name: ROWS[name].tolist() for name in ROWS}}[kind]  # fmt: skip
    made = imputed(PAIR, frame, num_particles=50, seed=0)
    assert type(made) is type(frame)
    table = pd.DataFrame({name: list(made[name]) for name in ROWS})
    assert not table.isna().any().any()
    for name in ROWS:
        there = ROWS[name].notna().to_numpy()
        assert table[name][there].tolist() == ROWS[name][there].tolist()
    if kind == "pandas":
        assert made.index.tolist() == [7, 8, 9]


def test_columns_may_come_in_another_order():
    turned = ROWS[ROWS.columns[::-1]]
    made = imputed(PAIR, turned, num_particles=50, seed=0)
    assert list(made.columns) == list(turned.columns)
    pd.testing.assert_frame_equal(
        made[ROWS.columns], imputed(PAIR, ROWS, num_particles=50, seed=0)
    )


def test_several_imputations_differ_in_what_was_missing():
    several = imputed(PAIR, ROWS, draws=8, num_particles=50, seed=0)
    assert len(several) == 8
    assert all(table["t"].iloc[0] == 0.25 for table in several)
    assert len({table["t"].iloc[1] for table in several}) > 1


def test_errors():
    with pytest.raises(ConfigError, match="synthesise got VAE, which has no to_columns"):
        synthesise(VAE.example(), 3)
    with pytest.raises(ConfigError, match="draws=0; it needs one or more"):
        imputed(PAIR, ROWS, draws=0)
    with pytest.raises(DataError, match="'colour' holds 'pink'"):
        imputed(PAIR, ROWS.assign(colour="pink"))
    made = imputed(PAIR, ROWS.assign(colour="pink"), unseen="missing", num_particles=20)
    assert set(made["colour"]) <= {"blue", "green", "red"}


def test_other_columns_of_a_table_stay(tmp_path):
    pair = TableVAE.example()
    rows = pair.to_columns(pair.generate(4))
    rows["t"] = [1.25, None, None, 2.5]
    frame = pd.DataFrame({"id": list("abcd"), **rows}, index=[7, 3, 3, 1])
    frame["day"] = pd.Timestamp("2024-05-06")
    found = imputed(pair, frame, num_particles=5)
    assert list(found) == list(frame) and found["t"].notna().all()
    assert found["id"].tolist() == list("abcd") and (found["day"] == frame["day"]).all()
    frame.to_csv(tmp_path / "rows.csv", index=False)
    assert list(imputed(pair, tmp_path / "rows.csv", num_particles=5)) == list(frame)
