"""The covariance of a batch's posteriors, by numpy; its price, and what it does."""

from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.errors import ConfigError, PlateError, SiteError
from pyrovae.models import VAE, FlowPosterior, FullNormal, LowRankNormal
from pyrovae.nn import MLP
from pyrovae.nn import Normal as NormalHead
from pyrovae.objectives import DIPVAE, ELBO
from tests.pairs import STYLES

NET = partial(MLP, hidden=(6,))


def pair_of(posterior=None):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        options = {} if posterior is None else {"posterior": posterior}
        head = NormalHead(0.7)
        vae = VAE((4,), 3, likelihood=head, encoder=NET, decoder=NET, **options).double()
        with torch.no_grad():
            for parameter in vae.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    return vae, torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).double()


def value(objective, pair, x, seed=5):
    pyro.set_rng_seed(seed)
    return objective.per_datum(pair.model, pair.guide, x)


@pytest.mark.parametrize("variant", ["I", "II"])
@pytest.mark.parametrize("posterior", [None, FullNormal, LowRankNormal])
@pytest.mark.parametrize("vectorize", [True, False])
def test_by_numpy(variant, posterior, vectorize):
    vae, x = pair_of(posterior)
    q = vae.encode(x)
    full = q.covariance_matrix if posterior else torch.diag_embed(q.variance)
    covariance = np.cov(q.mean.detach().numpy().T, bias=True)
    if variant == "II":
        covariance = covariance + full.detach().numpy().mean(0)
    price = 0.0
    for i in range(3):
        for j in range(3):
            entry = covariance[i, j]
            price += 2.0 * (entry - 1) ** 2 if i == j else 7.0 * entry**2
    objective = DIPVAE(7.0, 2.0, 2, variant=variant, vectorize_particles=vectorize)
    p = objective.draw(vae.model, vae.guide, x)
    torch.testing.assert_close(objective.covariance(p)[1].detach(), torch.tensor(covariance))
    elbo = value(ELBO(2, closed_form_kl=True, vectorize_particles=vectorize), vae, x)
    torch.testing.assert_close(value(objective, vae, x), elbo - price)


def test_the_second_is_the_covariance_of_draws():
    vae, x = pair_of()
    z = vae.encode(x).sample((100_000,)).flatten(0, 1)
    p = DIPVAE(1.0).draw(vae.model, vae.guide, x)
    found = DIPVAE(1.0).covariance(p)[0].detach()
    torch.testing.assert_close(found, torch.cov(z.T), rtol=0.02, atol=0.02)


def test_the_weights_of_the_paper():
    vae, x = pair_of()
    for variant, diagonal in (("I", 30.0), ("II", 3.0)):
        given = DIPVAE(torch.tensor(3.0), diagonal, variant=variant)
        by_default = DIPVAE(3.0, variant=variant)
        torch.testing.assert_close(value(by_default, vae, x), value(given, vae, x))
    assert by_default.is_lower_bound


def test_it_makes_the_aggregate_white():
    """Free means of two data, which start correlated and are pulled apart by the price alone."""
    means = torch.randn(40, 2, generator=torch.Generator().manual_seed(0)).double()
    means[:, 1] += means[:, 0]
    means.requires_grad_()

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(means, 0.5).to_event(1))

    x = torch.zeros(40).double()
    for variant, around in (("I", 1.0), ("II", 0.75)):
        optim = torch.optim.Adam([means], 0.05)
        for _ in range(300):
            optim.zero_grad()
            DIPVAE(1000.0, variant=variant)(model, guide)(x).backward()
            optim.step()
        found = torch.cov(means.detach().T, correction=0)
        torch.testing.assert_close(found, around * torch.eye(2).double(), rtol=0.05, atol=0.02)


def test_a_point_mass_has_no_covariance():
    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(x.new_zeros(2), 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Delta(2 * x, event_dim=1))

    x = torch.randn(5, 2)
    found = [
        DIPVAE(1.0, variant=v).covariance(DIPVAE(1.0).draw(model, guide, x)) for v in "I I".split()
    ]
    torch.testing.assert_close(found[0][0], 4 * torch.cov(x.T, correction=0))
    second = DIPVAE(1.0).covariance(DIPVAE(1.0).draw(model, guide, x))
    torch.testing.assert_close(second, found[0])


def test_nested_plates_are_dimensions():
    pair = STYLES["nested_plate"](torch.float64)
    objective = DIPVAE(1.0, num_particles=2, site="z")
    p = objective.draw(pair.model, pair.guide, *pair.args)
    assert objective.covariance(p).shape == (2, 6, 6)
    site = p.guide_sites["z"]
    q = site.distributions[0]
    mean, variance = q.mean.transpose(1, 2), q.variance.transpose(1, 2)
    for k in range(2):
        expected = torch.cov(mean[k].T, correction=0) + torch.diag(variance[k].mean(0))
        torch.testing.assert_close(objective.covariance(p)[k], expected)


def test_what_it_refuses():
    with pytest.raises(ConfigError, match="variant='III'"):
        DIPVAE(1.0, variant="III")
    with pytest.raises(ConfigError, match="diagonal=-2"):
        DIPVAE(1.0, -2.0)
    flow, x = pair_of(FlowPosterior)
    with pytest.raises(SiteError, match="'z' is a TransformedDistribution"):
        value(DIPVAE(1.0), flow, x)
    vae, x = pair_of()
    with pytest.raises(PlateError, match="DIPVAE compares the data of a batch"):
        value(DIPVAE(1.0, batch_plate=None), vae, x)
