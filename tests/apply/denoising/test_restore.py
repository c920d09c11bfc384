"""The posterior of clean data given noisy ones, against the Wiener filter of a linear Gaussian."""

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import data
from pyrovae.apply import restore
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, SiteError
from pyrovae.models import VAE, Autoencoder, HierarchicalVAE
from pyrovae.nn import Binomial, GaussianNoise, Masking, SaltAndPepper
from tests.oracles import z_scores

SCALE, COPIES = 0.9, 200
NOISE = GaussianNoise(SCALE)


@pytest.fixture(scope="module")
def pair():
    return LinearGaussian.random(data_dim=4, latent_dim=2, seed=3)


@pytest.fixture(scope="module")
def noisy(pair):
    torch.manual_seed(0)
    return NOISE(pair.sample(1, seed=1))


def wiener(pair, noisy, scale=SCALE):
    """Mean and covariance of x given x plus noise, and log p(noisy), in closed form."""
    weight, bias, variance = (t.detach() for t in pair._likelihood())
    eye = torch.eye(len(bias), dtype=torch.float64)
    signal = weight @ weight.T + variance * eye
    total = signal + scale**2 * eye
    gain = signal @ torch.linalg.inv(total)
    log_py = torch.distributions.MultivariateNormal(bias, total).log_prob(noisy)
    return bias + (noisy - bias) @ gain.T, signal - gain @ signal, log_py


@pytest.mark.parametrize(
    "how",
    [
        {"num_particles": 60, "num_steps": 30, "num_moves": 0},
        {"num_particles": 2, "num_steps": 40, "num_moves": 20},
        {"num_particles": 4, "num_steps": 0, "num_moves": 30},
    ],
    ids=["weighted", "moved", "moved from the guide"],
)
def test_the_posterior_is_the_wiener_filter(pair, noisy, how):
    mean, covariance, log_py = wiener(pair, noisy)
    found = restore(pair, noisy.expand(COPIES, -1), noise=NOISE, seed=0, num_draws=1, **how)
    assert z_scores(found.mean, mean[0]).abs().max() < 4
    draws = found.draws[0]
    assert z_scores(draws, mean[0]).abs().max() < 4
    centred = draws - mean[0]
    products = centred[:, :, None] * centred[:, None, :]
    assert z_scores(products, covariance).abs().max() < 4
    assert 1 < float(found.ess.median()) <= how["num_particles"]
    if how["num_steps"]:  # weights of the guide, which is too narrow here, vary without bound
        estimate = found.log_evidence.exp()
        assert abs(float(z_scores(estimate, log_py.exp()[0]))) < 4
    assert found.acceptance.isnan().all() == (how["num_moves"] == 0)


def test_the_posterior_mean_has_the_least_error(pair):
    torch.manual_seed(1)
    x = pair.sample(500, seed=2)
    noisy = NOISE(x)
    exact = wiener(pair, noisy)[0]
    found = restore(pair, noisy, noise=NOISE, seed=0, num_particles=8, num_steps=40)
    errors = {
        name: (made - x).square().mean(-1)
        for name, made in {"exact": exact, "found": found.mean, "draw": found.draws[0],
                           "noisy": noisy}.items()
    }  # fmt: skip
    gain = errors["found"] - errors["exact"]
    assert 0 <= gain.mean() < 0.02 * errors["exact"].mean()
    # A draw of the posterior is as far from its mean as the clean datum is.
    assert abs(float(z_scores(errors["draw"] - 2 * errors["exact"], 0.0))) < 4
    assert errors["exact"].mean() < errors["draw"].mean()
    assert errors["exact"].mean() < errors["noisy"].mean()


def test_the_same_seed_gives_the_same_and_nothing_is_moved(pair, noisy):
    state = torch.get_rng_state()
    found = [restore(pair, noisy, noise=NOISE, seed=5, num_steps=3, num_moves=2) for _ in "ab"]
    assert torch.equal(found[0].draws, found[1].draws)
    assert torch.equal(torch.get_rng_state(), state)
    assert pyro.settings.get("validate_distributions_torch") is True


