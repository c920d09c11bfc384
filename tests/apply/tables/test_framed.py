"""Tables that are filled in keep what was observed, and the types of their columns."""

import numpy as np
import pandas
import polars
import pytest
import torch

from pyrovae.apply import imputed
from pyrovae.apply.tables.framed import filled
from pyrovae.data import TableColumns
from pyrovae.models import TableVAE


def test_types_of_pandas_columns_are_kept() -> None:
    frame = pandas.DataFrame(
        {
            "whole": pandas.array([1, None, 3, 0], dtype="Int64"),
            "truth": pandas.array([True, None, False, True], dtype="boolean"),
            "kind": pandas.Categorical(["u", None, "v", "u"], categories=["z", "u", "v"]),
            "id": [2**60 + 1, 2**60, 5, 7],
        },
        index=[3, 3, 1, 2],
    )
    mask = torch.tensor([[True] * 4, [False] * 3 + [True], [True] * 4, [True] * 4])
    values = {"whole": [9] * 4, "truth": [False] * 4, "kind": ["z"] * 4, "id": [0] * 4}
    made = filled(frame, mask, values)
    assert (made.dtypes == frame.dtypes).all() and list(made.index) == [3, 3, 1, 2]
    assert made.iloc[1].tolist() == [9, False, "z", 2**60]
    assert made.iloc[0].tolist() == [1, True, "u", 2**60 + 1]
    values["kind"] = ["w"] * 4  # no category of the type
    assert filled(frame, mask, values)["kind"].tolist() == ["u", "w", "v", "u"]


def test_whole_numbers_of_polars_take_fractions() -> None:
    frame = polars.DataFrame({"x": [3, None, -2], "y": [1.0, 2.0, None]})
    mask = torch.tensor([[True, True], [False, True], [True, False]])
    made = filled(frame, mask, {"x": [0.5] * 3, "y": [4.0] * 3})
    assert made.to_dict(as_series=False) == {"x": [3, 0.5, -2], "y": [1.0, 2.0, 4.0]}


@pytest.mark.parametrize("names", [[0, 1], [1, 0]])
def test_columns_that_are_named_by_numbers(names: list[int]) -> None:
    table = np.random.default_rng(0).normal(size=(30, 2))
    table[0, 1] = np.nan
    frame = pandas.DataFrame(table)
    vae = TableVAE(2, 1, columns=TableColumns.of(frame))
    made = imputed(vae, frame[names], num_particles=5)
    assert list(made.columns) == names and not made.isna().any().any()
    assert (made.loc[1:] == frame.loc[1:, names]).all().all() and made.loc[0, 0] == table[0, 0]
