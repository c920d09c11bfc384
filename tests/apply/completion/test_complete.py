"""Completions against exact conditionals, for each method; every kind of pair; refusals."""

from functools import partial

import numpy as np
import pyro
import pytest
import torch

from pyrovae.apply import complete
from pyrovae.data.synthetic import DiscreteLatent, LinearGaussian, LinearGaussianChain
from pyrovae.errors import (
    ConfigError,
    DataError,
    InverseError,
    PlateError,
    ReparamError,
    ShapeError,
    SiteError,
)
from pyrovae.models import VAE, ConditionalVAE, FlowPosterior, PartialVAE
from pyrovae.nn import Binomial, Normal
from pyrovae.nn.flows import Planar
from tests import pairs
from tests.apply.completion.exact import hidden_given_seen, normal_of, normal_of_chain, z_scores

MASK = torch.tensor([True, False, True, False, False, True])
EXACT = ["hmc", "metropolis-gibbs", "importance"]
HARD = {
    "hmc": {"num_completions": 400, "num_steps": 30, "num_leapfrog": 5},
    "metropolis-gibbs": {"num_completions": 600, "num_steps": 100},
    "gibbs": {"num_completions": 600, "num_steps": 40, "num_particles": 0},
    "importance": {"num_completions": 600, "num_particles": 10_000},
}


def _random(seed=0):
    return LinearGaussian.random(data_dim=6, latent_dim=2, seed=seed)


def _with_exact_guide():
    pair = _random()
    weight, bias, variance = (t.detach() for t in pair._likelihood())
    return LinearGaussian(weight, bias, float(variance.sqrt()))


def _chain():
    return LinearGaussianChain.random(data_dim=6, latent_dims=(3, 2), seed=0)


@pytest.fixture(scope="module")
def completed():
    """Completions of a linear-Gaussian pair whose guide is wrong, by method."""
    pair = _random()
    x = pair.sample(2, seed=1)
    return x, {m: complete(pair, x, mask=MASK, method=m, seed=3, **HARD[m]) for m in HARD}


@pytest.mark.parametrize("method", EXACT)
def test_mean_and_covariance_are_exact(method, completed):
    x, found = completed[0], completed[1][method]
    exact = hidden_given_seen(normal_of(_random()), MASK, x)
    ess = None
    if method == "importance":  # draws are shared: count them as the mean of K weighted ones
        ess = 1 / (1 / len(found.completions) + 1 / float(found.ess.min()))
    scores = z_scores(found.completions[..., ~MASK], exact.loc, exact.covariance_matrix[0], ess)
    assert max(scores) < 4.5, f"z-scores of mean and covariance: {scores}"
    assert torch.equal(found.completions[..., MASK], x[:, MASK].expand(1, 2, 3).expand(
        len(found.completions), 2, 3))  # fmt: skip
    torch.testing.assert_close(found.mean[:, ~MASK], exact.loc, atol=0.06, rtol=0)
    torch.testing.assert_close(found.std[:, ~MASK], exact.stddev, atol=0.05, rtol=0)
    assert torch.equal(found.mean[:, MASK], x[:, MASK]) and not found.std[:, MASK].any()


def test_gibbs_is_biased_where_the_guide_is_wrong_and_exact_where_it_is_right(completed):
    x, found = completed[0], completed[1]["gibbs"]
    exact = hidden_given_seen(normal_of(_random()), MASK, x)
    covariance = exact.covariance_matrix[0]
    assert max(z_scores(found.completions[..., ~MASK], exact.loc, covariance)) > 6
    right = complete(_with_exact_guide(), x, mask=MASK, method="gibbs", seed=3, **HARD["gibbs"])
    scores = z_scores(right.completions[..., ~MASK], exact.loc, covariance)
    assert max(scores) < 4.5, f"z-scores of mean and covariance: {scores}"


