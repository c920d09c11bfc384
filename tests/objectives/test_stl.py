"""The score left out: exact where its mean is zero, biased where it is not, silent at the goal."""

import pytest
import torch

from pyrovae.data import LinearGaussian
from pyrovae.objectives import ELBO, STL
from tests.objectives.copies import gaussian_copies, gaussian_truth
from tests.oracles import LG2, lg2, z_scores


@pytest.mark.parametrize("num_particles", [1, 4])
@pytest.mark.parametrize("seed", [None, 0, 1])
def test_gradient_is_that_of_the_elbo(num_particles, seed):
    pair, x = _pair(seed)
    truth = gaussian_truth(pair, x, pair.elbo)
    gradients = gaussian_copies(pair, x, 100_000).gradients(STL(num_particles))
    assert (z_scores(gradients, truth).abs() < 4.5).all()


def test_importance_weighted_form_is_exact_at_one_particle_only():
    pair, x = lg2()
    for num_particles, biased in ((1, False), (2, True), (10, True)):
        gradients = gaussian_copies(pair, x, 100_000).gradients(STL(num_particles, alpha=0.0))
        truth = torch.tensor(LG2["grad_phi"][num_particles])
        scores = z_scores(gradients[:, :4], truth).abs()
        assert scores.max() > 100 if biased else (scores < 4.5).all(), scores
    expected = torch.tensor([-0.267, -0.967, -0.355, 0.093])
    torch.testing.assert_close(gradients[:, :4].mean(0).float(), expected, rtol=0, atol=3e-3)
    # The model's parameters keep the gradient of the bound.
    truth = gaussian_truth(pair, x, lambda x: pair.iwae(x, 10))
    assert (z_scores(gradients[:, 4:], truth[4:]).abs() < 4.5).all()


def test_variances_in_closed_form():
    """Of the guide's mean: LpSqLp for the plain gradient, (Lp - Lq) Sq (Lp - Lq) for this one."""
    pair, x = lg2()
    precision = torch.tensor(LG2["posterior_precision"]).double()
    spread = (2 * pair.encoder.log_scale.detach()).exp().diag()
    difference = precision - spread.inverse()
    for objective, expected in (
        (STL(1), difference @ spread @ difference),
        (ELBO(1), precision @ spread @ precision),
    ):
        gradients = gaussian_copies(pair, x, 500_000).gradients(objective)[:, :2]
        torch.testing.assert_close(gradients.T.cov(), expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("num_particles", [1, 10])
@pytest.mark.parametrize("alpha", [1.0, 0.0])
def test_is_zero_at_the_exact_posterior(num_particles, alpha):
    """Each gradient, not their mean; the plain one is noise there."""
    made = LinearGaussian.random(6, 3, seed=2)
    weight, bias, variance = (t.detach() for t in made._likelihood())
    pair = LinearGaussian(weight, bias, variance.sqrt())
    x = pair.sample(20, seed=1)
    largest = {}
    for objective in (STL(num_particles, alpha), ELBO(num_particles)):
        pair.zero_grad()
        objective.loss_and_grads(pair.model, pair.guide, x)
        largest[type(objective)] = max(p.grad.abs().max() for p in pair.encoder.parameters())
    assert largest[STL] < 1e-9
    assert largest[ELBO] > 0.1
    assert pair.decoder.loc.grad.abs().max() > 0.1


def test_repr():
    assert repr(STL(3, 0.5)) == "STL(num_particles=3, alpha=0.5)"


def _pair(seed):
    if seed is None:
        return lg2()
    pair = LinearGaussian.random([3, 7][seed], [1, 4][seed], seed=seed)
    return pair, pair.sample(1, seed=1)
