"""Log-space numerics against direct formulas, Pyro's fit and shapes known in closed form."""

import math

import numpy as np
import pytest
import torch
from pyro.ops.stats import fit_generalized_pareto
from torch.distributions import Normal

from pyrovae.errors import ShapeError
from pyrovae.math import (
    effective_sample_size,
    log_mean_exp,
    log_mean_exp_error,
    log_power_mean,
    log_sum_exp_of_others,
    nats_to_bits_per_dim,
    pareto_k,
    pareto_smooth,
    power_weights,
)


@pytest.fixture
def log_w():
    return 2 * torch.randn(50, 7, dtype=torch.float64)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_log_mean_exp_is_what_its_name_says(log_w, dim):
    torch.testing.assert_close(log_mean_exp(log_w, dim), log_w.exp().mean(dim).log())


def test_log_mean_exp_neither_overflows_nor_underflows():
    x = torch.tensor([[1000.0, -1000.0], [1000.0, -1000.0]])
    assert log_mean_exp(x).tolist() == [1000.0, -1000.0]
    assert log_mean_exp(torch.full((3,), -math.inf)) == -math.inf


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_log_sum_exp_of_others_is_what_its_name_says(log_w, dim):
    for x in (log_w, log_w[:2, :2], log_w[:3, :3]):
        others = (x.exp().sum(dim, keepdim=True) - x.exp()).log()
        torch.testing.assert_close(log_sum_exp_of_others(x, dim), others)


def test_log_sum_exp_of_others_never_subtracts():
    x = torch.tensor([-1000.0, 1000.0, -math.inf, -1001.0], requires_grad=True)
    found = log_sum_exp_of_others(x)
    expected = [1000.0, -1000 + math.log1p(math.exp(-1)), 1000.0, 1000.0]
    assert found.tolist() == pytest.approx(expected, rel=1e-6)
    found.sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("order", [-1.0, -1e-7, 0.0, 0.5, 1.0, 3.0])
def test_power_mean_and_its_weights(log_w, order):
    leaf = log_w.requires_grad_()
    mean = log_power_mean(leaf, order)
    expected = (order * leaf).exp().mean(0).log() / order if abs(order) > 0.1 else leaf.mean(0)
    torch.testing.assert_close(mean, expected, rtol=0, atol=1e-5 if order else 1e-12)
    (gradient,) = torch.autograd.grad(mean.sum(), leaf)
    torch.testing.assert_close(power_weights(leaf, order), gradient)


def test_ess_by_the_formula_and_at_its_ends(log_w):
    w = log_w.exp()
    torch.testing.assert_close(effective_sample_size(log_w), w.sum(0).square() / w.square().sum(0))
    torch.testing.assert_close(effective_sample_size(log_w), effective_sample_size(log_w - 5000.0))
    one_alive = torch.full((50, 1), -math.inf)
    one_alive[3] = -700.0
    assert effective_sample_size(one_alive) == 1


