"""Predictive checks: uniform where they should be, and finding what is wrong."""

import json
import math

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from scipy.stats import chi2, kstest, norm

from pyrovae.apply import predictive_check
from pyrovae.data import LinearGaussianChain, Split
from pyrovae.errors import ConfigError, DataError, PlateError, ShapeError, SiteError
from pyrovae.models import VAE, Autoencoder, ConditionalVAE, PartialVAE
from pyrovae.nn import Binomial, Normal
from tests import pairs
from tests.apply.exact_pairs import binary, linear, some_weight

EXACT = linear(some_weight())


def of_each_ten(x):
    """200 data sets of ten data in one: a statistic of each."""
    return x.reshape(200, -1).double().mean(1)


def mid_p(pair, predictive, statistic=of_each_ten, replicates=199):
    x = pair.sample(2000, seed=1)
    found = predictive_check(pair, x, statistics=[statistic], replicates=replicates,
                             predictive=predictive, seed=2)  # fmt: skip
    (checked,) = found.checked.values()
    return checked.tails.mid.numpy()


CHAIN = LinearGaussianChain.random(data_dim=4, latent_dims=(3, 2), seed=0)


@pytest.mark.parametrize("pair", [EXACT, CHAIN], ids=["one layer", "two layers"])
def test_prior_predictive_values_are_uniform(pair):
    assert kstest(mid_p(pair, "prior"), "uniform").pvalue > 0.01


def test_posterior_predictive_values_are_conservative():
    """As much as closed forms say: z-scores of p have a standard deviation below one."""
    weight, _, variance = (t.detach() for t in EXACT._likelihood())
    along = weight[:, 0] / weight[:, 0].norm()
    share = (
        variance * along @ torch.linalg.solve(weight @ weight.T + variance * torch.eye(5), along)
    )
    truth = (share / (2 - share)).sqrt().item()
    p = mid_p(EXACT, "posterior", lambda x: (x @ along).reshape(200, 10).mean(1))
    z = norm.ppf(p)
    assert truth < 0.5 and abs(z.std() / truth - 1) < 4 / math.sqrt(400)
    assert abs(z.mean()) < 4 * truth / math.sqrt(200)
    assert kstest(p, "uniform").pvalue < 1e-4


def test_counts_of_a_discrete_pair_are_right_in_the_mean():
    p = mid_p(binary(), "prior", lambda x: x.reshape(200, -1).sum(1), 99)
    assert abs(p.mean() - 0.5) < 4 * p.std() / math.sqrt(200)
    assert kstest(p, "uniform").pvalue > 0.005


@pytest.mark.parametrize("predictive", ["posterior", "prior"])
def test_the_mean_is_distributed_as_in_closed_form(predictive):
    x, num_data, replicates = EXACT.sample(50, seed=3), 50, 500
    found = predictive_check(EXACT, x, statistics="mean", replicates=replicates,
                             predictive=predictive, seed=4).checked["mean"]  # fmt: skip
    weight, bias, variance = (t.detach() for t in EXACT._likelihood())
    posterior = EXACT.posterior(x)
    ones = torch.ones(5).double() / 5
    covariance = posterior.covariance_matrix[0] if predictive == "posterior" else torch.eye(2)
    spread = ones @ (weight @ covariance.detach().double() @ weight.T) @ ones + variance / 5
    loc = bias.mean()
    if predictive == "posterior":
        loc = (posterior.loc.detach() @ weight.T + bias).mean()
    sd = (spread / num_data).sqrt()
    made = found.replicated[:, 0]
    z = (made.mean() - loc) / (sd / math.sqrt(replicates))
    assert abs(z) < 4
    ratio = made.var() / sd.square()
    assert abs(ratio - 1) < 4 * math.sqrt(2 / replicates)
    truth = 2 * torch.distributions.Normal(loc, sd).cdf(-(x.mean() - loc).abs() + loc)
    assert abs(found.p - truth) < 4 * max(found.error, 1 / replicates)


