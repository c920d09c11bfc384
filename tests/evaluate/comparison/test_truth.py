"""log p(x) as given or estimated, with its error and its source."""

import math
from types import SimpleNamespace

import pytest
import torch

from pyrovae import ais, compare, log_evidence
from pyrovae.data import DiscreteLatent, LinearGaussian
from pyrovae.errors import ConfigError, ReparamError, ShapeError
from pyrovae.evaluate.comparison import truth
from pyrovae.evaluate.comparison.bounds import Subject
from pyrovae.evaluate.comparison.truth import mean_evidence
from pyrovae.objectives import ELBO
from tests.pairs import STYLES


@pytest.fixture(scope="module")
def oracle():
    pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = pair.sample(12, seed=1)
    return pair, Subject(pair.model, pair.guide, (x,), seed=3)


def test_numbers(oracle):
    pair, subject = oracle
    exact = pair.log_px(*subject.data).requires_grad_()
    by_datum = mean_evidence(subject, exact, None, 10)
    assert by_datum.value == float(exact.detach().mean()) and by_datum.error == 0
    assert by_datum.source == "as given"
    assert mean_evidence(subject, -7.5, "a book", 10).value == -7.5
    assert mean_evidence(subject, torch.tensor(-7.5), "a book", 10).source == "a book"


def test_estimates_bring_their_errors(oracle):
    pair, subject = oracle
    call = pair.model, pair.guide, *subject.data
    found = log_evidence(*call, num_particles=50, seed=3)
    given = mean_evidence(subject, found, None, 10)
    assert given.value == found.mean() and given.error == found.monte_carlo_error() > 0
    assert given == mean_evidence(subject, "evidence", None, 50)
    assert "importance sampling, K = 50: within 0.1 nats" in given.source
    annealed = ais(*call, num_temperatures=4, num_particles=3, seed=3)
    given = mean_evidence(subject, annealed, None, 10)
    assert given.value == annealed.mean() and given.error == annealed.monte_carlo_error() > 0
    assert "annealed importance sampling from the guide, 4 temperatures, 3 c" in given.source
    named = mean_evidence(subject, "ais", None, 10)
    exact = float(pair.log_px(*subject.data).detach().mean())
    assert abs(named.value - exact) < 4.5 * named.error
    assert "100 temperatures" in named.source


def test_the_table_names_truth_and_error(oracle):
    pair, subject = oracle
    found = ais(pair.model, pair.guide, *subject.data, num_temperatures=3, seed=0)
    table = compare(
        pair.model, pair.guide, *subject.data, [ELBO(2)], truth=found, num_draws=5, repeats=1
    )
    error = found.monte_carlo_error()
    assert f"log p(x) {found.mean():.3f} +- {error:.3f} (annealed" in str(table)
    row = table.rows[0]
    assert row["gap"] == pytest.approx(found.mean() - row["bound"])
    assert row["gap_error"] == pytest.approx(math.hypot(error, row["bound_monte_carlo_error"]))
    assert table.facts["log_px_error"] == error


def test_refusals(oracle):
    pair, subject = oracle
    with pytest.raises(ConfigError, match="truth='exact'; choose 'evidence' or 'ais'"):
        mean_evidence(subject, "exact", None, 10)
    for shape in ((3,), (12, 1)):
        with pytest.raises(ShapeError, match="one value per datum"):
            mean_evidence(subject, torch.zeros(shape), None, 10)
    other = log_evidence(pair.model, pair.guide, subject.data[0][:5], num_particles=5, seed=0)
    with pytest.raises(ShapeError, match=r"shape \[5\] for 12 data"):
        mean_evidence(subject, other, None, 10)
    pair = DiscreteLatent.random(data_dim=4, latent_dim=2, seed=0)
    discrete = Subject(pair.model, pair.guide, (pair.sample(4, seed=1),))
    with pytest.raises(ReparamError, match="discrete"):
        mean_evidence(discrete, "ais", None, 10)


def test_a_pair_that_draws_its_own_data_has_none():
    pair = STYLES["subsampled_plate"](torch.float32)
    subject = Subject(pair.model, pair.guide, pair.args)
    found = mean_evidence(subject, "evidence", None, 10)
    assert math.isnan(found.value) and found.source.startswith("unknown: ")


def test_as_many_particles_as_the_gaps_need(oracle):
    pair, subject = oracle
    few = mean_evidence(subject, "evidence", None, None, bounds=[-50.0])
    many = mean_evidence(subject, "evidence", None, None, bounds=[-50.0, few.value - 1e-3])
    assert "K = 312:" in few.source and "K = 1250:" in many.source
    assert few.error > many.error
    exact = float(pair.log_px(*subject.data).detach().mean())
    assert abs(many.value - exact) < 4.5 * many.error + 0.01
    late = mean_evidence(subject, "evidence", None, None, bounds=[few.value], seconds=0.0)
    assert late == few


@pytest.mark.parametrize(
    ("shortfall", "error", "tried"),
    [
        (0.005, 0.001, [312]),
        (0.03, 0.001, [312, 1250]),
        (0.05, 0.001, [312, 5000]),
        (0.001, 0.019, [312, 1250]),
        (0.001, 0.03, [312, 5000]),
        (math.nan, 0.03, [312, 5000]),
    ],
)
def test_it_goes_on_with_the_fewest_particles_that_might_do(
    oracle, monkeypatch, shortfall, error, tried
):
    _, subject = oracle
    asked = []

    def found(subject, particles, how):
        asked.append(particles)
        times = particles / 312
        return SimpleNamespace(
            mean=lambda: -5.0,
            shortfall=shortfall / times,
            monte_carlo_error=lambda: error / times**0.5,
        )

    monkeypatch.setattr(truth, "_evidence_of", found)
    truth._evidence(subject, [-5.1], math.inf, {})  # a gap of 0.1 needs 0.01 nats
    assert asked == tried
