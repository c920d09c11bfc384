"""Rates by part: the longest name holds, and names that are not there are refused."""

import numpy as np
import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.train.optim.rates import by_rate, check_parts, checked_rate, with_sides

NAMES = ["encoder$$$net.0.weight", "encoder$$$net.1.weight", "decoder$$$0.weight", "scale"]
LEAVES = {name: torch.tensor(float(i)) for i, name in enumerate(NAMES)}


def rates(lr):
    check_parts(LEAVES, lr)
    return {int(leaf): rate for rate, held in by_rate(LEAVES, lr) for leaf in held}


@pytest.mark.parametrize(
    ("lr", "expected"),
    [
        ({"": 0.1}, [0.1, 0.1, 0.1, 0.1]),
        ({"encoder": 0.2}, [0.2, 0.2, None, None]),
        ({"encoder": 0.2, "": 0.1}, [0.2, 0.2, 0.1, 0.1]),
        ({"encoder.net.1": 0.3, "encoder": 0.2, "scale": 0.0}, [0.2, 0.3, None, 0.0]),
        ({"encoder.net.0.weight": 0.4}, [0.4, None, None, None]),
    ],
)
def test_the_longest_name_holds(lr, expected):
    found = rates(lr)
    assert [found[i] for i in range(4)] == expected


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("enc", "no parameters of that name.*t has encoder, decoder, scale"),
        ("encoder.net.2", "did you mean 'encoder.net"),
        ("net", "did you mean 'encoder.net'"),
        ("encod", "did you mean 'encoder'"),
    ],
)
def test_a_part_that_is_not_there(part, message):
    with pytest.raises(ConfigError, match=message):
        rates({part: 0.1})


def test_numbers_of_all_kinds():
    for value in (np.float32(0.5), np.float64(0.5), torch.tensor(0.5), 0.5):
        assert checked_rate(value) == 0.5 and type(checked_rate(value)) is float
    assert checked_rate({"a": np.float32(0.5)}) == {"a": 0.5}


def test_model_and_guide_name_what_they_declare():
    model = {name: LEAVES[name] for name in NAMES[2:]}
    guide = {name: LEAVES[name] for name in NAMES[:2]}
    lr = with_sides({"model": 0.1, "guide": 0.2, "encoder.net.1": 0.3}, LEAVES, model, guide)
    assert rates(lr) == {0: 0.2, 1: 0.3, 2: 0.1, 3: 0.1}
    assert with_sides(0.1, LEAVES, model, guide) == 0.1


def test_what_both_declare_needs_another_rate():
    model, guide = {name: LEAVES[name] for name in NAMES[2:]}, dict(LEAVES)
    with pytest.raises(ConfigError, match="both declare 'decoder"):
        with_sides({"guide": 0.2}, LEAVES, model, guide)
    lr = with_sides({"guide": 0.2, "": 0.1}, LEAVES, model, guide)
    assert rates(lr) == {0: 0.2, 1: 0.2, 2: 0.1, 3: 0.1}


def test_a_part_of_that_name_comes_first():
    leaves = {"model$$$a": LEAVES["scale"], "other": LEAVES[NAMES[0]]}
    assert with_sides({"model": 0.1}, leaves, leaves, {}) == {"model": 0.1}
