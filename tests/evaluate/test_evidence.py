"""`log_evidence` against exact evidence, exact bounds, and a count of what it draws."""

import math
import random

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

from pyrovae.data import Split
from pyrovae.data.synthetic import DiscreteLatent, LinearGaussian
from pyrovae.errors import ConfigError, DataError, PlateError, ShapeError
from pyrovae.evaluate import log_evidence
from tests.oracles import LG2, lg2, t15, underdispersed
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


@pytest.mark.parametrize(("data_dim", "latent_dim", "seed"), [(5, 2, 0), (3, 1, 1), (8, 3, 2)])
@pytest.mark.parametrize("chunk", [None, 700])
def test_each_datum_gets_its_exact_evidence(data_dim, latent_dim, seed, chunk):
    oracle = LinearGaussian.random(data_dim=data_dim, latent_dim=latent_dim, seed=seed)
    x = oracle.sample(50, seed=1)
    found = log_evidence(oracle.model, oracle.guide, x, num_particles=3000, chunk=chunk, seed=2)
    bias = found.standard_error**2 / 2
    z = (found.log_px + bias - oracle.log_px(x).detach()) / found.standard_error
    assert z.abs().max() < 4.5, f"z-scores {z}"
    assert (z.mean() * len(z) ** 0.5).abs() < 4.5 and 0.6 < z.std() < 1.5
    assert abs(found.mean() - oracle.log_px(x).mean().item()) < 4.5 * found.monte_carlo_error()


def test_discrete_latents_too():
    oracle = DiscreteLatent.random(data_dim=4, latent_dim=3, seed=0)
    x = oracle.sample(40, seed=1)
    found = log_evidence(oracle.model, oracle.guide, x, num_particles=3000, seed=2)
    z = (found.log_px + found.standard_error**2 / 2 - oracle.log_px(x).detach()).div(
        found.standard_error
    )
    assert z.abs().max() < 4.5


@pytest.mark.parametrize("num_particles", [1, 2, 5, 50])
@pytest.mark.parametrize("fixture", [lg2, t15])
def test_its_expectation_is_the_importance_weighted_bound(fixture, num_particles):
    oracle, x = fixture()
    found = log_evidence(
        oracle.model, oracle.guide, x.expand(20_000, -1), num_particles=num_particles, seed=3
    )
    bound = oracle.iwae(x, num_particles).item()
    assert abs(found.mean() - bound) < 4.5 * found.mean_standard_error()


def test_standard_errors_are_what_repetition_shows():
    oracle, x = lg2()
    found = log_evidence(oracle.model, oracle.guide, x.expand(2000, -1), num_particles=300, seed=4)
    spread = found.log_px.std().item()
    assert found.standard_error.mean().item() == pytest.approx(spread, rel=0.08)
    assert found.monte_carlo_error() == pytest.approx(found.mean_standard_error(), rel=0.08)
    law = (LG2["weight_variance"] / 300) ** 0.5
    assert spread == pytest.approx(law, rel=0.08)


def test_ess_per_particle_tends_to_the_exact_value():
    oracle, x = lg2()
    found = log_evidence(oracle.model, oracle.guide, x.expand(300, -1), num_particles=4000, seed=5)
    ratio = found.ess / 4000
    error = ratio.std() / 300**0.5
    assert (ratio.mean() - oracle.ess(x).item()).abs() < 4.5 * error


@pytest.mark.parametrize("scale", [0.8, 0.6, 0.5])
def test_k_hat_of_a_narrow_guide(scale):
    oracle, x = underdispersed(scale)
    found = log_evidence(
        oracle.model, oracle.guide, x.expand(20, -1), num_particles=20_000, seed=6
    )
    assert found.k_hat.mean().item() == pytest.approx(1 - scale**2, abs=0.1)


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


def test_scales_do_not_enter(gaussian):
    oracle, x = gaussian
    model, guide = (poutine.scale(f, 0.01) for f in (oracle.model, oracle.guide))
    plain = log_evidence(oracle.model, oracle.guide, x, num_particles=30, seed=0)
    scaled = log_evidence(model, guide, x, num_particles=30, seed=0)
    assert torch.equal(plain.log_px, scaled.log_px)


@pytest.mark.parametrize("style", sorted(STYLES.keys() - {"subsampled_plate"}))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_style_of_pair(style, dtype):
    with pyro.settings.context(module_local_params=style == "pyro_module_local"):
        pair = STYLES[style](dtype)
        found = log_evidence(pair.model, pair.guide, *pair.args, num_particles=30, chunk=50)
    assert found.log_px.shape == (pair.batch_size,) and found.log_px.isfinite().all()


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


