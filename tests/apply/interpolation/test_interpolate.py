"""Interpolation on pairs of every kind, against the linear Gaussian, whose geodesics are lines."""

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import data
from pyrovae.apply import corner_grid, interpolate, latent_manifold, pulled_back_metric
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, DataError, ShapeError, SiteError
from pyrovae.models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from pyrovae.nn import BetaBinomial, Binomial
from pyrovae.particles.conditionals import conditionals


@pytest.fixture(scope="module")
def pair():
    return LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)


@pytest.fixture(scope="module")
def digits():
    return data.digits().test


def test_a_linear_gaussian_pair(pair):
    x = pair.sample(6, seed=1)
    found = interpolate(pair, x, steps=5, seed=0)
    weight, bias, variance = (t.detach() for t in pair._likelihood())
    z = pair._q(x).loc.detach()
    lengths = ((z[1::2] - z[::2]) @ weight.T).norm(dim=-1)
    for path in ("linear", "geodesic"):
        torch.testing.assert_close(found.lengths[path], lengths)
        torch.testing.assert_close(found.energies[path], lengths**2)
        ends = found.latents[path][:, [0, -1]].flatten(0, 1)
        torch.testing.assert_close(ends, z)
        torch.testing.assert_close(found.images[path][:, 0], z[::2] @ weight.T + bias)
        middle = (found.images[path][:, 0] + found.images[path][:, -1]) / 2
        torch.testing.assert_close(found.images[path][:, 2], middle, atol=1e-6, rtol=0)
    assert (found.lengths["spherical"] >= lengths).all()
    assert torch.equal(found.ends.flatten(0, 1), x)
    exact = (weight.T @ weight).expand(6, 2, 2)
    torch.testing.assert_close(pulled_back_metric(pair, x), exact)
    torch.testing.assert_close(pulled_back_metric(pair, x, metric="fisher"), exact / variance)
    assert found.cells()[3][2] == "1.000" and "geodesic" in str(found)
    assert len(found.numbers()["linear"]["lengths"]) == 3 and found.plot() is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: VAE((1, 8, 8), 3, likelihood=Binomial(16)),
        lambda: VAE((1, 8, 8), 3, likelihood=Binomial(16)).double(),
        lambda: Autoencoder((1, 8, 8), 3, likelihood=Binomial(16)),
    ],
    ids=["VAE", "float64", "Autoencoder"],
)
@pytest.mark.parametrize("metric", ["moments", "fisher"])
def test_families_and_bytes(make, metric, digits):
    one = make()
    x = digits.x[:5].numpy().astype(np.uint8)
    state = torch.get_rng_state()
    found = interpolate(one, x, metric=metric, steps=4, num_iterations=10, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert found.images["geodesic"].shape == (2, 4, 1, 8, 8)
    assert (found.lengths["geodesic"] <= found.lengths["linear"]).all()
    assert all(p.grad is None for p in one.parameters())
    assert found.plot() is not None


def test_several_latents_are_asked_for_and_held(digits):
    one = HierarchicalVAE((1, 8, 8), (3, 2), likelihood=Binomial(16))
    x = digits.x[:4]
    with pytest.raises(SiteError, match="several latents"):
        interpolate(one, x)
    found = {}
    for site in latents_of(one, x):
        found[site] = interpolate(one, x, site=site, num_iterations=5, seed=0)
        assert found[site].site == site and found[site].lengths["geodesic"].isfinite().all()
    low, top = sorted(found, key=lambda site: found[site].latents["linear"].shape[-1])[::-1]
    held = interpolate(one, x, site=low, others="posterior", num_iterations=5, seed=0)
    torch.testing.assert_close(held.lengths["linear"], found[low].lengths["linear"])
    with pytest.raises(SiteError, match="does not change with the latent"):
        interpolate(one, x, site=top, others="posterior")


def latents_of(one, x):
    return [n for n, s in conditionals(one.guide, x).items() if not s.is_observed]


def test_a_pair_with_labels(digits):
    one = ConditionalVAE((1, 8, 8), 3, num_classes=10, likelihood=Binomial(16))
    found = interpolate(one, digits.x[:4], digits.y[:4], path="linear", steps=3, seed=0)
    assert found.images["linear"].shape == (2, 3, 1, 8, 8) and set(found.lengths) == {"linear"}


def test_a_discrete_latent_is_held_at_the_posterior():
    def model(x):
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Bernoulli(x.new_tensor(0.5)))
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            loc = torch.cat([z, k[..., None]], -1)
            pyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Bernoulli((x[..., 2] > 0.5).to(x)))
            pyro.sample("z", dist.Normal(x[..., :2], 0.1).to_event(1))

    x = torch.tensor([[0.0, 0.0, 1.0], [1.0, 2.0, 1.0]])
    with pytest.raises(SiteError, match="'k' states no mean"):
        interpolate(model, guide, x)
    found = interpolate(model, guide, x, others="posterior", path="linear", steps=3)
    exact = torch.tensor([[0.0, 0.0, 1.0], [0.5, 1.0, 1.0], [1.0, 2.0, 1.0]])
    torch.testing.assert_close(found.images["linear"][0], exact)


def test_the_four_corners_are_decoded(pair):
    x = pair.sample(4, seed=1)
    made = corner_grid(pair, x, steps=3)
    weight, bias, _ = (t.detach() for t in pair._likelihood())
    z = pair._q(x).loc.detach()
    corners = made[[0, 0, -1, -1], [0, -1, 0, -1]]
    torch.testing.assert_close(corners, z @ weight.T + bias)
    torch.testing.assert_close(made[1, 1], z.mean(0) @ weight.T + bias)
    with pytest.raises(DataError, match="needs one for each corner"):
        corner_grid(pair, x[:3])


def test_the_manifold_has_the_quantiles_of_the_prior(pair):
    made = latent_manifold(pair, pair.sample(1, seed=1), steps=3)
    weight, bias, _ = (t.detach() for t in pair._likelihood())
    q = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor([1 / 6, 0.5, 5 / 6])).double()
    torch.testing.assert_close(made[2, 0], weight @ q[[0, 0]] + bias, atol=1e-6, rtol=0)
    torch.testing.assert_close(made[0, 2], weight @ q[[2, 2]] + bias, atol=1e-6, rtol=0)
    torch.testing.assert_close(made[0, 0], weight @ q[[0, 2]] + bias, atol=1e-6, rtol=0)
    with pytest.raises(ShapeError, match=r"units=\(0, 2\)"):
        latent_manifold(pair, pair.sample(1, seed=1), units=(0, 2))


def test_refusals(pair, digits):
    with pytest.raises(DataError, match="1 datum"):
        interpolate(pair, pair.sample(1, seed=1))
    with pytest.raises(ConfigError, match="steps=1"):
        interpolate(pair, pair.sample(2, seed=1), steps=1)
    with pytest.raises(SiteError, match="no continuous latent 'w'"):
        interpolate(pair, pair.sample(2, seed=1), site="w")
    other = VAE((1, 8, 8), 2, likelihood=BetaBinomial(16))
    with pytest.raises(SiteError, match="BetaBinomial is not known"):
        interpolate(other, digits.x[:2], metric="fisher")
