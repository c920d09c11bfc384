"""Sums of a binary cross entropy, with one logarithm for many elements."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from pyrovae.capture.cross_entropy import with_summed_cross_entropy
from pyrovae.capture.graph import single_operations

BCE = torch.ops.aten.binary_cross_entropy_with_logits.default


def density(logits, x):
    """As Pyro writes it; gives the logits back as well."""
    error = -binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
    return error.reshape(*logits.shape[:2], -1).sum(-1), logits * 2


def changed(function, *tensors):
    graph = with_summed_cross_entropy(single_operations(function, tensors))
    return graph, any(node.target is BCE for node in graph.graph.nodes)


@pytest.mark.parametrize("shape", [(784,), (3, 8, 8), (61,), (1, 8, 5)], ids=str)
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-13), (torch.float32, 2e-6)])
def test_the_density_is_that_of_torch(shape, dtype, error):
    torch.manual_seed(0)
    logits, x = 8 * torch.randn(5, 40, *shape), torch.rand(40, *shape)
    graph, is_left = changed(density, logits.to(dtype), x.to(dtype))
    exact, _ = density(logits.double(), x.double())
    assert not is_left
    found, double = graph(logits.to(dtype), x.to(dtype))
    torch.testing.assert_close(found.double(), exact, rtol=error, atol=error)
    assert torch.equal(double, 2 * logits.to(dtype))


def test_infinities_and_nan_are_those_of_torch():
    logits, x = torch.zeros(5, 20, 64), torch.zeros(20, 64)
    logits[0, :4, 3] = torch.tensor([torch.inf, -torch.inf, torch.nan, 1e30])
    logits[1, :4, 3], x[:2, 3] = logits[0, :4, 3], 1.0
    graph, is_left = changed(density, logits, x)
    torch.testing.assert_close(graph(logits, x)[0], density(logits, x)[0], equal_nan=True)
    assert not is_left


def test_what_is_not_only_summed_stays():
    logits, x = torch.randn(5, 20, 64), torch.rand(5, 20, 64)

    def read_twice(logits, x):
        error = binary_cross_entropy_with_logits(logits, x, reduction="none")
        return error.sum(-1), error.amax(-1)

    def over_data(logits, x):
        return (binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1),)

    def weighted(logits, x):
        weight = torch.full((64,), 0.5)
        return (
            binary_cross_entropy_with_logits(logits, x, weight=weight, reduction="none").sum(-1),
        )

    for function in (read_twice, over_data, weighted):
        graph, is_left = changed(function, logits, x)
        assert is_left
        assert all(map(torch.equal, graph(logits, x), function(logits, x)))


@pytest.mark.parametrize("size", [67, 7])
def test_elements_that_make_no_groups_stay(size):
    logits, x = torch.randn(5, 400, size), torch.rand(400, size)
    assert changed(density, logits, x)[1]
