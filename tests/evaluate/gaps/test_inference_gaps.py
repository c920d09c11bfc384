"""The inference gap and its two parts, against closed forms of linear-Gaussian pairs."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions.transforms import AffineCoupling, Planar
from torch import nn

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, DataError, ParameterError, ReparamError
from pyrovae.evaluate import inference_gaps
from tests.evaluate.annealing.captured import captured
from tests.oracles import LG2, lg2, t15
from tests.pairs import STYLES


def exact_gaps(oracle, x):
    """Approximation gap of the mean-field family (one number) and amortisation gap [B]."""
    precision = oracle._precision().detach()
    best = 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision)).item()
    return best, (oracle.kl_to_posterior(x) - best).detach()


@pytest.mark.parametrize(("data_dim", "latent_dim", "seed"), [(5, 2, 0), (3, 1, 1), (8, 4, 2)])
@pytest.mark.parametrize("known", [True, False])
def test_both_gaps_are_the_closed_forms(data_dim, latent_dim, seed, known):
    oracle = LinearGaussian.random(data_dim=data_dim, latent_dim=latent_dim, seed=seed)
    x = oracle.sample(30, seed=1)
    found = inference_gaps(
        oracle.model, oracle.guide, x, log_px=oracle.log_px(x) if known else None,
        num_steps=200, num_particles=1000, seed=2,
    )  # fmt: skip
    approximation, amortisation = exact_gaps(oracle, x)
    s = found.summary()
    slack = 4 * s["approximation_monte_carlo_error"] + 1e-3
    assert abs(s["approximation"] - approximation) < slack
    if known:
        assert slack < 2e-2
    slack = 4 * s["amortisation_monte_carlo_error"] + 1e-3
    assert abs(s["amortisation"] - amortisation.mean().item()) < slack < 0.1
    z = (found.amortisation - amortisation) / (found.amortisation_error + 1e-3)
    assert z.abs().max() < 4.5
    torch.testing.assert_close(found.inference, found.approximation + found.amortisation)


def test_the_fixture():
    oracle, x = lg2()
    found = inference_gaps(
        oracle.model, oracle.guide, x, log_px=oracle.log_px(x), num_particles=20_000, seed=0
    )
    assert found.elbo_optimised.item() == pytest.approx(LG2["best_mean_field_elbo"], abs=5e-3)
    assert found.elbo.item() == pytest.approx(LG2["elbo"], abs=2e-2)
    assert found.approximation.item() == pytest.approx(0.02298, abs=5e-3)


def test_a_full_covariance_has_no_approximation_gap():
    start = LinearGaussian.random(data_dim=6, latent_dim=3, seed=0)
    weight, bias, variance = (t.detach().clone() for t in start._likelihood())
    zero = torch.zeros(3, dtype=torch.float64)
    oracle = LinearGaussian(
        weight, bias, variance.sqrt(), q_loc=zero, q_scale_tril=torch.eye(3).double()
    )
    x = oracle.sample(20, seed=1)
    for log_px in (oracle.log_px(x), None):
        found = inference_gaps(
            oracle.model, oracle.guide, x, log_px=log_px, num_particles=500, seed=0
        )
        assert found.approximation.abs().mean() < 1e-2
        assert found.log_px_route.startswith("given" if log_px is not None else "importance")
    assert (found.log_px - oracle.log_px(x)).abs().max() < 0.1


def test_nothing_is_gained_where_the_guide_is_the_posterior():
    start = LinearGaussian.random(data_dim=6, latent_dim=2, seed=0)
    weight, bias, variance = (t.detach().clone() for t in start._likelihood())
    oracle = LinearGaussian(weight, bias, variance.sqrt())
    found = inference_gaps(oracle.model, oracle.guide, oracle.sample(9, seed=1), num_steps=30)
    # The noise of the path gradient is zero there; what is left is Adam's on rounding errors.
    assert found.inference.abs().max() < 1e-2 and found.amortisation.abs().max() < 1e-2


@pytest.mark.parametrize("style", sorted(STYLES.keys() - {"subsampled_plate"}))
def test_every_style_of_pair(style):
    with pyro.settings.context(module_local_params=style == "pyro_module_local"):
        pair = STYLES[style](torch.float32)
        measure = partial(
            inference_gaps, pair.model, pair.guide, *pair.args, num_steps=15, step_particles=4,
            num_particles=40, rows=3, learning_rate=0.02, seed=0,
        )  # fmt: skip
        eager = measure(compile=False)
        with captured():
            found = measure()
    torch.testing.assert_close(found.elbo_optimised, eager.elbo_optimised)
    assert torch.equal(found.elbo, eager.elbo)
    assert found.elbo.shape == (pair.batch_size,)
    assert found.amortisation.mean() > 0


def gamma_poisson(x):
    with pyro.plate("data", len(x)):
        rate = pyro.sample("rate", dist.Gamma(x.new_tensor(2.0), 1.5))
        pyro.sample("x", dist.Poisson(rate), obs=x)


COUNTS = torch.tensor([0.0, 2.0, 7.0], dtype=torch.float64)


@pytest.mark.parametrize("family", [dist.Gamma, dist.LogNormal])
def test_families_of_positive_latents(family):
    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("rate", family(x.new_ones(()), 1.0))

    exact = dist.GammaPoisson(2.0, 1.5).log_prob(COUNTS)
    found = inference_gaps(
        gamma_poisson, guide, COUNTS, log_px=exact, num_steps=400, learning_rate=0.15, seed=0
    )
    assert found.amortisation.min() > 0.05
    if family is dist.Gamma:  # the posterior is one of them
        assert found.approximation.abs().max() < 2e-2
    else:
        assert 1e-3 < found.approximation.min() and found.approximation.max() < 0.2


def normal_model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z.sum(-1), 0.5), obs=x)


@pytest.mark.parametrize("invertible", [True, False])
def test_of_a_flow_the_base_is_optimised(invertible):
    if invertible:
        net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 2), nn.Unflatten(-1, (2, 1)))
        flow = AffineCoupling(1, lambda z: net(z).unbind(-2))
    else:
        flow = Planar(2)

    def guide(x):
        pyro.module("flow", flow)
        with pyro.plate("data", len(x)):
            base = dist.Normal(x.new_zeros(2), 1.0).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, [flow]))

    x = torch.tensor([0.5, 2.0, -1.0])
    before = {name: p.clone() for name, p in flow.named_parameters()}
    found = inference_gaps(
        normal_model, guide, x, log_px=dist.Normal(0.0, 1.5).log_prob(x), num_steps=150,
        num_particles=300, seed=0,
    )  # fmt: skip
    assert (found.amortisation > 0.3).all() and found.approximation.min() > -0.1
    for name, parameter in flow.named_parameters():
        assert torch.equal(parameter, before[name]) and parameter.grad is None


def test_a_seed_repeats_it_and_nothing_else_changes():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = oracle.sample(5, seed=1)
    before = [p.detach().clone() for p in oracle.parameters()]

    def run(seed):
        return inference_gaps(
            oracle.model, oracle.guide, x, num_steps=10, num_particles=20, seed=seed, rows=2
        ).elbo_optimised

    state = torch.get_rng_state()
    first = run(1)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first, run(1)) and not torch.equal(first, run(2))
    for parameter, old in zip(oracle.parameters(), before, strict=True):
        assert torch.equal(parameter, old) and parameter.requires_grad and parameter.grad is None


def delta_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Delta(x.new_zeros(2)).to_event(1))


class OfOneNumber(dist.Normal):
    def __init__(self, number):
        super().__init__(number, number.exp())

    def expand(self, batch_shape, _instance=None):
        return self


def odd_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", OfOneNumber(x.new_zeros(len(x), 2)).to_event(1))


def relaxed_model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.RelaxedBernoulli(x.new_tensor(0.5), logits=x.new_zeros(())))
        pyro.sample("x", dist.Normal(z, 0.3), obs=x)


def relaxed_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.RelaxedBernoulli(x.new_tensor(0.7), logits=x.new_zeros(())))


def test_relaxed_latents_keep_their_temperature():
    found = inference_gaps(
        relaxed_model, relaxed_guide, torch.tensor([0.0, 1.0]), num_steps=60, num_particles=300
    )
    assert (found.amortisation > 0.1).all()


def test_what_cannot_be_optimised_is_refused():
    oracle, x = t15()
    with pytest.raises(ReparamError, match="site 'z'.*no reparameterised sampler"):
        inference_gaps(oracle.model, oracle.guide, x)
    with pytest.raises(ParameterError, match="no site of the guide has parameters"):
        inference_gaps(normal_model, delta_guide, torch.ones(3))
    with pytest.raises(ParameterError, match=r"site 'z' \(OfOneNumber\) cannot be reached"):
        inference_gaps(normal_model, odd_guide, torch.ones(3))


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        (ConfigError, {"num_steps": 0}, "num_steps is 0"),
        (ConfigError, {"learning_rate": -1.0}, "learning_rate is -1.0"),
        (ConfigError, {"step_particles": 0}, "step_particles is 0"),
        (DataError, {"log_px": torch.zeros(3)}, r"log_px has shape \[3\], and must be \[1\]"),
    ],
)
def test_options_that_make_no_sense(kind, change, words):
    oracle, x = lg2()
    with pytest.raises(kind, match=words):
        inference_gaps(oracle.model, oracle.guide, x, **change)


def test_text():
    oracle, x = lg2()
    found = inference_gaps(oracle.model, oracle.guide, x, num_steps=5, num_particles=50)
    assert "importance sampling with K = 50 from the optimised guides" in str(found)
    assert found.summary()["num_particles"] == 50


def test_a_mixture_is_optimised():
    """Its parameters are reached like any other distribution's."""
    from pyrovae.distributions.normal_mixture import NormalMixture

    locs = torch.tensor([[0.5, 0.0], [-0.5, 0.0]], dtype=torch.float64)

    def guide(x):
        with pyro.plate("batch", len(x)):
            pyro.sample("z", NormalMixture(locs, torch.ones_like(locs), torch.zeros(2)))

    pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = pair.sample(3, seed=1)
    found = inference_gaps(pair.model, guide, x, log_px=pair.log_px(x), num_steps=200, seed=0)
    assert (found.amortisation > 0).all()
    assert (found.approximation < 0.1).all()
