"""The chi upper bound: closed forms, enumeration, and the effective sample size in it."""

import math
from types import SimpleNamespace

import pytest
import torch

from pyrovae.data import DiscreteLatent
from pyrovae.errors import ConfigError
from pyrovae.math import effective_sample_size, log_mean_exp
from pyrovae.objectives import CUBO
from tests.objectives.copies import discrete_copies, gaussian_copies
from tests.oracles import LG2, T15_ARRAYS, lg2

# Few particles, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


def test_many_particles_reach_the_bound():
    pair, x = lg2()
    size = 20_000
    truth = LG2["log_px"] + 0.5 * math.log(1 + LG2["weight_variance"])
    values = CUBO(size).per_datum(pair.model, pair.guide, x.expand(100, -1))
    error = values.std().item() / 10
    assert abs(values.mean().item() - truth) < 4.5 * error + 5 / size
    assert 1 + LG2["weight_variance"] == pytest.approx(1.426902104819, abs=1e-12)


@pytest.mark.parametrize("order", [1.5, 2.0, 3.0])
def test_value_and_gradient_by_enumeration(order):
    """Where q is uniform, each state drawn once makes every expectation exact."""
    arrays = {k: torch.tensor(v, dtype=torch.float64) for k, v in T15_ARRAYS.items()}
    x = arrays.pop("x")[None]
    arrays["q_logits"] = torch.zeros(3).double()
    pair = DiscreteLatent(**arrays)
    copies = discrete_copies(pair, x, 1, pair.states[:, None])
    log_q = pair._log_q(x)
    log_w = pair._log_prior() + pair._log_lik(x) - log_q
    truth = (log_q + order * log_w).logsumexp(-1) / order
    (expected,) = torch.autograd.grad(truth.sum(), [pair.encoder.loc])
    objective = CUBO(8, order=order)
    value = objective.per_datum(copies.model, copies.guide, copies.x)
    torch.testing.assert_close(value, truth.detach(), rtol=0, atol=1e-12)
    assert value > pair.log_px(x)
    loss = objective.differentiable_loss(copies.model, copies.guide, copies.x)
    loss.backward()
    found = copies.leaves["logits"].grad[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert all(p.grad is None for p in pair.decoder.parameters())


def test_gradient_with_many_particles():
    pair, x = lg2()
    bound = pair.log_px(x) + pair.weight_moment(x, 2.0).log() / 2
    truth = torch.autograd.grad(bound.sum(), [pair.encoder.loc, pair.encoder.log_scale])
    copies = gaussian_copies(pair, x, 400)
    loss = CUBO(3000).differentiable_loss(copies.model, copies.guide, copies.x)
    grads = torch.autograd.grad(loss, [copies.leaves["loc"], copies.leaves["log_scale"]])
    for found, expected in zip(grads, truth, strict=True):
        error = found.std(0) / 20
        assert ((found.mean(0) - expected).abs() < 4.5 * error + 5e-3).all()


def test_effective_sample_size_in_it():
    """Twice the distance from the log of the mean weight is log(K / ESS), draw by draw."""
    log_w = torch.randn(20, 6, generator=torch.Generator().manual_seed(1)).double() - 80
    p = SimpleNamespace(log_w=log_w)
    distance = CUBO(20).bound(p) - log_mean_exp(log_w)
    torch.testing.assert_close(2 * distance, (20 / effective_sample_size(log_w)).log())


def test_rises_with_the_order():
    log_w = torch.randn(20, 6, generator=torch.Generator().manual_seed(1)).double()
    p = SimpleNamespace(log_w=log_w)
    values = torch.stack([CUBO(20, order=n).bound(p) for n in (1.01, 1.5, 2, 4)])
    assert (values.diff(dim=0) > 0).all()
    assert (values[0] > log_mean_exp(log_w)).all()


def test_refusals():
    with pytest.raises(ConfigError, match="order=1, needs > 1"):
        CUBO(order=1)
