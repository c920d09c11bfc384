"""What is run again gives the gradient that it would have given, and leaves nothing behind."""

import random

import numpy as np
import pyro
import pytest
import torch
from torch import nn

from pyrovae.particles.chunks import in_chunks, recomputed


def noisy(weight):
    """Draws from every stream, and saves a tensor for the gradient that only these decide."""
    python, numpy = random.random(), float(np.random.rand())
    return (weight * torch.randn(5, dtype=torch.float64) * (python + numpy)).exp().sum()


def test_the_same_random_numbers_come_again_and_no_stream_moves():
    weight = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    pyro.set_rng_seed(2)
    (expected,) = torch.autograd.grad(noisy(weight), weight)
    pyro.set_rng_seed(2)
    value = recomputed(lambda: noisy(weight))
    after = [random.random(), np.random.rand(), torch.rand(())]
    pyro.set_rng_seed(7)
    before = pyro.util.get_rng_state()
    (found,) = torch.autograd.grad(value, weight)
    assert torch.equal(found, expected)
    now = pyro.util.get_rng_state()
    assert torch.equal(before["torch"], now["torch"]) and before["random"] == now["random"]
    pyro.set_rng_seed(2)
    noisy(weight)
    assert after == [random.random(), np.random.rand(), torch.rand(())]


def test_running_again_changes_no_buffer():
    net = nn.BatchNorm1d(3)
    x = torch.randn(8, 3)
    recomputed(lambda: net(x).square().sum()).backward()
    assert net.num_batches_tracked == 1


def test_nothing_runs_twice_without_a_gradient():
    runs = []
    with torch.no_grad():
        recomputed(lambda: runs.append(1))
    assert runs == [1]


@pytest.mark.parametrize(
    ("total", "chunk", "sizes"), [(7, 3, [2, 2, 3]), (4, 2, [2, 2]), (3, 1, [1, 1, 1])]
)
def test_chunks_are_about_equal_and_no_larger(total, chunk, sizes):
    seen = []

    def run(size, same):
        seen.append((size, same))
        return size, f"subsample {len(seen)}"

    with torch.no_grad():
        assert in_chunks(total, chunk, run) == sizes
    assert [same for _, same in seen] == [None] + ["subsample 1"] * (len(sizes) - 1)
