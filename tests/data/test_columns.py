"""Places and names of the tensors of a batch."""

import numpy as np
import pytest

from pyrovae.data.columns import positions
from pyrovae.errors import ConfigError


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (0, [0]),
        (-1, [2]),
        ("b", [1]),
        (["c", 0], [2, 0]),
        ((1, 1), [1, 1]),
        (np.int64(2), [2]),
        (np.arange(2).tolist(), [0, 1]),
    ],
)
def test_places_and_names(columns, found):
    assert positions(columns, 3, ["a", "b", "c"]) == found


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        ("d", "abc", r"'d' is not among \['a', 'b', 'c'\]"),
        (3, "abc", "3 is not among"),
        ("a", "", "hold 3 tensors without names; give places from 0 to 2"),
        (-4, "", "-4 is asked for"),
        ([], "", "columns is empty"),
        (True, "", "columns holds True"),
        (1.0, "", "columns holds 1.0"),
        ([None], "abc", "columns holds None"),
    ],
)
def test_what_is_not_there_is_refused(columns, names, message):
    with pytest.raises(ConfigError, match=message):
        positions(columns, 3, list(names))
