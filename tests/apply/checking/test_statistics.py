"""Statistics by word and by function."""

from functools import partial
from typing import get_args

import numpy as np
import pytest
import torch

from pyrovae.apply.checking.statistics import Word, named
from pyrovae.errors import ConfigError, DataError, ShapeError


def value(statistic, x):
    (found,) = named([statistic])
    return found(x, {})


def test_every_word_by_hand():
    x = torch.tensor([[0.0, 2.0, 5.0], [0.0, 0.0, 1.0]])
    truth = {
        "mean": 8 / 6,
        "sd": np.std([0, 2, 5, 0, 0, 1]),
        "min": 0,
        "max": 5,
        "zeros": 0.5,
        "lit": 1.5,
        "lit_sd": 0.5,
        "sum_sd": 3,
        "roughness": (2 + 3 + 0 + 1) / 4,
        "element_means": [0, 1, 3],
        "element_sds": [0, 1, 2],
    }
    assert set(truth) == set(get_args(Word))
    for word, expected in truth.items():
        found = value(word, x)
        assert found.dtype == torch.float64
        np.testing.assert_allclose(found.numpy(), np.atleast_1d(expected), err_msg=word)


@pytest.mark.parametrize("x", [torch.zeros(1, 1), torch.ones(3), torch.ones(2, 1, 3, 3).byte()])
def test_every_word_is_finite_for_any_data(x):
    for word in get_args(Word):
        value(word, x)


def test_functions_of_any_kind():
    x = torch.rand(4, 3)
    for function in (lambda x: x.mean(), lambda x: float(x.mean()), torch.mean,
                     lambda x: np.mean(x.numpy()), partial(torch.mean, dim=(0, 1))):  # fmt: skip
        assert value(function, x).item() == pytest.approx(x.mean().item())
    assert value(lambda x: x.mean(0).tolist(), x).shape == (3,)
    assert [s.name for s in named({"a": torch.mean, "b": "mean"})] == ["a", "b"]
    assert [s.name for s in named("sd")] == ["sd"]


def test_who_takes_latents():
    given = {"a": lambda x: 0, "b": lambda x, z: 0, "c": lambda x, n=2: 0, "d": torch.mean}
    assert [s.takes_latents for s in named(given)] == [False, True, False, False]


def test_refused():
    with pytest.raises(ConfigError, match="no statistic 'means'; do you mean 'mean'"):
        named(["means"])
    with pytest.raises(ConfigError, match="a name of its own"):
        named([lambda x: 0, lambda x: 1])
    with pytest.raises(ConfigError, match="one at least"):
        named([])
    with pytest.raises(ConfigError, match="of type int"):
        named([3])
    with pytest.raises(ConfigError, match="takes 3 arguments"):
        named({"a": lambda x, y, z: 0})
    x = torch.ones(2, 3)
    with pytest.raises(DataError, match="'a' is nan for data"):
        named({"a": lambda x: x.mean() * float("nan")})[0](x, {})
    with pytest.raises(ShapeError, match=r"shape \[2, 3\]"):
        named({"a": lambda x: x})[0](x, {})
    with pytest.raises(ShapeError, match="gave str"):
        named({"a": lambda x: "one"})[0](x, {})
    with pytest.raises(ShapeError, match="must give one number"):
        named({"a": lambda x, z: x.mean(0)})[0](x, {})
