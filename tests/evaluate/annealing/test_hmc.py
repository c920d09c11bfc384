"""The moves leave their density where it is, whatever the step size."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from pyrovae.evaluate.annealing.force import eager_force
from pyrovae.evaluate.annealing.hmc import HMC
from pyrovae.evaluate.annealing.tempered_path import State
from tests.oracles import z_scores

CHAINS, DATA = 20_000, 2
LOC = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
TRIL = torch.tensor([[[0.5, 0.0], [0.4, 0.3]], [[2.0, 0.0], [-1.0, 1.0]]], dtype=torch.float64)
TARGET = MultivariateNormal(LOC, scale_tril=TRIL)
SCALE = TRIL.square().sum(-1).sqrt()


def density(u):
    """pi_beta at beta = 1/2, from weights that are a square root twice."""
    log_density = TARGET.log_prob(u)
    return State(u, 0.5 * log_density, log_density)


def moved(u, step, moves=1, num_leapfrog=3):
    hmc = HMC(eager_force(density), SCALE, num_leapfrog)
    state, step = density(u), torch.full((DATA,), step)
    chances = []
    for _ in range(moves):
        state, chance = hmc(state, 0.5, step.double())
        chances.append(chance)
    return state, torch.stack(chances)


@pytest.mark.parametrize("step", [0.2, 0.8, 1.5])
def test_exact_draws_stay_exact(step):
    state, chance = moved(TARGET.sample((CHAINS,)), step, moves=2)
    assert z_scores(state.u, LOC).abs().max() < 4.5
    centred = (state.u - LOC).unsqueeze(-1)
    assert z_scores(centred @ centred.mT, TARGET.covariance_matrix).abs().max() < 4.5
    assert 0 <= chance.min() and chance.max() <= 1


def test_large_steps_are_refused_more_often():
    u = TARGET.sample((2000,))
    rates = [float(moved(u, step)[1].mean()) for step in (0.05, 0.5, 1.5, 5.0)]
    assert rates == sorted(rates, reverse=True) and rates[0] > 0.99 and rates[-1] < 0.2


def test_chains_come_from_anywhere():
    state, _ = moved(torch.zeros(4000, DATA, 2, dtype=torch.float64), 0.4, moves=40)
    assert z_scores(state.u, LOC).abs().max() < 4.5
    centred = (state.u - LOC).unsqueeze(-1)
    assert z_scores(centred @ centred.mT, TARGET.covariance_matrix).abs().max() < 4.5


def test_detailed_balance_between_two_halves():
    """As many chains cross a line in one direction as in the other."""
    before = TARGET.sample((CHAINS,))
    after = moved(before, 0.9)[0].u
    up = (before[..., 0] < LOC[:, 0] - 0.2) & (after[..., 0] > LOC[:, 0] + 0.3)
    down = (before[..., 0] > LOC[:, 0] + 0.3) & (after[..., 0] < LOC[:, 0] - 0.2)
    flow = up.double() - down.double()
    assert up.sum() > 1000 and z_scores(flow, 0.0).abs().max() < 4.5


def test_a_trajectory_that_diverges_is_refused():
    def cliff(u):
        log_density = -(u.square().sum(-1) ** 20)
        return State(u, torch.zeros_like(log_density), log_density)

    u = torch.randn(100, 1, 2, dtype=torch.float64)
    hmc = HMC(eager_force(cliff), torch.ones(1, 2), 20)
    state, chance = hmc(cliff(u), 1.0, torch.full((1,), 50.0))
    assert chance.sum() == 0 and torch.equal(state.u, u) and state.log_w.isfinite().all()


def test_state_and_density_belong_together():
    state, _ = moved(TARGET.sample((50,)), 0.8)
    again = density(state.u)
    torch.testing.assert_close(again.log_w, state.log_w)
    torch.testing.assert_close(again.log_start, state.log_start)
    assert not state.u.requires_grad and not state.log_w.requires_grad
