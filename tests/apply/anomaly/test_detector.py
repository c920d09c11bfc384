"""The detector: exact on known pairs, its rate held, an estimator of scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import beta, binomtest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

from pyrovae.apply import (
    AnomalyDetector,
    CalibrationWarning,
    EvidenceScore,
    ReconstructionScore,
    Typicality,
    discrimination,
)
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import VAE, Autoencoder, ConditionalVAE
from tests.apply.anomaly.pairs import exact, marginal

PAIR = exact(0)
EVIDENCE = EvidenceScore(2)  # exact on this pair


def test_scores_threshold_and_alarms_are_those_of_log_px():
    x, new = PAIR.sample(199, seed=1), PAIR.sample(300, seed=2)
    detector = AnomalyDetector(PAIR, by=EVIDENCE, false_alarm_rate=0.1).fit(x.numpy())
    log_px = PAIR.log_px(new).detach().numpy()
    np.testing.assert_allclose(detector.score_samples(new.numpy()), log_px)
    assert detector.offset_ == pytest.approx(PAIR.log_px(x).sort().values[19].item())
    np.testing.assert_allclose(detector.decision_function(new), log_px - detector.offset_)
    alarms = detector.predict(new)
    assert alarms.dtype.kind == "i" and set(alarms) == {-1, 1}
    np.testing.assert_array_equal(alarms == -1, detector.p_values(new) <= 0.1)


def test_the_false_alarm_rate_of_fresh_data():
    detector = AnomalyDetector(PAIR, by=EVIDENCE, false_alarm_rate=0.05)
    detector.fit(PAIR.sample(1999, seed=1))
    fresh = PAIR.sample(20_000, seed=2)
    alarms = int((detector.predict(fresh) == -1).sum())
    low, high = detector.false_alarm_interval_
    assert low < 0.05 < high and high - low < 0.025
    assert binomtest(alarms, len(fresh), low).pvalue > 1e-3 or alarms / len(fresh) > low
    assert binomtest(alarms, len(fresh), high).pvalue > 1e-3 or alarms / len(fresh) < high


@pytest.mark.parametrize("by", ["elbo", "typicality"])
def test_the_rate_over_calibrations_with_noisy_and_fitted_scores(by):
    """k / (n + 1) in expectation, whatever the score: also where it draws and learns."""
    pair, repeats, fresh = exact(3, 3, 1), 12, 300
    found = []
    for seed in range(repeats):
        x = pair.sample(58 + fresh, seed=seed)
        detector = AnomalyDetector(pair, by=by, false_alarm_rate=0.2, seed=seed).fit(x[:58])
        found.append((detector.predict(x[58:]) == -1).mean())
    n = 58 if by == "elbo" else 29
    rank = int(0.2 * (n + 1))
    spread = (beta(rank, n + 1 - rank).var() / repeats + 0.25 / (repeats * fresh)) ** 0.5
    assert abs(np.mean(found) - rank / (n + 1)) < 3.5 * spread


def test_auroc_is_that_of_quadratic_forms():
    """Foreign data N(b + m, 4 Sigma): its AUROC by inverting a characteristic function.

    log p(x) falls with Q = (x - b)' Sigma^-1 (x - b), which is chi-square of D degrees for the
    pair's own data and 4 times a non-central one for the foreign data. Imhof (1961).
    """
    bias, sigma = marginal(PAIR)
    factor, shift = torch.linalg.cholesky(sigma), torch.full((5,), 0.6).double()
    noise = torch.randn(3000, 5, generator=torch.Generator().manual_seed(5)).double()
    foreign = bias + (2 * (noise + shift)) @ factor.T
    # Q_foreign - Q_own: weights (4, -1), degrees (5, 5), non-centralities (|shift|^2, 0).
    weights, degrees = np.array([4.0, -1.0]), np.array([5.0, 5.0])
    centres = np.array([float(shift.square().sum()), 0.0])

    def integrand(u):
        scaled = weights * u
        angle = 0.5 * (degrees * np.arctan(scaled) + centres * scaled / (1 + scaled**2)).sum()
        log_rho = (0.25 * degrees * np.log1p(scaled**2)
                   + 0.5 * centres * scaled**2 / (1 + scaled**2)).sum()  # fmt: skip
        return np.sin(angle) / (u * np.exp(log_rho))

    auroc = 0.5 + quad(integrand, 0, np.inf, limit=200)[0] / np.pi
    detector = AnomalyDetector(PAIR, by=EVIDENCE).fit(PAIR.sample(100, seed=1))
    found = discrimination(detector.score_samples(PAIR.sample(3000, seed=6)),
                           detector.score_samples(foreign))  # fmt: skip
    assert 0.8 < auroc < 0.99
    assert abs(found.auroc - auroc) < 4 * found.auroc_error


def any_width(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(torch.zeros(()).double(), 1.0))
        mean = z.unsqueeze(-1).expand(*z.shape, x.shape[-1])
        pyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)


def any_width_guide(x):
    with pyro.plate("data", len(x)):
        count = x.shape[-1] + 1
        pyro.sample("z", dist.Normal(x.double().sum(-1) / count, count**-0.5))


def test_conforms_to_scikit_learn():
    expected = {
        "check_complex_data": "refused, in this library's words",
        "check_dtype_object": "columns of objects are refused, and not converted",
        "check_estimators_nan_inf": "refused by the pair, in this library's words",
        "check_fit1d": "data of one number each are data",
    }
    detector = AnomalyDetector(any_width, any_width_guide, false_alarm_rate=0.2,
                               by=ReconstructionScore(at="mean"))  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)  # of checks that give few rows
        check_estimator(detector, expected_failed_checks=expected, on_skip=None, on_fail="raise")


def test_in_a_pipeline_and_in_cross_validation():
    pair = VAE((1, 3, 3), 2)
    x = np.random.default_rng(0).integers(0, 2, (120, 9)).astype(np.uint8)
    y = np.tile([1, -1], 60)
    detector = AnomalyDetector(pair, by=ReconstructionScore(at="mean"), data_shape=(1, 3, 3),
                               false_alarm_rate=0.1)  # fmt: skip
    pipeline = make_pipeline(FunctionTransformer(), detector)
    assert set(pipeline.fit(x).predict(x)) <= {-1, 1}
    found = cross_val_score(pipeline, x, y, scoring="roc_auc", cv=3)
    assert found.shape == (3,) and np.isfinite(found).all()
    assert detector.fit_predict(x).shape == (120,)
    with pytest.raises(ShapeError, match=r"\[9\], and data_shape=\(1, 4, 4\)"):
        detector.set_params(data_shape=(1, 4, 4)).fit(x)


def test_a_clone_keeps_the_trained_pair():
    detector = AnomalyDetector(PAIR, by=EVIDENCE, false_alarm_rate=0.2)
    other = clone(detector.fit(PAIR.sample(50, seed=1)))
    assert other.model is PAIR and other.false_alarm_rate == 0.2 and other.by is EVIDENCE
    with pytest.raises(NotFittedError):
        other.predict(PAIR.sample(5, seed=1))
    assert repr(AnomalyDetector(1, 2, seed=3)) == "AnomalyDetector(guide=2, model=1, seed=3)"


def test_the_columns_of_a_frame_keep_their_order():
    frame = pd.DataFrame(PAIR.sample(30, seed=1).numpy(), columns=list("abcde"))
    detector = AnomalyDetector(PAIR, by=EVIDENCE).fit(frame)
    assert list(detector.feature_names_in_) == list("abcde")
    assert detector.predict(frame).shape == (30,)
    with pytest.raises(DataError, match="should match those that were passed"):
        detector.predict(frame[list("badce")])


def test_one_half_of_the_data_teaches_a_score_that_learns():
    x = PAIR.sample(400, seed=1)
    score = Typicality(EVIDENCE)
    detector = AnomalyDetector(PAIR, by=score).fit(x)
    assert len(detector.calibration_.scores) == 200 and score.centre is None
    whole = AnomalyDetector(PAIR, by=score).fit(x, reference=PAIR.sample(50, seed=3))
    assert len(whole.calibration_.scores) == 400
    centre = PAIR.log_px(PAIR.sample(50, seed=3)).mean().item()
    assert whole.score_.centre == pytest.approx(centre)


def test_conditional_pairs_and_those_without_evidence():
    pair = ConditionalVAE((4,), 2, num_classes=3)
    x, y = np.zeros((40, 4)), np.arange(40) % 3
    detector = AnomalyDetector(pair, by=ReconstructionScore(at="mean")).fit((x, y))
    assert detector.predict((x[:1], y[:1])).shape == (1,)
    with pytest.raises(ConfigError, match="improper"):
        AnomalyDetector(Autoencoder((4,), 2)).fit(x)
    found = AnomalyDetector(Autoencoder((4,), 2), by="latent").fit(np.random.rand(60, 4).round())
    assert np.isfinite(found.score_samples(x)).all()


def test_refusals():
    x = PAIR.sample(30, seed=1)
    with pytest.raises(ConfigError, match="no score 'likelihood'"):
        AnomalyDetector(PAIR, by="likelihood").fit(x)
    with pytest.raises(ConfigError, match="rate of 2 was asked for"):
        AnomalyDetector(PAIR, by=EVIDENCE, false_alarm_rate=2).fit(x)
    with pytest.raises(ConfigError, match="AnomalyDetector: the guide is missing"):
        AnomalyDetector(PAIR.model).fit(x)
    with pytest.warns(CalibrationWarning, match="give 99 or more"):
        found = AnomalyDetector(PAIR, by=EVIDENCE, false_alarm_rate=0.01).fit(x)
    assert (found.predict(x + 100) == 1).all() and found.offset_ == -np.inf
    with pytest.raises(ShapeError, match="expecting 5 features"):
        found.predict(x[:, :4])
