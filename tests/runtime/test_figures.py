"""Names beside lines."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrovae.runtime.figures import figure_of, name_lines, spread

PLACES = st.lists(st.floats(0, 1), max_size=12).map(sorted)


@given(places=PLACES, gap=st.floats(0.01, 0.2))
def test_places_are_apart_in_order_and_inside(places, gap):
    found = spread(places, gap)
    least = min(gap, 1 / max(1, len(places)))
    assert len(found) == len(places)
    assert all(b - a >= least - 1e-9 for a, b in zip(found, found[1:], strict=False))
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in found)


def test_places_that_are_apart_stay():
    assert spread([0.2, 0.5, 0.9], 0.1) == pytest.approx([0.2, 0.5, 0.9])
    assert spread([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])


def test_names_stand_at_the_ends_of_lines():
    _, axes = figure_of(0.5)
    axes.plot([0, 1], [0.0, 5.0], label="up")
    axes.plot([0, 1], [4.0, 1.0], label="down")
    axes.plot([0, 1], [2.0, math.nan], label="gone")
    axes.plot([0, 1], [3.0, 3.0])
    axes.set_ylim(0, 10)
    name_lines(axes)
    found = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert found == pytest.approx({"down": 0.1, "gone": 0.2, "up": 0.5})
