"""A sweep draws K particles of every row, and leaves everything else alone."""

import random

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

from pyrovae.data import Split
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, DataError, PlateError, ShapeError
from pyrovae.evaluate import log_evidence
from tests.pairs import STYLES


class Counting:
    """A pair that counts the particles of every row, and the largest draw."""

    def __init__(self, oracle, x):
        self.oracle, self.x = oracle, x
        self.counts = torch.zeros(len(x))
        self.largest = 0

    def pair(self):
        def model(x):
            with poutine.trace() as recorder:
                self.oracle.model(x)
            z = recorder.trace.nodes["z"]["value"]
            copies = z.shape[0] if z.dim() == 3 else 1
            self.counts += copies * (self.x[:, None] == x).all(-1).sum(1)
            self.largest = max(self.largest, copies * len(x))

        return model, self.oracle.guide


@pytest.fixture
def gaussian():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return oracle, oracle.sample(37, seed=1)


@pytest.mark.parametrize("num_particles", [1, 2, 7, 30])
@pytest.mark.parametrize("chunk", [1, 3, 16, 37, 1000, None])
def test_every_row_gets_exactly_k_particles(gaussian, num_particles, chunk):
    oracle, x = gaussian
    counting = Counting(oracle, x)
    found = log_evidence(*counting.pair(), x, num_particles=num_particles, chunk=chunk, seed=0)
    extra = (counting.counts - num_particles).unique()  # what finds the plates, and tries the axis
    assert set(extra.tolist()) <= {0.0, 1.0, 3.0}, f"particles by row: {counting.counts}"
    assert counting.largest <= (chunk or 10**9)
    assert found.log_px.shape == (37,) and found.num_particles == num_particles
    assert (found.k_hat.isnan() == (num_particles < 25)).all()
    assert (found.standard_error.isnan() == (num_particles == 1)).all()


def test_particles_drawn_one_by_one(gaussian):
    oracle, x = gaussian
    counting = Counting(oracle, x[:5])
    log_evidence(
        *counting.pair(), x[:5], num_particles=7, chunk=10, seed=0, vectorize_particles=False
    )
    assert set((counting.counts - 7).tolist()) <= {0.0, 1.0}


def test_a_seed_repeats_the_result_and_leaves_the_streams_alone(gaussian):
    oracle, x = gaussian

    def run(seed):
        found = log_evidence(oracle.model, oracle.guide, x, num_particles=40, chunk=64, seed=seed)
        return found.log_px

    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    first = run(1)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all() and before[2] == random.getstate()
    assert torch.equal(first, run(1)) and not torch.equal(first, run(2))
    unseeded = run(None)
    assert not torch.equal(unseeded, run(None))
    pyro.set_rng_seed(0)
    assert torch.equal(unseeded, run(None)), "without a seed, torch's own decides"


def test_buffers_and_gradients_are_left_alone(gaussian):
    oracle, x = gaussian
    norm = nn.BatchNorm1d(5, dtype=torch.float64)

    def guide(x):
        norm(x)
        oracle.guide(x)

    before = norm.running_mean.clone()
    found = log_evidence(oracle.model, guide, x, num_particles=3)
    assert torch.equal(norm.running_mean, before) and norm.num_batches_tracked == 0
    assert not found.log_px.requires_grad


def test_arguments_with_n_rows_are_cut_with_the_data():
    def model(x, label, weight, name):
        assert name == "as it is" and weight.shape == (3,) and label.shape == x.shape
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(label, 1.0))
            pyro.sample("x", dist.Normal(z * weight.sum(), 1.0), obs=x)

    def guide(x, label, weight, name):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal((label + x) / 2, 0.5**0.5))  # the posterior

    label, weight = 10 * torch.arange(40.0), torch.tensor([0.5, 0.25, 0.25])
    x = label + torch.randn(40)
    exact = dist.Normal(label, 2**0.5).log_prob(x)
    rest = (weight, "as it is")
    for data in ((x, label), Split(x, label).labelled()):
        found = log_evidence(model, guide, data, *rest, num_particles=30, chunk=100)
        torch.testing.assert_close(found.log_px.float(), exact, atol=1e-2, rtol=1e-4)
        assert (found.standard_error < 1e-3).all()
    found = log_evidence(model, guide, x, label, *rest, num_particles=2)
    torch.testing.assert_close(found.log_px.float(), exact, atol=1e-2, rtol=1e-4)


def test_one_joint_bound(gaussian):
    oracle, x = gaussian
    found = log_evidence(
        oracle.model, oracle.guide, x[:3], num_particles=20_000, batch_plate=None, seed=0
    )
    assert found.log_px.shape == (1,)
    error = found.log_px - oracle.log_px(x[:3]).sum().item()
    assert error.abs() < 4.5 * found.standard_error
    assert np.isnan(found.mean_standard_error())


def test_parameters_per_datum_need_all_rows():
    x = torch.randn(40, dtype=torch.float64)

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(pyro.sample("z", dist.Normal(0.0, 1.0)), 1.0), obs=x)

    def guide(x):
        loc = pyro.param("loc", x / 2)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 0.5**0.5))

    guide(x)
    with pytest.raises(PlateError, match="block of 14 of the 40 rows .*rows=40"):
        log_evidence(model, guide, x, num_particles=1000)
    found = log_evidence(model, guide, x, num_particles=10, rows=40)
    torch.testing.assert_close(found.log_px, dist.Normal(0.0, 2**0.5).log_prob(x))


def test_a_pair_that_draws_its_own_subsample_is_refused():
    pair = STYLES["subsampled_plate"](torch.float64)
    with pytest.raises(PlateError, match="given 8 rows.*holds 4.*subsample"):
        log_evidence(pair.model, pair.guide, *pair.args, num_particles=5)


def test_a_minibatch_of_a_larger_plate_is_welcome(gaussian):
    oracle, x = gaussian

    def part(program):
        def run(x):
            with poutine.scale(scale=1000 / len(x)):
                program(x)

        return run

    found = log_evidence(part(oracle.model), part(oracle.guide), x, num_particles=9, seed=0)
    plain = log_evidence(oracle.model, oracle.guide, x, num_particles=9, seed=0)
    assert torch.equal(found.log_px, plain.log_px)


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        (ShapeError, {"num_particles": 0}, "num_particles is 0"),
        (ConfigError, {"chunk": 0}, "chunk is 0"),
        (ConfigError, {"memory": -1}, "memory is -1"),
        (DataError, {"x": torch.zeros(0, 5)}, "empty"),
        (DataError, {"x": (torch.zeros(3, 5), torch.zeros(2))}, r"\[3, 2\] rows"),
        (DataError, {"x": object()}, "got object"),
        (DataError, {"x": Split(torch.zeros(3, 5), dynamic=True)}, "binarized"),
    ],
)
def test_what_cannot_be_measured_is_refused(gaussian, kind, change, words):
    oracle, x = gaussian
    call = {"x": x, "num_particles": 3, **change}
    with pytest.raises(kind, match=words):
        log_evidence(oracle.model, oracle.guide, call.pop("x"), **call)


def test_progress_shows_a_bar(gaussian, capfd):
    oracle, x = gaussian
    log_evidence(oracle.model, oracle.guide, x, num_particles=2, progress=True)
    assert "37" in capfd.readouterr().err
