"""The jackknife against its definition, and the orders of its bias."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pyrovae.errors import ConfigError, ShapeError
from pyrovae.math import log_mean_exp
from pyrovae.objectives import IWAE, JVI
from tests.oracles import LG2, exact_gamma_bias, lg2, z_scores


def _bound(log_w, order):
    return JVI(len(log_w), order=order).bound(SimpleNamespace(log_w=log_w))


def _log_w(*shape, scale=2.0, dtype=torch.float64):
    rng = torch.Generator().manual_seed(4)
    return (scale * torch.randn(shape, generator=rng, dtype=torch.float64) - 90).to(dtype)


def _gamma(num_particles, order):
    """Exact expectation for Gamma(1, 1) weights, whose log-mean is zero."""
    k, bias = num_particles, lambda n: exact_gamma_bias(1.0, n)
    if order == 1:
        return k * bias(k) - (k - 1) * bias(k - 1)
    return (k**2 * bias(k) - 2 * (k - 1) ** 2 * bias(k - 1) + (k - 2) ** 2 * bias(k - 2)) / 2


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("size", [3, 4, 9])
def test_is_its_definition(size, order):
    log_w = _log_w(size, 5)
    levels = []
    for out in range(order + 1):
        kept = [list(c) for c in combinations(range(size), size - out)]
        levels.append(torch.stack([log_mean_exp(log_w[c]) for c in kept]).mean(0))
    if order == 1:
        expected = size * levels[0] - (size - 1) * levels[1]
    else:
        expected = (
            size**2 * levels[0] - 2 * (size - 1) ** 2 * levels[1] + (size - 2) ** 2 * levels[2]
        ) / 2
    torch.testing.assert_close(_bound(log_w, order), expected, rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("size", [4, 16, 64])
def test_mean_with_gamma_weights(size, order):
    rng = np.random.default_rng(2)
    copies = 400_000 // size if order == 1 else 100_000 // size
    log_w = torch.from_numpy(np.log(rng.gamma(1.0, size=(size, copies))))
    assert abs(z_scores(_bound(log_w, order), _gamma(size, order))) < 4.5


def test_order_of_the_bias():
    """Exact expectations, which the test above ties to the code: slopes -1, -2 and about -3."""
    sizes = np.array([4, 8, 16, 32, 64])
    rows = {
        0: [exact_gamma_bias(1.0, k) for k in sizes],
        1: [_gamma(k, 1) for k in sizes],
        2: [_gamma(k, 2) for k in sizes[1:]],
    }
    slopes = {
        o: np.polyfit(np.log(sizes[-len(r) :]), np.log(np.abs(r)), 1)[0] for o, r in rows.items()
    }
    assert slopes[0] == pytest.approx(-1, abs=0.1)
    assert slopes[1] == pytest.approx(-2, abs=0.1)
    assert slopes[2] < -2.8


def test_order_of_the_bias_through_the_code():
    """Weights that take two values: the expectation over all draws is a sum of K + 1 terms."""
    sizes, biases = np.array([32, 64, 128]), {1: [], 2: []}
    values = torch.tensor([1.2, 0.8], dtype=torch.float64).log()
    for k in map(int, sizes):
        ones = torch.arange(k + 1)
        log_w = torch.where(torch.arange(k)[:, None] < ones, values[0], values[1])  # [K, K + 1]
        choose = torch.lgamma(torch.tensor(k + 1.0).double())
        choose = choose - torch.lgamma(ones.double() + 1) - torch.lgamma(k - ones.double() + 1)
        mass = (choose - k * np.log(2)).exp()
        for order, found in biases.items():
            found.append(abs((mass @ _bound(log_w, order)).item()))
    for order, found in biases.items():
        slope = np.polyfit(np.log(sizes), np.log(found), 1)[0]
        assert slope == pytest.approx(-1 - order, abs=0.1), (order, slope)


def test_closer_to_the_evidence_than_the_bound():
    pair, x = lg2()
    size = 10
    expected = (size * pair.iwae(x, size) - (size - 1) * pair.iwae(x, size - 1)).item()
    values = JVI(size).per_datum(pair.model, pair.guide, x.expand(50_000, -1))
    assert abs(z_scores(values, expected)) < 4.5
    assert abs(expected - LG2["log_px"]) < abs(LG2["iwae"][size] - LG2["log_px"]) / 10


@pytest.mark.parametrize("order", [1, 2])
def test_single_precision_keeps_its_digits(order):
    log_w = _log_w(64, 5, dtype=torch.float32)
    exact = _bound(log_w.double(), order)
    torch.testing.assert_close(_bound(log_w, order).double(), exact, rtol=0, atol=5e-3)
    equal = torch.full((64, 1), -90.0)
    torch.testing.assert_close(_bound(equal, order), equal[0], rtol=1e-4, atol=0)


def test_weights_of_zero_count_as_particles():
    log_w = _log_w(5, 2)
    log_w[1, 0] = -torch.inf
    levels = [log_mean_exp(log_w), torch.stack([
        log_mean_exp(log_w[[j for j in range(5) if j != k]]) for k in range(5)
    ]).mean(0)]  # fmt: skip
    torch.testing.assert_close(_bound(log_w, 1), 5 * levels[0] - 4 * levels[1])


def test_refusals():
    with pytest.raises(ConfigError, match="order=3, needs 1 or 2"):
        JVI(5, order=3)
    with pytest.raises(ShapeError, match="num_particles=1 at order 1, needs >= 2"):
        JVI(1)
    with pytest.raises(ShapeError, match="num_particles=2 at order 2, needs >= 3"):
        JVI(2, order=2)
    assert isinstance(JVI(3), type(JVI(2))) and not isinstance(JVI(3), IWAE)
    assert repr(JVI(3, order=2)) == "JVI(num_particles=3, order=2)"