@pytest.mark.parametrize("num_particles", [25, 100, 1000, 4999])
def test_pareto_k_agrees_with_an_independent_fit(num_particles):
    log_w = torch.randn(num_particles, 4, dtype=torch.float64) * torch.tensor([0.1, 1, 2, 5])
    tail = min(num_particles // 5, math.ceil(3 * num_particles**0.5))
    for column, k in zip(log_w.T, pareto_k(log_w), strict=True):
        w = (column - column.max()).exp().sort().values
        expected, _ = fit_generalized_pareto(w[-tail:] - w[-tail - 1])
        assert k.item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("k", [0.2, 0.5, 0.64, 0.75])
def test_pareto_k_of_a_narrow_gaussian_proposal(k):
    # p = N(0, 1), q = N(0, s^2): the weights' tail has the shape 1 - s^2, up to log corrections.
    q = Normal(torch.zeros((), dtype=torch.float64), (1 - k) ** 0.5)
    z = q.sample((50_000, 8))
    found = pareto_k(Normal(0.0, 1.0).log_prob(z) - q.log_prob(z))
    assert found.mean().item() == pytest.approx(k, abs=0.1)


@pytest.mark.parametrize("dim", [2, 4])
def test_pareto_k_of_bounded_weights_is_negative(dim):
    # A wide proposal in d dimensions: the shape is -2/d.
    q = Normal(torch.zeros((), dtype=torch.float64), 1.5)
    z = q.sample((50_000, 4, dim))
    found = pareto_k((Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(-1))
    assert found.mean().item() == pytest.approx(-2 / dim, abs=0.15)


def test_pareto_k_ignores_the_unit_of_weights_and_the_number_of_columns():
    log_w = torch.randn(100, 5000)
    k = pareto_k(log_w)
    assert k.dtype == torch.float32
    torch.testing.assert_close(k[4999:], pareto_k(log_w[:, 4999:]))
    torch.testing.assert_close(pareto_k(log_w - 90), k, atol=1e-3, rtol=1e-3)


def test_pareto_k_where_nothing_can_be_fitted():
    assert (pareto_k(torch.zeros(100, 2)) == -math.inf).all()
    assert pareto_k(torch.full((100, 2), -math.inf)).isnan().all(), "no weight is above zero"
    broken = torch.randn(100, 2)
    broken[5, 0] = math.nan
    assert pareto_k(broken).isnan().tolist() == [True, False]
    one_alive = torch.full((100, 1), -math.inf)
    one_alive[0] = 0
    assert pareto_k(one_alive) > 1
    with pytest.raises(ShapeError, match="24 particles"):
        pareto_k(torch.zeros(24, 2))


def smoothed_by_hand(log_w):
    """Pareto smoothing of one column, in plain numpy, by the fit that Pyro ships."""
    order = np.argsort(log_w)
    size = min(len(log_w) // 5, math.ceil(3 * len(log_w) ** 0.5))
    w = np.exp(log_w - log_w.max())
    threshold = w[order[-size - 1]]
    excess = torch.as_tensor(w[order[-size:]] - threshold)
    k, sigma = fit_generalized_pareto(excess)
    quantile = 1 - (np.arange(1, size + 1) - 0.5) / size
    values = threshold + sigma * (quantile**-k - 1) / k
    out = log_w.copy()
    out[order[-size:]] = np.minimum(np.log(values) + log_w.max(), log_w.max())
    return out


@pytest.mark.parametrize("num_particles", [25, 100, 1000, 4999])
@pytest.mark.parametrize("spread", [0.1, 1.0, 2.0, 5.0])
def test_smoothed_weights_by_another_implementation(num_particles, spread):
    log_w = spread * torch.randn(num_particles, 4, dtype=torch.float64)
    smooth, k = pareto_smooth(log_w)
    torch.testing.assert_close(k, pareto_k(log_w), rtol=0, atol=0)
    for column, found in zip(log_w.T.numpy(), smooth.T.numpy(), strict=True):
        np.testing.assert_allclose(found, smoothed_by_hand(column), rtol=0, atol=1e-9)


def test_smoothing_keeps_order_places_and_the_bulk():
    log_w = 2 * torch.randn(1000, 5000)
    smooth, _ = pareto_smooth(log_w)
    tail = math.ceil(3 * 1000**0.5)
    assert smooth.dtype == torch.float32
    assert ((smooth != log_w).sum(0) <= tail).all()
    assert (smooth <= log_w.max(0).values).all()
    order = log_w.argsort(0)
    assert (smooth.gather(0, order).diff(dim=0) >= 0).all()
    torch.testing.assert_close(pareto_smooth(log_w[:, 4999:])[0], smooth[:, 4999:])


def test_smoothing_takes_variance_away():
    # p = N(0, 1), q = N(0, 0.6^2): infinite variance, k = 0.64, and the mean weight is one.
    q = Normal(torch.zeros((), dtype=torch.float64), 0.6)
    z = q.sample((1000, 2000))
    log_w = Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)
    raw, smooth = (log_mean_exp(w).exp() for w in (log_w, pareto_smooth(log_w)[0]))
    error = [float((mean - 1).square().mean()) for mean in (raw, smooth)]
    assert error[1] < 0.9 * error[0]


def test_smoothing_leaves_alone_what_cannot_be_fitted():
    for log_w in (torch.zeros(100, 2), torch.full((100, 2), -math.inf)):
        assert torch.equal(pareto_smooth(log_w)[0], log_w)
    broken = torch.randn(100, 2)
    broken[5, 0] = math.nan
    smooth, k = pareto_smooth(broken)
    assert smooth[:, 1].isfinite().all() and k.isnan().tolist() == [True, False]
    with pytest.raises(ShapeError, match="24 particles"):
        pareto_smooth(torch.zeros(24, 2))


def test_error_of_a_log_mean(log_w):
    w = log_w.exp()
    expected = w.std(0) / w.mean(0) / 50**0.5
    torch.testing.assert_close(log_mean_exp_error(log_w), expected)
    assert log_mean_exp_error(log_w[:1]).isnan().all()
    assert (log_mean_exp_error(torch.zeros(50, 2)) == 0).all()


def test_bits_per_dim():
    nats = torch.tensor([784 * math.log(2), 0.0])
    torch.testing.assert_close(nats_to_bits_per_dim(nats, 784), torch.tensor([1.0, 0.0]))


def test_k_hat_is_not_defined_for_weights_that_repeat():
    """Eight states of a discrete latent: the tail stands on a tie, no sample of a density."""
    states = torch.tensor([-3.0, -2.0, -1.0, 0.0, 0.5, 1.0, 1.1, 1.2], dtype=torch.float64)
    rng = torch.Generator().manual_seed(0)
    chance = torch.tensor([0.3, 0.3, 0.2, 0.1, 0.05, 0.03, 0.019, 0.001], dtype=torch.float64)
    drawn = torch.multinomial(chance.expand(5, -1), 2000, replacement=True, generator=rng)
    k_hat = pareto_k(states[drawn].T)
    assert (k_hat.isnan() | (k_hat < 2)).all(), k_hat
    assert k_hat.isnan().any()


def test_k_hat_of_a_few_values_that_repeat_is_that_of_bounded_weights():
    """Two states, of which the tail holds both in any proportion: one verdict, not three."""
    for share in (0.02, 0.05, 0.1, 0.15, 0.17, 0.3, 0.9):
        log_w = torch.zeros(1000, 1, dtype=torch.float64)
        log_w[: round(1000 * share)] = 2.0
        assert pareto_k(log_w).item() == -math.inf, share
        assert torch.equal(pareto_smooth(log_w)[0], log_w)
    log_w = torch.zeros(1000, 1)
    log_w[:4] = 2.0  # four finds of a state say little of how often it comes
    assert pareto_k(log_w).isnan().all()


@pytest.mark.parametrize("size", [1.0, 50.0, 1000.0])
def test_equal_weights_are_equal_but_for_rounding(size):
    log_w = torch.full((500, 3), -size) * (1 + 3e-7 * torch.rand(500, 3))
    assert (pareto_k(log_w) == -math.inf).all()
    assert torch.equal(pareto_smooth(log_w)[0], log_w)


@pytest.mark.parametrize("offset", [0.0, -1e3, -1e4])
def test_a_continuous_tail_is_fitted_however_large_the_logarithms(offset):
    log_w = torch.randn(5000, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    k = pareto_k(log_w)
    far = pareto_k((log_w + offset).float())
    assert (far - k).abs().max() < 0.02


def test_infinite_weights_have_no_k_hat():
    log_w = torch.randn(100, 2)
    log_w[3, 0] = math.inf
    assert pareto_k(log_w).isnan().tolist() == [True, False]
