"""Values that were read from a file are checked by name, type and range."""

import pytest

from pyrovae.errors import CheckpointError
from pyrovae.runtime.fields import real, rows, table, tables, text, whole

HELD = {"n": 3, "x": 0.5, "s": "a", "d": {"k": 1}, "l": [1], "dd": [{"k": 1}], "b": True}


def test_what_fits_is_given():
    assert whole(HELD, "n") == 3 and real(HELD, "x") == 0.5 and real(HELD, "n", 3) == 3
    assert text(HELD, "s") == "a" and table(HELD, "d") == {"k": 1}
    assert rows(HELD, "l") == [1] and tables(HELD, "dd") == [{"k": 1}]


@pytest.mark.parametrize(("read", "name", "needed"), [
    (lambda h, n: whole(h, n), "x", "a whole number of at least 0"),
    (lambda h, n: whole(h, n), "b", "a whole number"),
    (lambda h, n: whole(h, n, 4), "n", "of at least 4"),
    (lambda h, n: whole(h, n, 0, 2), "n", "from 0 to 2"),
    (lambda h, n: real(h, n), "s", "a finite number"),
    (lambda h, n: real(h, n, 1), "x", "of at least 1"),
    (text, "n", "a string"),
    (table, "l", "an object"),
    (rows, "d", "a list"),
    (tables, "l", "a list of objects"),
])  # fmt: skip
def test_what_does_not_fit_is_named(read, name, needed):
    with pytest.raises(CheckpointError, match=f"its '{name}' is .* and should be .*{needed}"):
        read(HELD, name)
    with pytest.raises(CheckpointError, match="it lacks 'other'"):
        read(HELD, "other")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, -(10**400)])
def test_a_number_is_finite(value):
    with pytest.raises(CheckpointError, match="a finite number"):
        real({"x": value}, "x")
