"""Tail probabilities: by hand, uniform under exchangeability, and right with ties."""

import torch
from scipy.stats import kstest

from pyrovae.apply.checking.tails import Tails, overall_deviations


def test_by_hand():
    replicated = torch.tensor([[1.0], [2.0], [2.0], [3.0]])
    found = Tails.of(torch.tensor([2.0]), replicated)
    assert found.upper.item() == 4 / 5 and found.lower.item() == 4 / 5
    assert found.mid.item() == 0.5 and found.two_sided.item() == 1
    outside = Tails.of(torch.tensor([9.0]), replicated)
    assert outside.upper.item() == 1 / 5 and outside.lower.item() == 1
    torch.testing.assert_close(outside.two_sided, torch.tensor([0.4]).double())
    torch.testing.assert_close(outside.error, torch.tensor([(0.1 * 0.9 / 4) ** 0.5]).double())
    own = Tails.of(torch.tensor([[0.0], [3.0], [1.0], [5.0]]), replicated)  # one each
    assert own.upper.item() == 3 / 5 and own.mid.item() == 2.5 / 5


def test_uniform_where_values_are_exchangeable():
    found = Tails.of(torch.randn(2000), torch.randn(99, 2000))
    assert kstest(found.mid.numpy(), "uniform").pvalue > 0.01
    for tail in (found.upper, found.lower, found.two_sided):
        assert (tail <= 0.05).double().mean() < 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5


def test_with_ties_the_tails_are_valid_and_the_mid_p_has_mean_one_half():
    draws = torch.bernoulli(torch.full((100, 4000), 0.9)) + torch.bernoulli(
        torch.full((100, 4000), 0.5)
    )
    found = Tails.of(draws[0], draws[1:])
    z = (found.mid.mean() - 0.5) / (found.mid.std() / 4000**0.5)
    assert abs(z) < 4
    assert found.upper.mean() > 0.6  # ties make it conservative
    assert (found.two_sided <= 0.06).double().mean() < 0.06 + 3 * (0.06 / 4000) ** 0.5


def test_many_deviations_are_one_test():
    p = []
    for _ in range(300):
        values = torch.randn(40, 10) @ torch.randn(10, 30)  # 30 that depend on each other
        p.append(Tails.of(*overall_deviations(values[0], values[1:])).upper.item())
    assert kstest(p, "uniform").pvalue > 0.01


def test_values_that_never_vary_deviate_by_nothing():
    overall, others = overall_deviations(torch.ones(3), torch.ones(20, 3))
    assert overall.item() == 0 and not others.any()
    found = Tails.of(overall, others)
    assert found.upper.item() == 1 and found.mid.item() == 0.5
