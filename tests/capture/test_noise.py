"""Random numbers taken out of a graph."""

import pytest
import torch

from pyrovae.capture.graph import trace
from pyrovae.capture.noise import draws_random_numbers, split_noise
from pyrovae.errors import CaptureError

W = torch.linspace(-1.0, 1.0, 6).reshape(2, 3)


def by_shape():
    return (W * torch.randn(2, 3) + torch.rand(3)).sum(), torch.randn(2).exp()


def from_values():
    """A second draw from a distribution that follows the first."""
    z = torch.normal(W.tanh(), W.exp())
    return torch.bernoulli(torch.sigmoid(z)) + z, torch.multinomial(W.exp(), 2)


def in_new_memory():
    return torch.empty_like(W.t() + torch.randn(3, 2)).uniform_() * W.t(), W + 1.0


def unused():
    """A draw that nobody reads advances the stream all the same."""
    torch.randn(5)
    torch.max(torch.rand(2, 3), 0)
    return (torch.randn(2),)


def by_likeness():
    z = torch.randn(2, 3) * W
    return torch.ones_like(z) + torch.zeros_like(z), torch.randn_like(z) + z.new_full((3,), 2.0)


RUNS = [by_shape, from_values, in_new_memory, unused, by_likeness]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
def test_the_parts_compute_what_the_whole_does(run):
    traced = trace(run, [])
    split = split_noise(traced.graph)
    torch.manual_seed(3)
    expected, after = run(), torch.rand(1)
    fixed = split.fixed(*traced.externals)
    torch.manual_seed(3)
    noise = split.noise(*traced.externals, *fixed)
    assert torch.equal(torch.rand(1), after)  # the stream has come as far
    for one, other in zip(split.rest(*traced.externals, *noise), expected, strict=True):
        assert torch.equal(one, other)
    for part in (split.fixed, split.rest):
        assert not any(draws_random_numbers(node) for node in part.graph.nodes)
    assert [value.meta["val"].shape for value in split.values] == [n.shape for n in noise]


def test_what_depends_on_no_random_number_is_computed_once():
    split = split_noise(trace(from_values, []).graph)
    names = [[str(node.target) for node in part.graph.nodes] for part in split[:3]]
    assert "aten.tanh.default" in names[0] and "aten.sigmoid.default" in names[1]
    assert "aten.tanh.default" not in names[1] + names[2]


def test_the_size_of_the_largest_tensor_that_depends_on_them():
    assert split_noise(trace(by_shape, []).graph).largest == 6 * 4
    assert split_noise(trace(lambda: (torch.rand(7) + torch.rand(5, 1),), []).graph).largest == 140


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (lambda: (W + 1.0,), "no random numbers"),
        (lambda: (torch.randn(3).mul_(2.0),), "writes in place, by aten.mul_"),
        (lambda: (torch.zeros(3).normal_(),), "writes in place, by aten.normal_"),
    ],
)
def test_refusals(run, why):
    with pytest.raises(CaptureError, match=why):
        split_noise(trace(run, []).graph)
