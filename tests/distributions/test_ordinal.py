"""Ordered levels: against Pyro's, far from the thresholds, and with fewer levels beside others."""

import pyro.distributions as dist
import torch

from pyrovae.distributions.ordinal import Ordinal

LOC = torch.linspace(-4, 4, 9).double()
CUTS = torch.tensor([-1.5, -0.2, 0.1, 2.0]).double()


def test_the_same_as_pyros():
    d, known = Ordinal(LOC, CUTS), dist.OrderedLogistic(LOC, CUTS)
    for level in range(5):
        torch.testing.assert_close(
            d.log_prob(torch.tensor(float(level))), known.log_prob(torch.tensor(level))
        )
    torch.testing.assert_close(d.probs, known.probs)


def test_probabilities_sum_to_one():
    d = Ordinal(LOC, CUTS)
    each = torch.stack([d.log_prob(torch.tensor(float(level))).exp() for level in range(5)], -1)
    torch.testing.assert_close(each.sum(-1), torch.ones(9).double())
    torch.testing.assert_close(each, d.probs)
    levels = torch.arange(5).double()
    torch.testing.assert_close(d.mean, (each * levels).sum(-1))
    torch.testing.assert_close(d.variance, (each * (levels - d.mean[:, None]) ** 2).sum(-1))


def test_far_away_it_keeps_its_digits_and_gradients():
    loc = torch.tensor([-80.0, 80.0], requires_grad=True)
    found = Ordinal(loc, CUTS.float()).log_prob(torch.tensor([2.0, 2.0]))
    # P(x = 2) is exp(c_2 - r) - exp(c_1 - r) far above, exp(r - c_1) - exp(r - c_2) far below.
    high = torch.log(CUTS[2].exp() - CUTS[1].exp()) - 80
    low = torch.log((-CUTS[1]).exp() - (-CUTS[2]).exp()) - 80
    torch.testing.assert_close(found.double(), torch.stack([low, high]), rtol=1e-6, atol=1e-4)
    found.sum().backward()
    torch.testing.assert_close(loc.grad, torch.tensor([1.0, -1.0]))


def test_fewer_levels_beside_others():
    cuts = torch.tensor([[0.5, 1e4, 1e4, 1e4]], requires_grad=True)
    padded, alone = Ordinal(LOC.float(), cuts), Ordinal(LOC.float(), cuts[:, :1].detach())
    for level in (0.0, 1.0):
        torch.testing.assert_close(
            padded.log_prob(torch.tensor(level)), alone.log_prob(torch.tensor(level))
        )
    assert (padded.probs[:, 2:] == 0).all() and padded.sample((100,)).max() <= 1
    padded.log_prob(torch.tensor(1.0)).sum().backward()
    assert cuts.grad.isfinite().all()


def test_draws_have_the_probabilities():
    torch.manual_seed(0)
    d, n = Ordinal(LOC, CUTS), 20_000
    counts = torch.stack([(d.sample((n,)) == level).double().mean(0) for level in range(5)], -1)
    z = (counts - d.probs) / (d.probs * (1 - d.probs) / n).sqrt()
    assert z.abs().max() < 4.5
