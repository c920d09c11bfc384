"""The verdict on log p(x): what it says, and how far off a mean must be to be called so."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.evaluate import ais, inference_gaps, log_evidence
from pyrovae.evaluate.verdict import judgement, needed_particles, verdict_of
from tests.oracles import underdispersed


@pytest.mark.parametrize(("shortfall", "error", "said"), [
    (0.0, 0.0, "within 0.1 nats"), (0.05, 0.02, "within 0.1 nats"),
    (0.05, 0.04, "within 0.2 nats"), (0.0, 0.3, "within 0.6 nats"), (0.09, 0.5, "within 2 nats"),
    (0.104, 0.0, "about 0.1 nats too low"), (0.62, 0.4, "about 0.62 nats too low"),
    (12.3, 0.4, "about 12 nats too low"), (130.0, 1.0, "about 130 nats too low"),
    (math.nan, 0.1, "how near it is is not known"), (math.inf, 0.1, "how near it is is not known"),
    (0.01, math.nan, "how near it is is not known"),
])  # fmt: skip
def test_judgements(shortfall, error, said):
    assert judgement(shortfall, error) == said


def test_reasons_and_ways_out():
    assert verdict_of(0.01, 0.01, 0.004, "raise K") == ("within 0.1 nats", "doubling K adds 0.004")
    assert verdict_of(0.01, 0.0, 1e-5, "raise K")[1] == "doubling K adds less than 0.001"
    assert verdict_of(0.62, 0.03, 0.15, "raise K")[1] == "doubling K adds 0.15; raise K"
    noisy = verdict_of(0.01, 0.2, 0.01, "raise K")[1]
    assert noisy == "doubling K adds 0.01, and the Monte-Carlo error is 0.2; raise K"
    assert "one particle" in verdict_of(math.nan, math.nan, math.nan, "raise K")[1]


def test_the_k_that_is_needed():
    one = torch.ones(3)
    assert needed_particles(0.3 * one, one, 0.0, 1000) == 4000  # 0.3, 0.15, 0.075
    assert needed_particles(0.15 * one, 0.5 * one, 0.0, 1000) == 4000
    assert needed_particles(0.01 * one, one, 0.1, 1000) == 8000  # the error: 0.2 / sqrt 8
    assert needed_particles(5 * one, 0.2 * one, 0.0, 1000) is None
    assert needed_particles(math.nan * one, one, 0.0, 1000) is None


def test_a_number_is_branded_only_where_it_is_off():
    """k-hat is above 0.7 for many data of a guide that is narrow, and the mean is near."""
    oracle, one = underdispersed(0.5)
    found = log_evidence(oracle.model, oracle.guide, one.expand(200, -1), num_particles=1000,
                         seed=0)  # fmt: skip
    assert abs(found.mean() - oracle.log_px(one).item()) < 0.1
    assert found.summary()["k_hat_above_0.7"] > 0.2
    assert found.verdict.startswith("within 0.1 nats: doubling K adds")
    assert "k-hat" not in found.verdict and "k-hat" in str(found)


@pytest.fixture(scope="module")
def off():
    """A guide that is 5 nats off, in 8 latents."""
    oracle = LinearGaussian.random(data_dim=9, latent_dim=8, seed=0)
    x = oracle.sample(12, seed=1)
    with torch.no_grad():
        oracle.encoder.loc.add_(1.5 * oracle.encoder.log_scale.exp())
        oracle.encoder.log_scale.sub_(0.5)
    found = log_evidence(oracle.model, oracle.guide, x, num_particles=64, seed=0)
    return oracle, x, found


def test_one_that_is_off_says_by_how_much(off):
    oracle, x, found = off
    true = float(oracle.log_px(x).detach().mean()) - found.mean()
    assert true > 1 and 0.4 < found.shortfall / true < 2.5
    number, verdict, head = str(found).splitlines()[:3]
    assert verdict.endswith("use `ais`, or improve the guide") or "raise K to about" in verdict
    assert number.startswith("log p(x) -") and head.startswith("per datum")
    assert verdict == found.verdict and "nats too low: doubling K adds" in verdict
    assert found.source.endswith("nats too low") and found.numbers()["verdict"] == verdict
    assert (found.rise < found.shortfalls).all()
    assert not found.trusted.all() and found.within > found.shortfall


def test_records_table_and_figure(off):
    _, _, found = off
    rows = found.records()
    assert len(rows) == 12 and rows[3]["shortfall"] == found.shortfalls[3].item()
    assert set(rows[0]) >= {"log_px", "rise", "shortfall", "ess", "k_hat"}
    assert {row[0] for row in found.cells()} >= {"log p(x)", "probably too low by", "k-hat"}
    figure = found.plot()
    top = figure.axes[0]
    assert len(figure.axes) == 4 and top.lines[0].get_ydata()[-1] == pytest.approx(found.mean())
    assert top.lines[1].get_ydata()[0] == pytest.approx(found.mean() + found.shortfall)


def test_a_missed_mode_is_not_seen():
    """What the docstring warns of: x = z^2 has two roots, and no draw visits the second one."""

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 3.0))
            pyro.sample("x", dist.Normal(z**2, 0.5), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.sqrt(), 0.15))

    x = torch.full((40,), 9.0, dtype=torch.float64)
    grid = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    joint = dist.Normal(0.0, 3.0).log_prob(grid) + dist.Normal(grid**2, 0.5).log_prob(x[0])
    exact = joint.logsumexp(0) + (grid[1] - grid[0]).log()
    found = log_evidence(model, guide, x, num_particles=200, seed=0)
    assert found.verdict.startswith("within 0.1 nats")
    assert exact - found.mean() == pytest.approx(math.log(2), abs=0.03)


def test_annealing_and_gaps_say_it_too(off):
    oracle, x, found = off
    call = oracle.model, oracle.guide, x
    rough = ais(*call, num_temperatures=1, num_particles=8, seed=0)
    good = ais(*call, num_temperatures=40, num_leapfrog=3, num_particles=8, seed=0)
    true = float(oracle.log_px(x).detach().mean())
    assert rough.mean() < true - 1 and rough.verdict.endswith("give more temperatures")
    higher, error = found.below(good)
    assert abs(higher - (good.mean() - found.mean())) < 1e-9 and 0 < error < higher
    few = ais(oracle.model, oracle.guide, x[:4], num_temperatures=1, num_particles=4, seed=0)
    by_hand = float((few.log_px - found.log_px[:4]).mean())
    assert found.below(few)[0] == pytest.approx(by_hand)
    assert good.shortfall < 0.3 * rough.shortfall and "acceptance" in str(good)
    gaps = inference_gaps(*call, num_steps=5, num_particles=40, seed=0)
    assert "from the optimised guides: about" in str(gaps)


def test_nothing_is_known_of_one_particle_or_of_one_half():
    oracle, one = underdispersed(1.0)
    found = log_evidence(oracle.model, oracle.guide, one.expand(3, -1), num_particles=1, seed=0)
    assert found.verdict.startswith("how near it is is not known: one particle")
    assert not found.trusted.any() and found.plot() is not None and found.sizes == (1,)
