"""The chains over time against step-by-step sums and moments."""

import pyro.distributions as dist
import torch
from torch.distributions import MultivariateNormal

from pyrovae.distributions.affine_chain import AffineChain
from pyrovae.distributions.affine_scan import affine_scan, covariance_scan
from pyrovae.distributions.markov_chain import MarkovChain
from tests.oracles import z_scores

B, L = 2, 3


def parts(steps):
    torch.manual_seed(steps)
    weight = 0.5 * torch.randn(B, steps, L, L, dtype=torch.float64)
    offset = torch.randn(B, steps, L, dtype=torch.float64)
    factor = torch.randn(B, steps, L, L, dtype=torch.float64).tril(-1)
    diagonal = 0.5 + torch.rand(B, steps, L, dtype=torch.float64)
    return weight, offset, factor + diagonal.diag_embed()


def test_scans_are_the_recurrences():
    for steps in (1, 2, 3, 7, 8, 9):
        weight, offset, factor = parts(steps)
        u, c = torch.zeros(B, L, 1, dtype=torch.float64), torch.zeros(B, L, L, dtype=torch.float64)
        means, covs = [], []
        for t in range(steps):
            u = weight[:, t] @ u + offset[:, t, :, None]
            c = weight[:, t] @ c @ weight[:, t].mT + factor[:, t] @ factor[:, t].mT
            means.append(u)
            covs.append(c)
        torch.testing.assert_close(
            affine_scan(weight, offset.unsqueeze(-1)), torch.stack(means, 1)
        )
        spread = factor @ factor.mT
        torch.testing.assert_close(covariance_scan(weight, spread), torch.stack(covs, 1))


def test_an_affine_chain_is_its_steps():
    weight, offset, factor = parts(5)
    chain = AffineChain(weight, offset, factor).expand((4, B))
    z = chain.sample((6,))
    assert z.shape == (6, 4, B, 5, L)
    each = [chain.step(z[..., t - 1, :], t).log_prob(z[..., t, :]) for t in range(5)]
    torch.testing.assert_close(chain.log_prob(z), torch.stack(each).sum(0))
    loc = [offset[:, 0], *((weight[:, t] @ z[..., t - 1, :, None])[..., 0] + offset[:, t]
                           for t in range(1, 5))]  # fmt: skip
    by_hand = sum(
        MultivariateNormal(loc[t], scale_tril=factor[:, t]).log_prob(z[..., t, :])
        for t in range(5)
    )
    torch.testing.assert_close(chain.log_prob(z), by_hand)


def test_draws_have_the_moments():
    chain = AffineChain(*parts(4))
    z = chain.sample((5000,))
    assert (z_scores(z, chain.mean).abs() < 4.5).all()
    assert (z_scores((z - chain.mean).square(), chain.variance).abs() < 4.5).all()
    # neighbours: the whitened step noise is standard normal
    weight, offset, factor = parts(4)
    error = z[:, :, 1:] - offset[:, 1:] - (weight[:, 1:] @ z[:, :, :-1, :, None])[..., 0]
    white = torch.linalg.solve_triangular(factor[:, 1:], error[..., None], upper=False)[..., 0]
    assert (z_scores(white.square(), 1.0).abs() < 4.5).all()


def test_gradients_reach_the_parameters():
    made = [part.requires_grad_() for part in parts(4)]
    AffineChain(*made).rsample((2,)).sum().backward()
    assert all(part.grad.isfinite().all() and part.grad.abs().sum() > 0 for part in made)


def test_a_markov_chain_of_affine_steps_is_the_affine_chain():
    weight, offset, factor = parts(5)

    def step(before, steps):
        loc = (weight[:, steps] @ before[..., None])[..., 0] + offset[:, steps]
        return dist.MultivariateNormal(loc, scale_tril=factor[:, steps])

    first = dist.MultivariateNormal(offset[:, 0], scale_tril=factor[:, 0])
    markov, affine = MarkovChain(first, step, 5), AffineChain(weight, offset, factor)
    z = markov.expand((3, B)).rsample()
    assert z.shape == (3, B, 5, L)
    torch.testing.assert_close(markov.log_prob(z), affine.log_prob(z))
    drawn = markov.sample((3000,))
    assert (z_scores(drawn, affine.mean).abs() < 4.5).all()


def test_steps_outside_are_standard_normals():
    inside = torch.tensor([[True, True, False, False], [True, True, True, True]])
    first = dist.Normal(torch.zeros(L), 1.0).to_event(1)
    chain = MarkovChain(first, lambda z, _: dist.Normal(z, 0.1).to_event(1), 4, inside)
    z = chain.sample((4000,))
    assert (z_scores(z[:, 0, 2:].square(), 1.0).abs() < 4.5).all()
    short = MarkovChain(first, lambda z, _: dist.Normal(z, 0.1).to_event(1), 2)
    rest = dist.Normal(0.0, 1.0).log_prob(z[:, 0, 2:]).sum((-1, -2))
    found = chain.log_prob(z)[:, 0]
    torch.testing.assert_close(found, short.log_prob(z[:, 0, :2]) + rest)
