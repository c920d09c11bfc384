"""REINFORCE by enumeration of all draws: one mean, and the variance of each baseline."""

import copy

import pyro
import pytest
import torch

from pyrovae.data import DiscreteLatent
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.objectives import ELBO, REINFORCE
from tests.objectives.copies import discrete_copies, gaussian_copies, moments_by_enumeration
from tests.oracles import T15, lg2, t15, z_scores


def _settled(objective, value):
    """With an average of the past as it is after many steps."""
    past = torch.tensor([value, 1.0], dtype=torch.float64)
    objective.load_state_dict({"past": past})
    return objective


@pytest.mark.parametrize(
    "make",
    [
        lambda: REINFORCE(1, baseline="none"),
        lambda: REINFORCE(2, baseline="none"),
        lambda: REINFORCE(2, baseline="leave-one-out"),
        lambda: REINFORCE(3, baseline="leave-one-out"),
        lambda: REINFORCE(1, baseline="average"),
        lambda: _settled(REINFORCE(1, baseline="average"), -3.0),
        lambda: _settled(REINFORCE(2, baseline="average"), 5.0),
    ],
)
def test_mean_gradient_is_exact(make):
    mean, _ = moments_by_enumeration(make(), *t15())
    pair, x = t15()
    (truth,) = torch.autograd.grad(pair.elbo(x).sum(), [pair.encoder.loc])
    torch.testing.assert_close(mean, truth, rtol=0, atol=1e-12)
    stored = torch.tensor(T15["grad_phi"][1]).double()
    torch.testing.assert_close(mean, stored, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("objective", "variance"),
    [
        (REINFORCE(1, baseline="none"), (2.940, 3.427, 3.182)),
        (_settled(REINFORCE(1), T15["iwae"][1]), (0.396, 0.260, 0.198)),
    ],
)
def test_variance(objective, variance):
    _, found = moments_by_enumeration(objective, *t15())
    torch.testing.assert_close(found, torch.tensor(variance).double(), rtol=0, atol=6e-4)


def test_leave_one_out_is_what_the_elbo_does():
    ours = moments_by_enumeration(REINFORCE(2, baseline="leave-one-out"), *t15())
    elbo = moments_by_enumeration(ELBO(2), *t15())
    torch.testing.assert_close(ours, elbo)


def test_average_is_of_the_steps_before():
    """Decaying, without a bias at the start, and never of the draw that it is a baseline for."""
    pair, x = t15()
    objective, decay = REINFORCE(2, decay=0.8), 0.8
    means, baselines = [], []
    for _ in range(5):
        p = objective.draw(pair.model, pair.guide, x.expand(7, -1))
        (centred,) = objective.centred([p.log_w])
        baselines.append(p.log_w - centred)
        means.append(p.log_w.mean())
    assert (baselines[0] == 0).all()
    for step in range(1, 5):
        weights = decay ** torch.arange(step).flip(0).double()
        expected = (weights * torch.stack(means[:step])).sum() / weights.sum()
        torch.testing.assert_close(baselines[step], expected.detach().expand(2, 7))


def test_average_is_written_in_place_and_only_by_steps():
    pair, x = t15()
    objective = REINFORCE()
    objective.loss_and_grads(pair.model, pair.guide, x)
    kept, before = objective._past, objective._past.clone()
    objective.loss(pair.model, pair.guide, x)
    objective.per_datum(pair.model, pair.guide, x)
    assert (kept == before).all()
    objective.loss_and_grads(pair.model, pair.guide, x)
    assert objective._past is kept and (kept != before).all()


def test_average_lowers_the_variance_by_sampling():
    pair = DiscreteLatent.random(data_dim=5, latent_dim=2, seed=4)
    x = pair.sample(1, seed=1)
    (truth,) = torch.autograd.grad(pair.elbo(x).sum(), [pair.encoder.loc])
    variances = []
    for baseline in ("none", "average"):
        objective = REINFORCE(1, baseline=baseline)
        for _ in range(2):
            gradients = discrete_copies(pair, x, 50_000).gradients(objective)
        assert (z_scores(gradients, truth).abs() < 4.5).all()
        variances.append(gradients.var(0))
    assert (variances[1] < variances[0] / 2).all(), variances


def test_reparameterised_latents_follow_the_path():
    pair, x = lg2()
    found = []
    for objective in (ELBO(4), REINFORCE(4)):
        pyro.set_rng_seed(3)
        found.append(gaussian_copies(pair, x, 5).gradients(objective))
    torch.testing.assert_close(*found)


def test_refusals():
    with pytest.raises(ShapeError, match="leave-one-out' with num_particles=1, needs >= 2"):
        REINFORCE(1, baseline="leave-one-out")
    with pytest.raises(ConfigError, match="baseline='learned'; choose"):
        REINFORCE(1, baseline="learned")
    with pytest.raises(ConfigError, match="decay=1, needs"):
        REINFORCE(1, decay=1)


def test_a_copy_keeps_a_past_of_its_own():
    pair, x = t15()
    objective = REINFORCE()
    objective.loss_and_grads(pair.model, pair.guide, x)
    past, other = objective._past.clone(), copy.copy(objective)
    other.loss_and_grads(pair.model, pair.guide, x)
    assert torch.equal(objective._past, past)
    assert not torch.equal(other._past, past)
