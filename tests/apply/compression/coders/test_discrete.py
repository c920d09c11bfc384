"""Zeros and ones, levels, counts, one-hot vectors."""

import math

import pyro.distributions as dist
import pytest
import torch

from pyrovae import nn
from pyrovae.apply.compression.coders.choice import coder_for
from pyrovae.apply.compression.lattice import Lattice
from pyrovae.distributions.poisson import Poisson
from pyrovae.errors import NonFiniteError, SupportError

from ..coding import popped_and_pushed, pushed_and_popped, random_stack

RNG = torch.Generator().manual_seed(0)
LOGITS = torch.randn(30, 3, 4, generator=RNG).double()
VALUES = torch.randn(30, 3, 4, 6, generator=RNG).double()
PARAMS = VALUES[..., :2].movedim(-1, 0)

BOUNDED = {
    "beta-binomial of Pyro": dist.BetaBinomial(VALUES[..., 0].exp(), VALUES[..., 1].exp(), 9),
    "bernoulli": dist.Bernoulli(logits=LOGITS),
    "categorical": dist.Categorical(logits=VALUES),
    "binomial": dist.Binomial(9, logits=LOGITS),
    "counts of several sizes": dist.Binomial(torch.arange(3.0, 7).double(), logits=LOGITS),
    "discretised logistic": nn.DiscretizedLogistic(20).distribution(
        VALUES[..., :2].movedim(-1, 0)
    ),
    "beta-binomial": nn.BetaBinomial(9).distribution(VALUES[..., :2].movedim(-1, 0)),
}


@pytest.mark.parametrize("name", BOUNDED)
def test_bits_are_those_of_the_probability(name):
    fn = BOUNDED[name].to_event(2)
    value, bits = popped_and_pushed(fn)
    exact = -fn.log_prob(value) / math.log(2)
    torch.testing.assert_close(bits, exact, rtol=0, atol=0.01)
    torch.manual_seed(0)
    pushed_and_popped(fn, fn.sample())


@pytest.mark.parametrize("log_concentration", [-30.0, 0.0, 50.0, 1000.0])
def test_beta_binomials_of_any_spread(log_concentration):
    params = torch.stack([3 * LOGITS, torch.full_like(LOGITS, log_concentration)])
    fn = nn.BetaBinomial(255).distribution(params).to_event(2)
    torch.manual_seed(0)
    value = fn.sample()
    bits = pushed_and_popped(fn, value)
    torch.testing.assert_close(bits, -fn.log_prob(value) / math.log(2), rtol=1e-3, atol=0.05)


def test_one_hot_vectors():
    fn = dist.OneHotCategorical(logits=VALUES).to_event(2)
    value, bits = popped_and_pushed(fn)
    assert (value.sum(-1) == 1).all()
    torch.testing.assert_close(bits, -fn.log_prob(value) / math.log(2), rtol=0, atol=0.01)


@pytest.mark.parametrize("rate", [3.0, 400.0, 30_000.0])
def test_counts_without_a_largest_one(rate):
    fn = Poisson(math.log(rate) + LOGITS / 10).to_event(2)
    torch.manual_seed(0)
    value = fn.sample()
    bits = pushed_and_popped(fn, value, step=int(value.max()).bit_length())
    torch.testing.assert_close(bits, -fn.log_prob(value) / math.log(2), rtol=0, atol=0.1)


def test_counts_far_from_what_is_expected():
    fn = Poisson(math.log(9000.0) + LOGITS / 10).to_event(2)
    value = torch.zeros(30, 3, 4).double()
    value[:, 0] = 99_999
    pushed_and_popped(fn, value, step=17)


def test_values_outside_of_the_support():
    fn = BOUNDED["binomial"].to_event(2)
    for wrong in (-1.0, 10.0, 0.5):
        with pytest.raises(SupportError, match=r"whole numbers in 0\.\.9"):
            pushed_and_popped(fn, torch.full((30, 3, 4), wrong))


def test_probabilities_that_are_no_numbers():
    fn = nn.BetaBinomial(9).distribution(torch.full((2, 30, 3), torch.nan))
    with pytest.raises(NonFiniteError):
        popped_and_pushed(fn.to_event(1))


def test_points_cost_nothing():
    fn = dist.Delta(LOGITS, event_dim=2)
    value, bits = popped_and_pushed(fn)
    assert torch.equal(value, LOGITS) and not bits.any()


def test_rows_that_only_pad_are_not_coded():
    stack, _ = random_stack()
    for rows in (1, 30):
        stack.start(rows)
        coder = coder_for("z", BOUNDED["categorical"], rows, Lattice(), is_open=False)
        value = coder.pop(stack)
        assert value.shape == (30, 3, 4) and stack.bits.shape == (rows,)
        assert torch.equal(value[rows:], value[:1].expand(30 - rows, 3, 4))