@pytest.mark.usefixtures("quick_chains")
@pytest.mark.parametrize("method", EXACT)
def test_a_hierarchy_is_exact(method):
    pair = _chain()
    x = pair.sample(1, seed=1)
    found = complete(pair, x, mask=MASK, method=method, seed=5, num_particles=10_000,
                     num_completions=300, num_steps=100 if method != "hmc" else 30,
                     num_leapfrog=6)  # fmt: skip
    exact = hidden_given_seen(normal_of_chain(pair), MASK, x)
    ess = None
    if method == "importance":
        ess = 1 / (1 / 300 + 1 / float(found.ess.min()))
    scores = z_scores(found.completions[..., ~MASK], exact.loc, exact.covariance_matrix[0], ess)
    assert max(scores) < 4.5, f"z-scores of mean and covariance: {scores}"
    assert set(found.latents) == {"z1", "z2"}
    assert found.latents["z1"].shape == (300, 1, 3)


def test_the_density_of_what_was_hidden_is_exact(completed):
    x, by_method = completed
    exact = hidden_given_seen(normal_of(_random()), MASK, x).log_prob(x[:, ~MASK])
    for method in EXACT:
        estimates = by_method[method].log_hidden
        names = {"importance", "predictive"} | ({"annealed"} if method == "hmc" else set())
        assert set(estimates) == names
        for name, held in estimates.items():
            z = (held.log_prob - exact) / held.standard_error
            assert z.abs().max() < 4.5, f"{name} by {method}: {z}"
            assert held.standard_error.max() < 0.1


def test_discrete_latents_are_enumerated():
    pair = DiscreteLatent.random(data_dim=6, latent_dim=3, seed=2)
    x = pair.sample(2, seed=1)
    with torch.no_grad():
        prior, logits = pair._log_prior(), pair.decoder.affine(pair.states.double())
        each = torch.distributions.Bernoulli(logits=logits).log_prob(x.double()[:, None])
        seen = prior + each[..., MASK].sum(-1)  # [N, 2^L]
        chance = seen.softmax(-1) @ logits.sigmoid()[:, ~MASK]
        exact = pair.log_px(x) - seen.logsumexp(-1)
    for method in ("metropolis-gibbs", "importance", "auto"):
        found = complete(pair, x, mask=MASK, method=method, seed=0, num_completions=1000,
                         num_steps=60, num_particles=4000)  # fmt: skip
        made = found.completions[..., ~MASK]
        assert set(made.unique().tolist()) == {0.0, 1.0}
        z = (made.mean(0) - chance) / (chance * (1 - chance) / 1000).sqrt()
        assert z.abs().max() < 4.5, f"{method}: {z}"
        for name, held in found.log_hidden.items():
            z = (held.log_prob - exact) / held.standard_error
            assert z.abs().max() < 4.5, f"{name} by {method}: {z}"
    assert found.method == "metropolis-gibbs"
    with pytest.raises(ReparamError, match="site 'z'.*discrete.*metropolis-gibbs.*importance"):
        complete(pair, x, mask=MASK, method="hmc")


