"""`EarlyStopping` counts epochs from the history alone."""

from types import SimpleNamespace

import pytest

from pyrovae.errors import ConfigError
from pyrovae.train import EarlyStopping


def stops(vals, patience, **options):
    stopped = []
    loop = SimpleNamespace(
        history=[{"val": val} for val in vals], request_stop=lambda: stopped.append(True)
    )
    EarlyStopping(patience, **options).on_epoch(loop)
    return bool(stopped)


@pytest.mark.parametrize(
    ("vals", "patience", "expected"),
    [
        ([], 1, False),
        ([-3.0], 1, False),
        ([-3.0, -3.0], 1, True),
        ([-3.0, -2.0, -2.5], 2, False),
        ([-3.0, -2.0, -2.5, -2.1], 2, True),
        ([-3.0, -2.0, -2.5, -1.9], 2, False),
        ([None, None], 2, True),
        ([None, -5.0, None], 2, False),
    ],
)
def test_waits_for_a_rise(vals, patience, expected):
    assert stops(vals, patience) is expected


def test_small_rises_are_none():
    creeping = [-3.0, -2.96, -2.92, -2.88]
    assert not stops(creeping, 2)
    assert stops(creeping, 2, min_delta=0.05) is False  # -2.92 is a rise over -3
    assert stops(creeping, 3, min_delta=0.2)


def test_patience_below_one_is_an_error():
    with pytest.raises(ConfigError, match="patience=0"):
        EarlyStopping(0)