def test_a_discrepancy_that_depends_on_latents():
    """Squared standardised residuals of replicates are chi-squared, at any latents."""
    weight, bias, variance = (t.detach() for t in EXACT._likelihood())

    def misfit(x, z):
        return ((x - z["z"] @ weight.T - bias).square() / variance).sum()

    x = EXACT.sample(20, seed=5)
    found = predictive_check(EXACT, x, statistics=[misfit], replicates=200, seed=6)
    checked = found.checked["misfit"]
    assert checked.observed.shape == (200, 1)
    assert kstest(checked.replicated[:, 0].numpy(), chi2(100).cdf).pvalue > 0.01
    assert checked.p > 0.01
    far = predictive_check(EXACT, 3 * x, statistics=[misfit], replicates=100, seed=6)
    assert far.checked["misfit"].p == 2 / 101


def test_half_the_variance_is_found_and_the_right_one_is_not():
    x = EXACT.sample(1000, seed=7)
    narrow = linear(some_weight(), scale=0.7 / math.sqrt(2))
    for predictive in ("prior", "posterior"):
        options = {"replicates": 199, "predictive": predictive, "seed": 8}
        assert predictive_check(EXACT, x, statistics="sd", **options).checked["sd"].p > 0.2
        assert predictive_check(narrow, x, statistics="sd", **options).checked["sd"].p <= 0.04


def test_calibration_finds_what_the_posterior_predictive_hides():
    """The prior's mean is wrong: the latents follow the data, and the replicates with them."""
    pair, along = EXACT, some_weight()[:, 0]
    x = pair.sample(60, seed=9)
    options = {"statistics": {"along": lambda x: (x @ along).mean()}, "replicates": 30, "seed": 1}
    found = predictive_check(pair, x + 0.7 * along, **options, calibrate=19).checked["along"]
    assert found.p > 0.1 and found.p_calibrated == pytest.approx(1 / 20)
    fine = predictive_check(pair, x, **options, calibrate=19)
    assert fine.checked["along"].p_calibrated > 0.05
    assert "calibrated p" in str(fine) and fine.numbers()["statistics"]["along"]["p_calibrated"]


@pytest.mark.parametrize("style", pairs.STYLES.values(), ids=pairs.STYLES)
@pytest.mark.parametrize("predictive", ["posterior", "prior"])
def test_any_style_of_pair(style, predictive):
    pair = style(torch.float64)
    if style in (pairs.subsampled_plate, pairs.nested_plate):
        with pytest.raises(ShapeError, match="none of its sites holds the data row by row"):
            predictive_check(pair.model, pair.guide, *pair.args, replicates=20, seed=0,
                             predictive=predictive)  # fmt: skip
        return
    with pyro.settings.context(module_local_params=pair.local_params):
        found = predictive_check(pair.model, pair.guide, *pair.args, replicates=20, seed=0,
                                 predictive=predictive)  # fmt: skip
    assert found.num_data == pair.batch_size
    assert found.checked["element_means"].replicated.shape[0] == 20


def test_labels_stay_as_they_are():
    vae = ConditionalVAE((1, 4, 4), 2, num_classes=3, likelihood=Binomial(16))
    x, y = torch.randint(17, (30, 1, 4, 4)), torch.arange(30) % 3
    wanted = {"pixels": "element_means", "own": lambda x, z: z["z"].mean()}
    found = predictive_check(vae, Split(x.float(), y).labelled(), replicates=20, seed=0,
                             statistics=wanted)  # fmt: skip
    assert found.checked["pixels"].replicated.shape == (20, 16)
    assert "pixels (16, rms in sd)" in str(found)


def test_missing_values_stay_as_they_are():
    vae = PartialVAE((1, 4, 4), 2, likelihood=Binomial(16))
    x = torch.randint(1, 17, (10, 1, 4, 4)).float()
    mask = torch.zeros_like(x, dtype=torch.bool)
    mask[..., 0] = True
    found = predictive_check(vae, (torch.where(mask, x, 0.0), mask), replicates=20, seed=0,
                             statistics=["element_sds"])  # fmt: skip
    made = found.checked["element_sds"].replicated.reshape(20, 4, 4)
    assert (made[..., 0] > 0).all() and not made[..., 1:].any()