def test_constrained_latents_move_in_unconstrained_coordinates():
    """A gamma prior of a normal's precision: p(precision|observed) is a gamma distribution."""
    dist = pyro.distributions

    def model(x):
        with pyro.plate("data", len(x)):
            precision = pyro.sample("precision", dist.Gamma(x.new_tensor(3.0), 2.0))
            scale = precision.rsqrt().unsqueeze(-1).expand(len(x), 4)
            pyro.sample("x", dist.Normal(0.0, scale).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("precision", dist.Gamma(x.new_tensor(2.0), 1.0))

    x = torch.tensor([[0.5, -1.0, 0.3, 2.0]], dtype=torch.float64)
    mask = torch.tensor([True, True, True, False])
    found = complete(model, guide, x, mask=mask, method="hmc", num_completions=2000, num_steps=30,
                     num_leapfrog=5, seed=0)  # fmt: skip
    shape, rate = 3 + 1.5, 2 + 0.5 * float(x[0, :3].square().sum())
    drawn = found.latents["precision"][:, 0]
    z = (drawn.mean() - shape / rate) / (shape**0.5 / rate / 2000**0.5)
    assert abs(z) < 4.5
    student = torch.distributions.StudentT(2 * shape, 0.0, (rate / shape) ** 0.5)
    held = found.log_hidden["annealed"]
    z = (held.log_prob - student.log_prob(torch.tensor(2.0))) / held.standard_error
    assert abs(float(z)) < 4.5


QUICK = {"num_completions": 3, "num_steps": 8, "num_particles": 16, "num_leapfrog": 2, "seed": 0}
STYLES = {n: s for n, s in pairs.STYLES.items() if n not in ("subsampled_plate", "nested_plate")}


@pytest.mark.usefixtures("quick_chains")
@pytest.mark.parametrize("method", ["hmc", "metropolis-gibbs"])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_pair(style, method):
    pair = STYLES[style](torch.float64)
    with pyro.settings.context(module_local_params=pair.local_params):
        (x,) = pair.args
        before = torch.get_rng_state()
        mask = torch.arange(x[0].numel()).reshape(x.shape[1:]) % 2 == 0
        found = complete(pair.model, pair.guide, x, mask=mask, method=method, **QUICK)
    assert torch.equal(torch.get_rng_state(), before)
    assert found.completions.shape == (3, *x.shape) and found.completions.dtype == torch.float64
    assert found.completions.isfinite().all() and found.mean.isfinite().all()
    assert torch.equal(found.completions[1][:, mask], x[:, mask])
    assert all(held.log_prob.isfinite().all() for held in found.log_hidden.values())


@pytest.mark.usefixtures("quick_chains")
def test_levels_in_an_array_and_a_single_row():
    pair = VAE((1, 4, 4), 2, likelihood=Binomial(16))
    x = np.random.default_rng(0).integers(0, 17, (1, 1, 4, 4)).astype(np.uint8)
    found = complete(pair, x, mask="bottom half", **QUICK)
    assert torch.equal(found.completions[:, :, :, :2], torch.tensor(x[:, :, :2]).expand(
        3, 1, 1, 2, 4).float())  # fmt: skip
    assert torch.equal(found.completions, found.completions.round())
    assert found.log_hidden["annealed"].log_prob < 0
    assert found.method == "hmc" and "R-hat" in str(found)


@pytest.mark.usefixtures("quick_chains")
def test_not_a_number_is_missing_and_is_not_scored():
    pair, x = _random(), _random().sample(3, seed=1)
    x[0, 2], x[1] = torch.nan, x[1]
    found = complete(pair, x, method="importance", **QUICK)
    assert found.hidden.sum() == 1 and found.completions.isfinite().all()
    assert set(found.log_hidden) == {"predictive"} and found.numbers()["log_hidden"] == {}
    assert not found.log_hidden["predictive"].log_prob.any() and np.isnan(found.psnr)
    both = complete(pair, x, mask=MASK, method="importance", **QUICK)
    assert both.hidden.sum() == 3 * 3 + 1 and both.scored.sum() == 9


@pytest.mark.usefixtures("quick_chains")
def test_what_is_hidden_has_no_influence():
    pair, x = _random(), _random().sample(3, seed=1)
    other = torch.where(MASK, x, 7.0)
    for method in ("hmc", "metropolis-gibbs", "importance", "gibbs"):
        made = [complete(pair, d, mask=MASK, method=method, **QUICK) for d in (x, other)]
        assert torch.equal(made[0].completions, made[1].completions), method


@pytest.mark.usefixtures("quick_chains")
def test_a_pair_that_takes_the_mask_infers_from_it():
    torch.manual_seed(0)
    pair = PartialVAE((6,), 2, likelihood=Normal(0.5)).double()
    x, mask = torch.randn(4, 6).double(), torch.rand(4, 6) < 0.7
    mask[:, 0] = True
    found = complete(pair, x, mask, method="importance", num_particles=4000, seed=0)
    wanted = pair.impute(x, mask, num_particles=4000)
    torch.testing.assert_close(found.mean, wanted, atol=0.05, rtol=0)
    assert torch.equal(found.hidden, ~mask)
    less = complete(pair, (x, mask), mask=torch.arange(6) < 3, **QUICK)
    assert torch.equal(less.scored, mask & (torch.arange(6) >= 3))
    assert complete(pair, x, mask=MASK, **QUICK).hidden.sum() == 12


@pytest.mark.usefixtures("quick_chains")
def test_a_conditional_pair_completes_given_its_labels():
    pair = ConditionalVAE((1, 4, 4), 2, num_classes=3, likelihood=Binomial(16))
    x, y = torch.randint(0, 17, (5, 1, 4, 4)).float(), torch.arange(5) % 3
    found = complete(pair, x, y, mask="centre", chunk=6, **QUICK)
    assert found.completions.shape == (3, 5, 1, 4, 4) and found.hidden.sum() == 5 * 4


@pytest.mark.usefixtures("quick_chains")
def test_refusals():
    pair, x = _random(), _random().sample(3, seed=1)
    other = pairs.STYLES["nested_plate"](torch.float64)  # which observes the data transposed
    with pytest.raises(ShapeError, match="row by row"):
        complete(other.model, other.guide, *other.args, mask=torch.arange(6) < 3)
    half = pairs.STYLES["subsampled_plate"](torch.float64)
    with pytest.raises(PlateError, match="own subsample"):
        complete(half.model, half.guide, *half.args, mask=torch.arange(6) < 3)
    with pytest.raises(ConfigError, match="nothing is missing"):
        complete(pair, x)
    with pytest.raises(ConfigError, match="no mask is called 'bottom'"):
        complete(pair, x, mask="bottom")
    with pytest.raises(ShapeError, match=r"mask has shape \[4\]"):
        complete(pair, x, mask=torch.ones(4).bool())
    with pytest.raises(DataError, match="mask is float32"):
        complete(pair, x, mask=torch.ones(6))
    with pytest.raises(DataError, match="nothing was observed"):
        complete(pair, x, mask=~torch.ones(6).bool())
    with pytest.raises(ConfigError, match="method is 'nuts'"):
        complete(pair, x, mask=MASK, method="nuts")
    with pytest.raises(ConfigError, match="num_steps is 2"):
        complete(pair, x, mask=MASK, num_steps=2)
    with pytest.raises(TypeError, match="num_completions"):
        complete(pair, x, mask=MASK, num_completion=2)


@pytest.mark.usefixtures("quick_chains")
def test_elements_that_depend_on_each_other_are_refused():
    dist = pyro.distributions

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(6), 1.0).to_event(1))
            pyro.sample("x", dist.MultivariateNormal(z, torch.eye(6)), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x, 1.0).to_event(1))

    with pytest.raises(SiteError, match="completion needs.*site 'x'.*MultivariateNormal"):
        complete(model, guide, torch.randn(3, 6), mask=MASK)


@pytest.mark.usefixtures("quick_chains")
def test_a_flow_without_an_inverse_is_told_what_works():
    pair = VAE((6,), 2, likelihood=Normal(), posterior=partial(FlowPosterior, layer=Planar))
    x = torch.randn(3, 6)
    with pytest.raises(InverseError, match="did not draw itself.*method='gibbs'.*'hmc'"):
        complete(pair, x, mask=MASK, **{**QUICK, "method": "metropolis-gibbs"})
    for method in ("hmc", "gibbs", "importance"):
        found = complete(pair, x, mask=MASK, method=method, **QUICK)
        assert found.completions.isfinite().all()
