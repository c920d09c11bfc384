"""Functions of more than tensors: what is no tensor makes another graph, and comes back."""

from typing import NamedTuple

import pytest
import torch
from torch import nn

from pyrovae.capture import CapturedCall, StaticKey
from pyrovae.errors import CaptureWarning


class Named(NamedTuple):
    total: torch.Tensor
    words: str


def captured(function, **options):
    return CapturedCall(function, "the test", compiler=None, **options)


def test_trees_go_in_and_come_back():
    runs = []

    def function(number, pair, name):
        runs.append(name)
        one, other = pair["one"], pair["other"]
        return {"sum": Named(number * one + other, name), "plain": [number, one.mean()]}

    call, x = captured(function), torch.arange(3.0)
    for n in range(5):
        pair = {"one": x + n, "other": x}
        found = call(2, pair, "name")
        if n == 0:
            assert found is None
            continue
        expected = {"sum": Named(2 * pair["one"] + x, "name"), "plain": [2, x.mean() + n]}
        torch.testing.assert_close(found["sum"].total, expected["sum"].total)
        assert found["sum"].words == "name" and found["plain"] == expected["plain"]
    assert len(runs) == 3 and not call.refusal  # read, traced, compared


def test_other_numbers_shapes_and_settings_are_other_graphs():
    network, number = nn.Dropout(0.5), [1.0]
    attributes = StaticKey([vars(network)])

    def function(factor, x):
        return number[0] * factor * network(x).sum()

    call = captured(function, static=lambda: (attributes.key(), number[0]))
    network.eval()
    kinds = [(1, 3, 1.0), (2, 3, 1.0), (2, 4, 1.0), (2, 4, 5.0)]
    for factor, size, number[0] in kinds:
        for _ in range(3):
            found = call(factor, torch.ones(size))
        assert found == number[0] * factor * size
    network.train()
    assert call(2, torch.ones(4)) is None


def test_preparing_makes_the_first_call_a_graph():
    runs = []

    def function(x):
        runs.append(len(x))
        return x.exp() + torch.rand(3)

    call, state = captured(function), torch.get_rng_state()
    call.prepare([torch.zeros(3)], [torch.ones(3)])
    assert torch.equal(state, torch.get_rng_state()) and len(runs) == 3
    found = call(torch.full((3,), 2.0))
    torch.set_rng_state(state)
    torch.testing.assert_close(found, torch.full((3,), 2.0).exp() + torch.rand(3))
    assert len(runs) == 3


def test_preparing_with_another_kind_does_nothing():
    call = captured(lambda x: x.exp())
    call.prepare([torch.zeros(3)], [torch.zeros(4)])
    assert call(torch.zeros(3)) is None and not call.refusal


def test_what_cannot_be_frozen_is_refused():
    call = captured(lambda x: x * float(x.max()))
    with pytest.warns(CaptureWarning, match="the test is not compiled"):
        assert call(torch.ones(3)) is None
    assert call.refusal and call(torch.ones(3)) is None