def test_a_split_without_labels_gives_its_data(gaussian):
    oracle, x = gaussian
    split = Split(x, y=torch.arange(37))
    found = log_evidence(oracle.model, oracle.guide, split, num_particles=5, seed=0)
    same = log_evidence(oracle.model, oracle.guide, x, num_particles=5, seed=0)
    assert torch.equal(found.log_px, same.log_px)


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
        (DataError, {"x": torch.zeros(0, 5)}, r"\[0\] rows"),
        (DataError, {"x": (torch.zeros(3, 5), torch.zeros(2))}, r"\[3, 2\] rows"),
        (DataError, {"x": [1.0, 2.0]}, "list"),
        (DataError, {"x": Split(torch.zeros(3, 5), dynamic=True)}, "binarized"),
    ],
)
def test_what_cannot_be_measured_is_refused(gaussian, kind, change, words):
    oracle, x = gaussian
    call = {"x": x, "num_particles": 3, **change}
    with pytest.raises(kind, match=words):
        log_evidence(oracle.model, oracle.guide, call.pop("x"), **call)


def test_smoothed_evidence_is_close_and_less_noisy():
    oracle, x = underdispersed(0.6)
    found = log_evidence(oracle.model, oracle.guide, x.expand(2000, -1), num_particles=500, seed=0)
    exact = oracle.log_px(x).item()
    raw, smooth = ((f - exact).square().mean() for f in (found.log_px, found.log_px_psis))
    assert smooth < raw
    assert (found.log_px_psis.mean() - exact).abs() < 0.05
    assert log_evidence(oracle.model, oracle.guide, x, num_particles=24).log_px_psis.isnan().all()


@pytest.mark.parametrize(
    ("num_particles", "limit"), [(1, -np.inf), (10, 0), (100, 0.5), (1000, 2 / 3), (5000, 0.7)]
)
def test_the_limit_of_k_hat_grows_with_k(gaussian, num_particles, limit):
    oracle, x = gaussian
    found = log_evidence(oracle.model, oracle.guide, x[:2], num_particles=num_particles)
    assert found.threshold == pytest.approx(limit)


def test_it_says_what_should_not_be_trusted(gaussian):
    oracle, x = gaussian
    good = log_evidence(oracle.model, oracle.guide, x, num_particles=2000, seed=0)
    assert good.trusted.all()
    assert "every datum is below k-hat 0.70, the limit at K = 2000" in str(good)
    assert good.summary()["trusted"] == 1
    assert good.summary()["k_hat_threshold"] == good.threshold
    narrow, one = underdispersed(0.05)
    bad = log_evidence(narrow.model, narrow.guide, one.expand(8, -1), num_particles=1000, seed=0)
    left = 8 - int(bad.trusted.sum())
    assert left >= 5 and bad.summary()["trusted"] == 1 - left / 8, "no proof, a warning"
    assert f"do not trust {left} of 8 data, which are not below k-hat 0.67" in str(bad)
    few = log_evidence(oracle.model, oracle.guide, x, num_particles=20)
    assert not few.trusted.any() and "not known: k-hat needs K >= 25" in str(few)


def test_summary_and_text(gaussian):
    oracle, x = gaussian
    found = log_evidence(oracle.model, oracle.guide, x, num_particles=100, seed=0)
    summary = found.summary()
    assert summary["log_px"] == found.mean() == found.log_px.mean().item()
    assert summary["standard_error"] == pytest.approx(found.log_px.std().item() / 37**0.5)
    assert summary["ess_min"] <= summary["ess_median"] <= 100
    assert summary["k_hat_median"] <= summary["k_hat_max"]
    assert (summary["num_data"], summary["num_particles"]) == (37, 100)
    assert "37 data, K = 100" in str(found)


def test_progress_shows_a_bar(gaussian, capfd):
    oracle, x = gaussian
    log_evidence(oracle.model, oracle.guide, x, num_particles=2, progress=True)
    assert "37" in capfd.readouterr().err


def _of_states(logits, locs, q_logits=None):
    """A mixture whose component is the only latent; exact log p(x) of its data."""

    def model(x):
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(logits=logits))
            pyro.sample("x", dist.Normal(locs[k], 1.0).to_event(1), obs=x)

    def guide(x):
        own = logits.expand(len(x), -1) if q_logits is None else q_logits(x)
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Categorical(logits=own))

    def log_px(x):
        each = dist.Normal(locs[:, None], 1.0).to_event(1).log_prob(x)
        return torch.logsumexp(each + logits.log_softmax(0)[:, None], 0)

    return model, guide, log_px


