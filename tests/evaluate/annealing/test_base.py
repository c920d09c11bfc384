"""Every kind of latent is annealed, and what cannot be is refused."""

from functools import partial
from itertools import cycle

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.errors import ConfigError, PlateError, ReparamError, SiteError, SupportError
from pyrovae.evaluate import ais
from tests.evaluate.annealing.captured import captured
from tests.evaluate.annealing.pairs import (
    auxiliary_guide,
    beta_binomial,
    dependent_support,
    dirichlet_guide,
    dirichlet_multinomial,
    fixed_support,
    fixed_support_guide,
    gamma_poisson,
    log_normal_guide,
    normal_model,
    planar_guide,
    point_guide,
    uniform_guide,
    worst_z,
)
from tests.oracles import lg2, t15
from tests.pairs import STYLES

COUNTS = torch.tensor([0.0, 1.0, 4.0, 9.0], dtype=torch.float64)


TRIPLES = torch.tensor([[10.0, 0, 0], [3, 3, 4], [0, 1, 9]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("model", "guide", "x", "exact"),
    [
        (gamma_poisson, log_normal_guide, COUNTS, dist.GammaPoisson(2.0, 1.5)),
        (beta_binomial, uniform_guide, COUNTS, dist.BetaBinomial(1.5, 2.5, 10)),
        (
            dirichlet_multinomial, dirichlet_guide, TRIPLES,
            dist.DirichletMultinomial(torch.tensor([1.0, 2.0, 0.7]).double(), 10),
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("start", ["guide", "prior"])
def test_constrained_latents(model, guide, x, exact, start):
    found = ais(
        model, guide, x, num_particles=200, num_temperatures=12, num_leapfrog=3, start=start,
        seed=0,
    )  # fmt: skip
    assert worst_z(found, exact.log_prob(x)) < 4.5
    assert found.standard_error.max() < 0.15


def test_nested_plates():
    pair = STYLES["nested_plate"](torch.float64)
    (x,) = pair.args
    found = ais(
        pair.model, pair.guide, x, num_particles=100, num_temperatures=60, num_leapfrog=3, seed=0
    )
    weight, size = torch.tensor([0.5, -0.3]).double(), x.shape[1]
    covariance = weight[1] ** 2 * (torch.ones(size, size) + torch.eye(size)) + 0.25 * torch.eye(
        size
    )
    exact = dist.MultivariateNormal(weight[0].expand(size), covariance.double()).log_prob(x)
    assert worst_z(found, exact) < 4.5 and found.standard_error.max() < 0.3


# From the guide and from the prior in turn.
@pytest.mark.parametrize(
    ("style", "start"),
    list(
        zip(sorted(STYLES.keys() - {"subsampled_plate"}), cycle(["guide", "prior"]), strict=False)
    ),
)
def test_every_style_of_pair(style, start):
    with pyro.settings.context(module_local_params=style == "pyro_module_local"):
        pair = STYLES[style](torch.float32)
        measure = partial(
            ais, pair.model, pair.guide, *pair.args, num_particles=3, num_temperatures=4,
            num_leapfrog=2, start=start, rows=3, seed=0,
        )  # fmt: skip
        eager = measure(compile=False)
        with captured():
            found = measure()
    torch.testing.assert_close(found.log_px, eager.log_px)
    assert found.log_px.shape == (pair.batch_size,) and found.log_px.isfinite().all()


def test_bounds_may_differ_between_data():
    x = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    found = ais(fixed_support, fixed_support_guide, x, num_particles=200, num_temperatures=10)
    high, unit = torch.linspace(1, 2, 3).double(), dist.Normal(0.0, 1.0)
    exact = ((unit.cdf(x) - unit.cdf(x - high)) / high).log()
    assert worst_z(found, exact) < 4.5


@pytest.mark.parametrize("guide", [point_guide, planar_guide, auxiliary_guide])
def test_guides_without_a_path_can_start_from_the_prior(guide):
    x = torch.randn(5)
    with pytest.raises(SiteError, match="start='prior'"):
        ais(normal_model, guide, x, num_temperatures=3)
    found = ais(
        normal_model, guide, x, num_particles=100, num_temperatures=10, start="prior", seed=0
    )
    assert worst_z(found, dist.Normal(0.0, 3**0.5).log_prob(x)) < 4.5


def test_what_cannot_be_annealed_is_refused():
    oracle, x = t15()
    with pytest.raises(ReparamError, match=r"site 'z' \(Bernoulli\) is discrete"):
        ais(oracle.model, oracle.guide, x)

    def guide(x):
        with pyro.plate("data", len(x)):
            top = pyro.sample("top", dist.LogNormal(x.new_zeros(()), 1.0))
            pyro.sample("z", dist.Uniform(0.0 * top, top))

    with pytest.raises(SupportError, match="support of site 'z'"):
        ais(dependent_support, guide, torch.ones(3))
    pair = STYLES["subsampled_plate"](torch.float64)
    with pytest.raises(PlateError, match="subsample"):
        ais(pair.model, pair.guide, *pair.args)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": "q"}, "start is 'q'"),
        ({"schedule": "cosine"}, "schedule is 'cosine'"),
        ({"num_temperatures": 0}, "num_temperatures is 0"),
        ({"num_leapfrog": 0}, "num_leapfrog is 0"),
        ({"target_acceptance": 1.0}, "target_acceptance is 1.0"),
    ],
)
def test_options_that_make_no_sense(change, words):
    oracle, x = lg2()
    with pytest.raises(ConfigError, match=words):
        ais(oracle.model, oracle.guide, x, **change)
