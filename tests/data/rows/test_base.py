"""What all rows share."""

import pytest
import torch

from pyrovae.data import rows
from pyrovae.errors import DataError

X, Y = torch.arange(40.0).reshape(20, 2), torch.arange(20)


@pytest.mark.parametrize(
    ("some", "message"),
    [
        (3, "not by 3"),
        ([1, 2], r"not by \[1, 2\]"),
        (torch.tensor(3), "not by tensor"),
        (torch.zeros(2), "not by tensor"),
        (torch.tensor([0, 20]), "rows 0 to 20 are asked for, and there are 20"),
        (torch.tensor([-1]), "rows -1 to -1"),
    ],
)
def test_what_are_no_rows_is_refused(some, message):
    with pytest.raises(DataError, match=message):
        rows(X)[some]


def test_picked_rows_are_those_of_the_places():
    found = rows((X, Y, -X))
    assert found.width == 3
    for places in ([2, 0], [1], [1, 1]):
        picked = found.pick(places)
        assert picked.width == len(places) and len(picked) == 20
        for tensor, place in zip(picked[3:5], places, strict=True):
            assert torch.equal(tensor, found[3:5][place])
        assert picked.to("cpu").checksum() == rows(found[:]).pick(places).checksum()


@pytest.mark.parametrize("size", [2, 6])
def test_a_mask_has_a_value_for_each_row(size):
    with pytest.raises(DataError, match=f"mask of {size} values, and there are 5 rows"):
        rows(torch.arange(5.0))[torch.arange(size) == 0]
    mask = torch.tensor([True, False, True, False, False])
    assert rows(torch.arange(5.0))[mask][0].tolist() == [0.0, 2.0]


def test_uint8_is_neither_a_mask_nor_numbers():
    with pytest.raises(DataError, match=r"mask\.bool\(\)"):
        rows(torch.arange(5.0))[torch.tensor([1, 0, 1, 0, 0], dtype=torch.uint8)]