@pytest.mark.parametrize("num_states", [2, 3, 4])
def test_weights_of_few_states_are_bounded_and_trusted(num_states):
    """Of each datum the same is said: no fit of a tail to as many points as there are states."""
    torch.manual_seed(num_states)
    locs, weight = torch.randn(num_states, 6), 0.3 * torch.randn(6, num_states)
    made = _of_states(torch.zeros(num_states), locs, lambda x: x @ weight)
    model, guide, log_px = made
    x = torch.randn(24, 6)
    found = log_evidence(model, guide, x, num_particles=400, seed=0)
    known = ~found.k_hat.isnan()
    assert (found.k_hat[known] == -math.inf).all() and known.sum() > 18
    z = (found.log_px - log_px(x)) / found.standard_error
    assert z[known].abs().max() < 4.5
    summary = found.summary()
    assert summary["k_hat_max"] == -math.inf and summary["nan"] == summary["infinite"] == 0
    unknown = int((~known).sum())
    words = f"do not trust {unknown} of 24 data: 0 are not below" if unknown else "every datum"
    assert words in str(found)


def test_the_verdict_names_what_is_not_known_apart_from_what_is_too_large():
    """One rare state carries the mass: four draws of it in a hundred are no tail."""
    locs = torch.tensor([[0.0], [3.0]])
    model, guide, _ = _of_states(
        torch.zeros(2), locs, lambda x: torch.tensor([0.0, -6.0]).expand(len(x), 2)
    )
    x = torch.cat([torch.full((20, 1), 2.5), torch.full((4, 1), -9.0)])
    found = log_evidence(model, guide, x, num_particles=1000, seed=1)
    unknown = int(found.k_hat.isnan().sum())
    assert 0 < unknown < 24
    left = 24 - int(found.trusted.sum())
    assert f"do not trust {left} of 24 data: {left - unknown} are not below k-hat" in str(found)
    assert f"of {unknown} k-hat is not known" in str(found)


def test_an_exact_guide_is_trusted():
    """Its weights are all p(x), but for rounding."""
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = oracle.sample(20, seed=1).float()

    def guide(x):
        p = oracle.posterior(x)
        loc, tril = p.mean.to(x), p.scale_tril.to(x)
        with pyro.plate("batch", len(x)):
            pyro.sample("z", dist.MultivariateNormal(loc, scale_tril=tril))

    found = log_evidence(oracle.model, guide, x, num_particles=100, seed=0)
    assert (found.k_hat == -math.inf).all() and found.trusted.all()
    torch.testing.assert_close(found.log_px, oracle.log_px(x).double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("compile", [False, True])
def test_weights_that_are_not_finite_are_counted_and_named(compile):
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            odd = torch.where(x[:, 0] > 1.5, (z - 0.5).log(), z)  # NaN for half of the draws
            loc = dist.Normal(odd, 1.0, validate_args=False).mask(True)
            pyro.sample("x", loc, obs=x[:, 0])

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(len(x)), 1.0))

    x = torch.tensor([[0.0], [2.0], [1.0], [3.0], [0.5], [0.2]])
    with pyro.validation_enabled(False):
        found = log_evidence(
            model, guide, x, num_particles=200, chunk=300, seed=0, compile=compile
        )
    bad = (x[:, 0] > 1.5).tolist()
    assert (found.num_nan > 0).tolist() == bad and not found.num_infinite.any()
    assert found.log_px.isnan().tolist() == bad and found.k_hat.isnan().tolist() == bad
    assert found.not_finite_sites == {"x": 2}
    count = int(found.num_nan.sum())
    assert found.summary()["nan"] == count and found.summary()["infinite"] == 0
    said = str(found)
    assert f"{count} weights are NaN and 0 infinite, at 2 of 6 data (density of 'x' of 2" in said
    assert "of 2 k-hat is not known" in said


def test_infinite_weights_are_counted():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)
            pyro.factor("spike", torch.where(x > 1, math.inf, 0.0))

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(len(x)), 1.0))

    found = log_evidence(model, guide, torch.tensor([0.0, 2.0]), num_particles=30, seed=0)
    assert found.num_infinite.tolist() == [0, 30] and found.log_px.tolist()[1] == math.inf
    assert found.not_finite_sites == {"spike": 1} and found.k_hat.isnan().tolist()[1]
    assert "0 weights are NaN and 30 infinite, at 1 of 2 data" in str(found)
