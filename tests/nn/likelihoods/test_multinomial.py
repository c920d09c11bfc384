"""Counts given their total, and that every likelihood of counts sums to one."""

from itertools import product

import pyro.distributions as dist
import pytest
import torch

from pyrovae.distributions.multinomial import Multinomial as Draws
from pyrovae.errors import ConfigError, SupportError
from pyrovae.nn import (
    Multinomial,
    NegativeBinomial,
    Poisson,
    ZeroInflatedNegativeBinomial,
    ZeroInflatedPoisson,
)

K, B, D = 3, 4, 5
HEADS = [
    Poisson(), ZeroInflatedPoisson(), NegativeBinomial("learned", shape=(2,)), NegativeBinomial(),
    ZeroInflatedNegativeBinomial(), ZeroInflatedNegativeBinomial(3.0),
]  # fmt: skip


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def compositions(total, parts):
    """All counts of so many parts that have this total."""
    every = product(range(total + 1), repeat=parts)
    return torch.tensor([c for c in every if sum(c) == total]).double()


def outputs(lead=(K, B)):
    return torch.randn(*lead, 1, D).double()


@pytest.mark.parametrize("head", HEADS, ids=repr)
def test_sums_to_one_over_a_grid(head):
    params = 0.3 * torch.randn(head.num_parameters, 2).double()
    values = torch.arange(200.0).double()
    grid = torch.cartesian_prod(values, values)
    total = head.double()(params, event_dim=1).log_prob(grid).exp().sum()
    torch.testing.assert_close(total, torch.ones(()).double(), rtol=1e-8, atol=0)


@pytest.mark.parametrize("mask", [None, torch.tensor([1, 0, 1, 1, 0]).bool()])
def test_sums_to_one_over_all_compositions(mask):
    d = Multinomial()(outputs(()), event_dim=1, mask=mask)
    x = compositions(4, D if mask is None else 3)
    if mask is not None:
        x = torch.full((len(x), D), torch.nan).double().masked_scatter(mask, x)
    torch.testing.assert_close(d.log_prob(x).exp().sum(), torch.ones(()).double())


def test_equals_pyros():
    params, x = outputs(), torch.poisson(torch.full((B, D), 3.0)).double()
    expected = torch.stack(
        [dist.Multinomial(int(row.sum()), logits=params[:, i, 0]).log_prob(row)
         for i, row in enumerate(x)], -1)  # fmt: skip
    for head in (Multinomial(), Multinomial().train()):
        d = head(params, event_dim=1)
        torch.testing.assert_close(d.log_prob(x), expected)
        torch.testing.assert_close(head.given(d, x).log_prob(x), expected)


def test_does_not_cancel_in_float32_at_many_counts():
    x = torch.tensor([[0.0, 1.0, 3e4, 17.0, 1e4]])
    params = (x.double() / x.sum() + 1e-3).log().unsqueeze(-2) + 0.001 * outputs((1,))
    exact = Multinomial()(params, event_dim=1).log_prob(x.double())
    single = Multinomial()(params.float(), event_dim=1).log_prob(x)
    torch.testing.assert_close(single.double(), exact, rtol=0, atol=3e-2)


def test_draws_have_their_totals_and_moments():
    head = Multinomial()
    made = head(torch.randn(2, 1, 2, 3).double(), event_dim=2)
    d = head.sized(made, torch.tensor([7.0, 300.0]))
    x = d.sample((4000,))
    assert torch.equal(x.sum((-1, -2)), torch.tensor([7.0, 300.0]).double().expand(4000, 2))
    z = (x.mean(0) - d.mean) / (d.variance / 4000).sqrt()
    assert z.abs().max() < 4
    squares = (x - d.mean) ** 2
    z = (squares.mean(0) - d.variance) / (squares.var(0) / 4000).sqrt()
    assert z.abs().max() < 4.5
    assert d.expand([5, 2]).sample().shape == (5, 2, 2, 3)
    torch.testing.assert_close(d.expand([5, 2]).log_prob(x[0]), d.log_prob(x[0]).expand(5, 2))


def test_a_datum_without_counts_says_nothing():
    params = outputs((B,)).requires_grad_()
    x = torch.zeros(B, D).double()
    hidden = torch.zeros(B, D).bool()
    for d in (Multinomial()(params, 1), Multinomial()(params, 1, hidden)):
        d.log_prob(x).sum().backward()
        assert torch.equal(d.log_prob(x), torch.zeros(B).double())
        assert torch.equal(params.grad, torch.zeros_like(params))


def test_gradients_and_capture():
    head, x = Multinomial(), torch.poisson(torch.full((B, D), 3.0)).double()
    mask = torch.rand(B, D) < 0.6
    params = outputs((B,)).requires_grad_()

    def log_prob(params):
        return head(params, 1).log_prob(x) + head(params, 1, mask).log_prob(x)

    assert torch.autograd.gradcheck(log_prob, params)
    torch._dynamo.reset()
    compiled = torch.compile(log_prob, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(params), log_prob(params))


def test_refusals():
    head = Multinomial()
    with pytest.raises(SupportError, match="Multinomial.* got values in"):
        head.check(torch.tensor([0.5, 1.0]))
    with pytest.raises(SupportError, match="whole numbers in \\[-1"):
        head.check(torch.tensor([-1.0, 1.0]))
    with pytest.raises(ConfigError, match="depend on each other"):
        head.distribution(torch.zeros(1, 3))


@pytest.mark.parametrize("total", [2.0**12, 2.0**17, 1e8])  # drawn singly, then by element
def test_draws_of_large_totals(total):
    """Single counts added up in float32 stop at 2**24."""
    shares = torch.tensor([0.0, 0.25, 0.05, 0.7, 0.0])
    totals = torch.tensor([total, total - 1000, 5.0]).repeat_interleave(200)
    made = Draws(shares.log().expand(600, 5), totals).sample().double()
    assert (made.sum(1) - totals.double()).abs().max() <= 1e-6 * total
    assert (made[:, [0, 4]] == 0).all()
    p, n = shares[1:4].double(), totals[:200, None].double()
    z = (made[:200, 1:4] - n * p) / (n * p * (1 - p)).sqrt()
    assert (z.mean(0).abs() < 4 / 200**0.5).all() and (z.std(0) - 1).abs().max() < 4 / 400**0.5
    between = -(p[0] * p[2] / (1 - p[0]) / (1 - p[2])).sqrt()
    found = torch.corrcoef(z[:, [0, 2]].T)[0, 1]
    assert abs(found - between) < 4 * (1 - between**2) / 200**0.5
