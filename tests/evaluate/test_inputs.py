"""Tensor, tuple and split are one batch for every measurement."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import (
    active_units,
    ais,
    bdmc,
    compare,
    elbo_parts,
    elbo_surgery,
    gradients,
    inference_gaps,
)
from pyrovae.data import Split
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ShapeError
from pyrovae.evaluate import kl_decomposition, log_evidence, posterior_means, why_no_evidence
from pyrovae.evaluate.inputs import Inputs, as_data
from pyrovae.objectives import ELBO


@pytest.fixture
def gaussian():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return oracle, oracle.sample(37, seed=1)


def test_a_split_without_labels_gives_its_data(gaussian):
    oracle, x = gaussian
    split = Split(x, y=torch.arange(37))
    found = log_evidence(oracle.model, oracle.guide, split, num_particles=5, seed=0)
    same = log_evidence(oracle.model, oracle.guide, x, num_particles=5, seed=0)
    assert torch.equal(found.log_px, same.log_px)


@pytest.fixture(scope="module")
def labelled():
    """A pair that takes data and labels, and both."""

    def model(x, y):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(pyro.param("loc", torch.zeros(())), 1.0))
            pyro.sample("x", dist.Normal(z + y, 1.0), obs=x)

    def guide(x, y):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(pyro.param("weight", torch.tensor(0.4)) * (x - y), 0.7))

    x, y = torch.randn(6), torch.arange(6) % 3
    return model, guide, x, y


MEASURES = {
    "log_evidence": lambda *c, **h: log_evidence(*c, num_particles=5, seed=0, **h).log_px,
    "elbo_parts": lambda *c, **h: elbo_parts(*c, num_particles=2, seed=0, **h).elbo,
    "elbo_surgery": lambda *c, **h: elbo_surgery(*c, num_particles=2, seed=0, **h).kl,
    "active_units": lambda *c, **h: active_units(*c, num_particles=2, seed=0, **h).variance["z"],
    "posterior_means": lambda *c, **h: posterior_means(*c, num_particles=2, seed=0, **h),
    "kl_decomposition": lambda *c, **h: kl_decomposition(*c, seed=0, **h).total_correlation,
    "inference_gaps": lambda *c, **h: inference_gaps(
        *c, num_steps=2, num_particles=3, seed=0, **h
    ).elbo,
    "ais": lambda *c, **h: ais(*c, num_temperatures=2, num_leapfrog=1, seed=0, **h).log_px,
    "bdmc": lambda *c, **h: bdmc(*c, num_temperatures=2, num_leapfrog=1, seed=0, **h).lower,
    "why_no_evidence": lambda *c, **h: torch.tensor(why_no_evidence(*c, **h) is None),
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURES)
def test_every_form_of_a_batch_is_the_same(labelled, name):
    model, guide, x, y = labelled
    measure = MEASURES[name]
    expected = measure(model, guide, x, y)
    for batch in ((x, y), Split(x, y).labelled()):
        assert torch.equal(measure(model, guide, batch), expected)


def test_where_an_objective_follows_the_batch(labelled):
    model, guide, x, y = labelled
    forms = {"args": (x, (y,)), "tuple": ((x, y), ()), "split": (Split(x, y).labelled(), ())}
    rows = [
        compare(model, guide, batch, [ELBO()], args=args, num_draws=2, repeats=1, truth=0.0).rows[
            0
        ]
        for batch, args in forms.values()
    ]
    assert rows[0]["bound"] == rows[1]["bound"] == rows[2]["bound"]
    found = [
        gradients(model, guide, batch, ELBO(), args=args, num_draws=2, reference_draws=2).mean
        for batch, args in forms.values()
    ]
    for other in found[1:]:
        assert all(torch.equal(other[name], mean) for name, mean in found[0].items())


def test_only_rows_are_cut():
    x, weight = torch.arange(4.0), torch.ones(3)
    inputs = Inputs.of((x, 2 * x), (weight, "name"))
    assert inputs.num_data == 4 and len(inputs.all) == 4
    first, second, third, fourth = inputs.rows(slice(1, 3))
    assert first.tolist() == [1, 2] and second.tolist() == [2, 4]
    assert third is weight and fourth == "name"


def test_what_the_model_observes_in_place_of_the_data():
    x = torch.zeros(3, 2, 2)
    made = as_data({"mask": torch.zeros(3), "x": torch.arange(12.0).reshape(3, 4)}, x)
    assert made.shape == x.shape and made.flatten().tolist() == list(range(12))
    with pytest.raises(ShapeError, match="none of its sites holds the data"):
        as_data({"x": torch.zeros(3, 5)}, x)