def binomial_pairs():
    torch.manual_seed(0)
    return [
        VAE((1, 8, 8), 3, likelihood=Binomial(16)),
        VAE((1, 8, 8), 3, likelihood=Binomial(16)).double(),
        HierarchicalVAE((1, 8, 8), (3, 2), likelihood=Binomial(16)),
    ]


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("noise", [GaussianNoise(3.0), SaltAndPepper(0.2, 0, 16)], ids=type)
def test_families_and_bytes(which, noise):
    one = binomial_pairs()[which]
    clean = data.digits().test.x[:1].numpy().astype(np.uint8)
    noisy = noise(torch.as_tensor(clean).float()).numpy()
    found = restore(one, noisy, noise=noise, seed=0, num_steps=2, num_moves=2, num_leapfrog=1)
    assert found.mean.shape == (1, 1, 8, 8) and found.draws.shape == (4, 1, 1, 8, 8)
    assert found.mean.isfinite().all() and 0 <= found.mean.min() and found.mean.max() <= 16
    assert set(found.draws.unique().tolist()) <= set(map(float, range(17)))


def discrete():
    def model(x):
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Bernoulli(torch.tensor(0.3)))
            pyro.sample("x", dist.Normal(4 * k[..., None] - 2, x.new_ones(2)).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Bernoulli(x.new_tensor(0.5)))

    return model, guide


def test_discrete_latents_are_weighted_exactly():
    model, guide = discrete()
    noisy = torch.tensor([[0.3, 0.1]])
    with pytest.raises(ConfigError, match=r"\['k'\] are discrete"):
        restore(model, guide, noisy, noise=NOISE)
    found = restore(model, guide, noisy, noise=NOISE, num_steps=0, num_moves=0,
                    num_particles=20_000, seed=0)  # fmt: skip
    variance = 1 + SCALE**2
    fn = torch.distributions.Normal(torch.tensor([[-2.0], [2.0]]), variance**0.5)
    share = (fn.log_prob(noisy).sum(-1) + torch.tensor([0.7, 0.3]).log()).softmax(0)
    means = torch.tensor([[-2.0], [2.0]])
    each = means + (noisy - means) / variance
    assert (found.mean[0] - share @ each).abs().max() < 0.05


def test_refusals(pair, noisy):
    with pytest.raises(ConfigError, match="num_particles=0"):
        restore(pair, noisy, noise=NOISE, num_particles=0)
    code = Autoencoder((4,), 2)
    with pytest.raises(ConfigError, match="improper"):
        restore(code, noisy.float(), noise=Masking(0.5))

    def whole(x):
        with pyro.plate("batch", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample(
                "x", dist.MultivariateNormal(z @ x.new_ones(2, 4), torch.eye(4).double()), obs=x
            )

    with pytest.raises(SiteError, match="MultivariateNormal"):
        restore(whole, pair.guide, noisy, noise=NOISE)


def test_the_guide_sees_noise_within_bounds_or_as_it_is():
    seen = []

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Binomial(16, logits=z).to_event(1), obs=x)

    def guide(x):
        seen.append(x)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))

    noisy = torch.tensor([[-3.0, 7.4]])
    for clip, exact in ((True, [0.0, 7.0]), (False, [-3.0, 7.4])):
        restore(model, guide, noisy, noise=NOISE, num_steps=2, num_moves=0, clip=clip)
        torch.testing.assert_close(seen[-1][0], torch.tensor(exact))


def test_a_latent_that_is_one_number_counts_as_a_vector_of_one():
    def pair(event):
        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(event), 1.0).to_event(len(event)))
                loc = (z if event else z[..., None]) + x.new_zeros(3)
                pyro.sample("x", dist.Normal(loc, 0.5).to_event(1), obs=x)

        def guide(x):
            loc = x.mean(1, keepdim=True) if event else x.mean(1)
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(loc, 0.7).to_event(len(event)))

        return model, guide

    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    small = {"noise": GaussianNoise(0.3), "num_steps": 3, "num_moves": 2, "seed": 0}
    vector, number = (restore(*pair(event), x, **small) for event in ((1,), ()))
    torch.testing.assert_close(number.mean, vector.mean)
