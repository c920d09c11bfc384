"""The combination of two bounds: its values and gradients are theirs."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.objectives import CIWAE, ELBO, IWAE, DReGCIWAE
from tests.objectives.copies import gaussian_copies, gaussian_truth
from tests.oracles import LG2, lg2, z_scores


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("made", [CIWAE, DReGCIWAE])
def test_value_is_exact(made, beta):
    pair, x = lg2()
    bounds = made(beta, 5).per_datum(pair.model, pair.guide, x.expand(50_000, -1))
    truth = beta * LG2["elbo"] + (1 - beta) * LG2["iwae"][5]
    assert abs(z_scores(bounds, truth)) < 4.5


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("made", [CIWAE, DReGCIWAE])
def test_gradient_is_exact(made, beta):
    pair, x = lg2()
    truth = gaussian_truth(pair, x, lambda x: beta * pair.elbo(x) + (1 - beta) * pair.iwae(x, 5))
    gradients = gaussian_copies(pair, x, 100_000).gradients(made(beta, 5))
    assert (z_scores(gradients, truth).abs() < 4.5).all()


def test_doubly_reparameterised_has_less_noise():
    pair, x = lg2()
    plain, ours = (
        gaussian_copies(pair, x, 20_000).gradients(made(0.3, 10))[:, :4].var(0)
        for made in (CIWAE, DReGCIWAE)
    )
    assert (ours < plain / 2).all()


def test_ends_are_the_two_bounds_draw_by_draw():
    pair, x = lg2()
    p = IWAE(6).draw(pair.model, pair.guide, x.expand(9, -1))
    torch.testing.assert_close(CIWAE(0.0, 6).bound(p), IWAE(6).bound(p))
    torch.testing.assert_close(CIWAE(1.0, 6).bound(p), ELBO(6).bound(p))


@pytest.mark.parametrize("beta", [-0.1, 1.1])
def test_other_shares_are_refused(beta):
    with pytest.raises(ConfigError, match=r"needs 0 <= beta <= 1"):
        CIWAE(beta, 3)


def test_repr():
    assert repr(CIWAE(0.5, 3)) == "CIWAE(beta=0.5, num_particles=3)"