def test_seeds_blocks_and_groups(monkeypatch):
    x = EXACT.sample(30, seed=0)
    options = {"statistics": ["mean"], "replicates": 20, "seed": 3}
    before = torch.random.get_rng_state()
    first = predictive_check(EXACT, x, **options).checked["mean"].replicated
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(first, predictive_check(EXACT, x, **options).checked["mean"].replicated)
    blocks = predictive_check(EXACT, x, rows=7, **options).checked["mean"]
    assert torch.equal(blocks.observed, x.mean()[None])
    monkeypatch.setattr("pyrovae.apply.checking.replicates._MEMORY", 1)
    groups = predictive_check(EXACT, x, **options).checked["mean"].replicated
    assert len(groups.unique()) == len(first.unique()) == 20


def test_one_datum_of_bytes_and_the_finding():
    vae = VAE((1, 4, 4), 2, likelihood=Binomial(16))
    x = np.random.default_rng(0).integers(0, 17, (1, 1, 4, 4)).astype(np.uint8)
    found = predictive_check(vae, x, replicates=20, seed=0)
    numbers = json.loads(json.dumps(found.numbers()))
    assert numbers["num_data"] == 1 and numbers["statistics"]["zeros"]["p"] > 0
    assert numbers["statistics"]["element_means"]["num_entries"] == 16
    assert found.arrays()["sd_replicated"].shape == (20, 1)
    assert len(found.plot().axes) == 6


def test_pairs_that_cannot():
    coder = Autoencoder((5,), 2, likelihood=Normal())
    x = torch.rand(10, 5)
    assert predictive_check(coder, x, replicates=20, seed=0).num_data == 10
    with pytest.raises(ConfigError, match="the prior is flat"):
        predictive_check(coder, x, replicates=20, predictive="prior")

    def flat(x):
        with pyro.plate("data", len(x)):
            every = dist.ImproperUniform(dist.constraints.real, (), (5,))
            z = pyro.sample("z", every.to_event(0))
            pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def points(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Delta(x, event_dim=1))

    with pytest.raises(ConfigError, match="one cannot be drawn"):
        predictive_check(flat, points, x, replicates=20, calibrate=19)
    with pytest.raises(ConfigError, match="must be one of posterior, prior"):
        predictive_check(coder, x, predictive="both")
    with pytest.raises(ConfigError, match="needs 20"):
        predictive_check(coder, x, replicates=3)
    with pytest.raises(DataError, match="'odd' is inf"):
        predictive_check(coder, x, statistics={"odd": lambda x: (1 / (x - x)).max()})

    def lacking(x):
        with pyro.plate("data", len(x)):
            pyro.sample("other", dist.Normal(0.0, 1.0))

    with pytest.raises(SiteError):
        predictive_check(EXACT.model, lacking, x.double())


def test_global_latents_are_drawn_with_every_data_set():
    def model(x):
        mu = pyro.sample("mu", dist.Normal(torch.zeros(()), 1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(mu, 1.0).expand([3]).to_event(1), obs=x)

    def guide(x):  # the posterior
        n = x.numel()
        pyro.sample("mu", dist.Normal(x.sum() / (n + 1), (n + 1) ** -0.5))

    x = 0.3 + torch.randn(40, 3)
    found = predictive_check(model, guide, x, statistics="mean", replicates=500, seed=0,
                             batch_plate=None).checked["mean"]  # fmt: skip
    made = found.replicated
    sd = (1 / 121 + 1 / 120) ** 0.5
    assert abs(made.mean() - x.sum() / 121) < 4 * sd / 500**0.5
    assert abs(made.var() / sd**2 - 1) < 4 * (2 / 500) ** 0.5
    with pytest.raises(PlateError, match="'mu' of 40 data"):
        predictive_check(model, guide, x, statistics=[lambda x, z: 0], batch_plate=None)
