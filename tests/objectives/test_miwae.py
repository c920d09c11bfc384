"""Means over groups: the value and gradients of IWAE with one group's particles."""

import pytest
import torch

from pyrovae.data import DiscreteLatent
from pyrovae.errors import ShapeError
from pyrovae.math import log_mean_exp
from pyrovae.objectives import IWAE, MIWAE, DReGMIWAE
from tests.objectives.copies import discrete_copies, gaussian_copies, gaussian_truth
from tests.oracles import LG2, lg2, z_scores


@pytest.mark.parametrize("sizes", [(1, 5), (4, 2), (3, 1), (5, 10)])
@pytest.mark.parametrize("made", [MIWAE, DReGMIWAE])
def test_value_is_that_of_one_group(made, sizes):
    pair, x = lg2()
    bounds = made(*sizes).per_datum(pair.model, pair.guide, x.expand(50_000, -1))
    assert abs(z_scores(bounds, LG2["iwae"][sizes[1]])) < 4.5


def test_groups_are_runs_of_particles():
    pair, x = lg2()
    p = MIWAE(3, 4).draw(pair.model, pair.guide, x)
    by_hand = torch.stack([log_mean_exp(group) for group in p.log_w.split(4)]).mean(0)
    torch.testing.assert_close(MIWAE(3, 4).bound(p), by_hand)
    assert MIWAE(3, 4).num_particles == 12


@pytest.mark.parametrize("made", [MIWAE, DReGMIWAE])
@pytest.mark.parametrize("sizes", [(3, 2), (2, 5)])
def test_gradient_is_exact(made, sizes):
    pair, x = lg2()
    truth = gaussian_truth(pair, x, lambda x: pair.iwae(x, sizes[1]))
    gradients = gaussian_copies(pair, x, 100_000).gradients(made(*sizes))
    assert (z_scores(gradients, truth).abs() < 4.5).all()


def test_noise_falls_with_groups_and_without_the_score():
    pair, x = lg2()
    plain, grouped, ours = (
        gaussian_copies(pair, x, 20_000).gradients(objective)[:, :4].var(0)
        for objective in (IWAE(5), MIWAE(4, 5), DReGMIWAE(4, 5))
    )
    torch.testing.assert_close(grouped, plain / 4, rtol=0.1, atol=0)
    assert (ours < grouped / 2).all()


def test_gradient_without_a_reparameterised_sampler():
    pair = DiscreteLatent.random(data_dim=5, latent_dim=2, seed=4)
    x = pair.sample(1, seed=1)
    (truth,) = torch.autograd.grad(pair.iwae(x, 2).sum(), [pair.encoder.loc])
    scores = z_scores(discrete_copies(pair, x, 50_000).gradients(MIWAE(3, 2)), truth)
    assert (scores.abs() < 4.5).all(), scores


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0)])
def test_sizes_below_one_are_refused(sizes):
    with pytest.raises(ShapeError, match="num_groups=. and group_size=.*needs >= 1"):
        MIWAE(*sizes)


def test_repr():
    assert repr(MIWAE(3, 4)) == "MIWAE(num_groups=3, group_size=4)"


def test_its_particles_can_be_set_for_a_comparison():
    objective = MIWAE(2, 3)
    assert objective.num_particles == 6
    objective.num_particles = 8
    assert (objective.num_groups, objective.group_size) == (2, 4)
    with pytest.raises(
        ShapeError, match="MIWAE got num_particles=7, .* 2 groups .* multiple of 2"
    ):
        objective.num_particles = 7
