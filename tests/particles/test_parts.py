"""Parts of a pair by the names of their parameters."""

import pytest

from pyrovae.particles.parts import is_of_part, nearest_parts, parts_of, plain_name

NAMES = ["encoder$$$net.0.weight", "decoder$$$weight", "scale"]


def test_names_as_torch_writes_them():
    assert plain_name(NAMES[0]) == "encoder.net.0.weight"
    assert parts_of(NAMES) == ["encoder", "decoder", "scale"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("", [True, True, True]),
        ("encoder", [True, False, False]),
        ("encoder.net", [True, False, False]),
        ("encoder.net.0.weight", [True, False, False]),
        ("enc", [False, False, False]),
        ("net", [False, False, False]),
        ("scale", [False, False, True]),
    ],
)
def test_what_is_of_a_part(part, expected):
    assert [is_of_part(name, part) for name in NAMES] == expected


def test_the_nearest_parts():
    assert nearest_parts("encodr", NAMES)[0] == "encoder"
    assert nearest_parts("net", NAMES) == ["encoder.net"]
    assert nearest_parts("zzz", NAMES) == []
