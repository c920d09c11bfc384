"""Zero inflation: exact probabilities, and what Pyro's own does wrong."""

import pyro.distributions as dist
import pytest
import torch

from pyrovae.distributions.negative_binomial import NegativeBinomial
from pyrovae.distributions.poisson import Poisson
from pyrovae.distributions.zero_inflated import ZeroInflated

GATES = torch.tensor([-30.0, -1.0, 0.0, 2.0, 30.0], dtype=torch.float64)
COUNTS = [
    Poisson(torch.tensor(0.5).double()),
    NegativeBinomial(torch.tensor(0.5).double(), torch.tensor(0.7).double()),
]
every_count = pytest.mark.parametrize("counts", COUNTS, ids=lambda d: type(d).__name__)


@every_count
def test_probabilities(counts):
    d, x = ZeroInflated(counts, GATES), torch.arange(400.0).double()[:, None]
    counted = torch.sigmoid(-GATES) * counts.log_prob(x).exp()
    expected = torch.where(x == 0, GATES.sigmoid() + counted, counted)
    found = d.log_prob(x).exp()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-300)
    torch.testing.assert_close(found.sum(0), torch.ones(5).double())
    mean = (found * x).sum(0)
    torch.testing.assert_close(d.mean, mean)
    torch.testing.assert_close(d.variance, (found * (x - mean) ** 2).sum(0))


@every_count
def test_equals_pyros_before_a_draw(counts):
    x = torch.arange(5.0).double()[:, None]
    theirs = dist.ZeroInflatedDistribution(counts, gate_logits=GATES, validate_args=False)
    torch.testing.assert_close(ZeroInflated(counts, GATES).log_prob(x), theirs.log_prob(x))


def test_is_the_same_after_a_mean_and_a_draw():
    d = ZeroInflated(Poisson(torch.tensor(0.0)), torch.tensor(100.0))
    before = d.log_prob(torch.tensor(3.0))
    assert d.mean < 1e-30 and d.sample() == 0 and d.expand([2]).batch_shape == (2,)
    assert d.log_prob(torch.tensor(3.0)) == before > -200
    theirs = dist.ZeroInflatedPoisson(
        torch.tensor(1.0), gate_logits=torch.tensor(100.0), validate_args=False
    )
    assert theirs.mean == 0  # stores the gate, and then scores and expands wrongly
    assert theirs.log_prob(torch.tensor(3.0)) == -torch.inf
    with pytest.raises(ValueError):
        theirs.expand([2])


@pytest.mark.parametrize("gate", [-100.0, -1.0, 0.0, 100.0])
@pytest.mark.parametrize("count", [0.0, 2.0])
def test_gradients_are_finite_in_single_precision(gate, count):
    logits = torch.tensor(gate, requires_grad=True)
    log_rate = torch.tensor([-50.0, 0.0, 10.0], requires_grad=True)
    log_prob = ZeroInflated(Poisson(log_rate), logits).log_prob(torch.full((3,), count))
    log_prob.sum().backward()
    assert log_prob.isfinite().all() and logits.grad.isfinite() and log_rate.grad.isfinite().all()


def test_draws():
    torch.manual_seed(0)
    d, n = ZeroInflated(COUNTS[0], GATES), 20_000
    x = d.sample((n,))
    share = d.log_prob(torch.zeros(()).double()).exp()
    z = ((x == 0).double().mean(0) - share) / (share * (1 - share) / n).clamp(min=1e-9).sqrt()
    assert z.abs().max() < 4, z
    assert (x[:, 4] == 0).all()
