"""Values of cells, by the names of their columns."""

import pytest

from pyrovae.runtime.values import named_values, value_of


@pytest.mark.parametrize(
    ("cell", "value"),
    [("12", 12), ("-1.5", -1.5), ("1,200", 1200), ("1e-3", 1e-3), ("-", None), ("?", None),
     ("a, b", "a, b"), ("1,2", "1,2"), ("3 of 4", "3 of 4"), ("", None)],
)  # fmt: skip
def test_values(cell, value):
    assert value_of(cell) == value and type(value_of(cell)) is type(value)


def test_errors_get_the_name_of_what_they_are_of():
    head = ["", "AUROC", "+-", "PSNR"]
    assert named_values(head, ["elbo", "0.9", "0.1", "a +- b"]) == {
        "name": "elbo", "AUROC": 0.9, "AUROC +-": 0.1, "PSNR": "a +- b",
    }  # fmt: skip
