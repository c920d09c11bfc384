"""Chains that a graph moves go where Pyro's gradients lead."""

import warnings
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions.transforms import affine_coupling
from torch import nn

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import CaptureWarning, ConfigError
from pyrovae.evaluate import ais, bdmc
from tests.evaluate.annealing.captured import MODULE, captured
from tests.evaluate.annealing.pairs import (
    beta_binomial,
    bounded_by_data,
    bounded_by_data_guide,
    dirichlet_guide,
    dirichlet_multinomial,
    uniform_guide,
)

FEW = {"num_temperatures": 6, "num_leapfrog": 2, "num_particles": 4, "seed": 0}
FIELDS = ("log_px", "standard_error", "acceptance", "step_size")


def assert_same(one, other, tolerance=1e-10):
    for name in FIELDS:
        torch.testing.assert_close(
            getattr(one, name), getattr(other, name), rtol=tolerance, atol=tolerance
        )


def both(measure, **options):
    """Eagerly, and through a graph."""
    options = FEW | options
    eager = measure(compile=False, **options)
    with captured():
        return eager, measure(**options)


@pytest.fixture
def gaussian():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return oracle, oracle.sample(7, seed=1)


@pytest.mark.parametrize("start", ["guide", "prior"])
def test_blocks_share_a_graph_and_the_last_has_its_own(gaussian, start):
    oracle, x = gaussian
    runs = []

    def model(x):
        runs.append(len(x))
        return oracle.model(x)

    measure = partial(ais, model, oracle.guide, x, rows=3, start=start, **FEW)
    eager, gradients = measure(compile=False), len(runs)
    runs.clear()
    with captured():
        assert_same(eager, measure())
    assert len(runs) < gradients / 4, "blocks of 3, 3 and 1"


def test_both_ways(gaussian):
    oracle, x = gaussian
    eager, fast = both(partial(bdmc, oracle.model, oracle.guide, x), rows=4)
    for name in ("lower", "upper", "acceptance"):
        one, other = getattr(eager, name), getattr(fast, name)
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    assert torch.equal(eager.data[0], fast.data[0])


@pytest.mark.parametrize(
    ("model", "guide", "x"),
    [
        (beta_binomial, uniform_guide, torch.tensor([0.0, 1, 4, 9, 2, 3]).double()),
        (dirichlet_multinomial, dirichlet_guide, torch.tensor([[10.0, 0, 0], [3, 3, 4]]).double()),
        (bounded_by_data, bounded_by_data_guide, torch.linspace(0.1, 4, 6).double()),
    ],
)
def test_constrained_latents_whose_bounds_are_those_of_each_block(model, guide, x):
    assert_same(*both(partial(ais, model, guide, x), rows=2))


def test_a_flow():
    pyro.set_rng_seed(0)
    flow = affine_coupling(2, [4]).double()

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z.sum(-1), 1.0), obs=x)

    def guide(x):
        pyro.module("flow", flow)
        with pyro.plate("data", len(x)):
            base = dist.Normal(x.new_zeros(2), 1.0).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, [flow]))

    assert_same(*both(partial(ais, model, guide, torch.randn(3).double())))


def test_inductor_gives_the_same_to_rounding(gaussian):
    oracle, x = gaussian
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = ais(oracle.model, oracle.guide, x, compile=True, **FEW)
    assert_same(ais(oracle.model, oracle.guide, x, compile=False, **FEW), fast)


def test_what_cannot_be_a_graph_is_moved_eagerly(gaussian, monkeypatch):
    oracle, x = gaussian
    monkeypatch.setattr(MODULE, "_WORTH_A_TRACE", 0)

    def guide(x):
        return oracle.guide(x if x.mean() > -100 else -x)

    options = FEW | {"num_temperatures": 2}
    eager = ais(oracle.model, oracle.guide, x, compile=False, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(eager, ais(oracle.model, guide, x, **options), 0.0)
    with pytest.warns(CaptureWarning, match=r"moves chains .*test_force.py:\d+, in guide"):
        assert_same(eager, ais(oracle.model, guide, x, compile=True, **options), 0.0)
    with pytest.warns(CaptureWarning, match="vectorize_particles=False"):
        ais(oracle.model, oracle.guide, x[:2], compile=True, vectorize_particles=False,
            **options)  # fmt: skip


def test_networks_in_training_mode(gaussian):
    oracle, x = gaussian
    norm = nn.BatchNorm1d(5).double()

    def guide(x):
        return oracle.guide(0.9 * x + 0.1 * norm(x))

    before = norm.running_mean.clone()
    assert_same(*both(partial(ais, oracle.model, guide, x, mode="as is")))
    assert torch.equal(norm.running_mean, before)


def test_no_such_way(gaussian):
    oracle, x = gaussian
    for measure in (ais, bdmc):
        with pytest.raises(ConfigError, match="compile is 'no', and must be True, False or 'a"):
            measure(oracle.model, oracle.guide, x, compile="no")
