"""Estimators by a power of the weights say when its variance may be infinite, once."""

import re
import warnings
from copy import copy
from types import SimpleNamespace

import pyro
import pytest
import torch

from pyrovae.data import LinearGaussian
from pyrovae.errors import VarianceWarning
from pyrovae.evaluate import compare
from pyrovae.objectives import CUBO, EUBO, tail

ROWS = 20


def pair_with(scale):
    """p(z|x) = N(x / 2, 1/2), and a guide of its mean, and a multiple of its deviation."""
    one = torch.ones(1, 1).double()
    pair = LinearGaussian(
        one, torch.zeros(1).double(), 1.0,
        q_loc=torch.zeros(1).double(), q_scale=torch.full((1,), scale * 0.5**0.5).double(),
        q_weight=one / 2,
    )  # fmt: skip
    return pair.model, pair.guide, torch.randn(ROWS, 1).double()


def warnings_of(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(issubclass(w.category, VarianceWarning) for w in caught)
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("way", ["per_datum", "loss", "differentiable_loss", "loss_and_grads"])
@pytest.mark.parametrize("make", [EUBO, CUBO])
def test_a_guide_much_too_narrow(make, way):
    objective = make(1000)
    call = getattr(objective, way)
    (text,) = warnings_of(lambda: call(*pair_with(0.3)))
    name = re.escape(repr(objective))
    found = re.search(
        rf"variance of {name} may be infinite.* is (\d\.\d\d) in the median and above 0\.67, the "
        rf"limit at K = 1000, for (\d+) of {ROWS} data; give more particles",
        text,
    )
    assert found, text
    assert float(found[1]) > 0.67 and int(found[2]) >= ROWS / 2
    assert warnings_of(lambda: [call(*pair_with(0.3)) for _ in range(9)]) == []


@pytest.mark.parametrize("make", [EUBO, CUBO])
@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_a_guide_that_covers_the_posterior(make, scale):
    assert warnings_of(lambda: make(1000).per_datum(*pair_with(scale))) == []


def test_a_power_of_the_weights_has_a_heavier_tail():
    """At k = 1 - 0.7^2 the weights are just about bearable, and their squares have no mean."""
    assert warnings_of(lambda: EUBO(5000).per_datum(*pair_with(0.7))) == []
    (text,) = warnings_of(lambda: CUBO(5000).per_datum(*pair_with(0.7)))
    assert "weights to the power 2 " in text


def test_too_few_particles_to_tell():
    objective = EUBO(24)
    (text,) = warnings_of(lambda: objective.per_datum(*pair_with(1.0)))
    assert "24 particles are too few to tell, k-hat needs 25; give more" in text
    objective.num_particles = 25
    assert warnings_of(lambda: objective.per_datum(*pair_with(1.5))) == []


def test_copies_do_not_repeat_it():
    objective, call = EUBO(1000), pair_with(0.3)
    assert len(warnings_of(lambda: objective.per_datum(*call))) == 1
    assert warnings_of(lambda: copy(objective).per_datum(*call)) == []
    made = CUBO(50)
    found = warnings_of(lambda: compare(*call, [made], num_draws=3, repeats=1, progress=False))
    assert len(found) == 1


def looks(monkeypatch):
    counted = []

    def k_hat(log_w):
        counted.append(log_w.shape)
        return torch.zeros(log_w.shape[1])

    monkeypatch.setattr(tail, "pareto_k", k_hat)
    return counted


def test_looks_ever_less_often(monkeypatch):
    """No step of a training but its first waits for the device."""
    counted, objective, call = looks(monkeypatch), EUBO(30), pair_with(1.0)
    for _ in range(20):
        objective.loss_and_grads(*call)
    assert counted == [(30, ROWS)]
    for _ in range(20):
        objective.loss(*call)
        objective.per_datum(*call)
    assert len(counted) == 1 + len([1, 2, 4, 8, 16, 32])


def test_does_not_look_while_validation_is_off(monkeypatch):
    counted = looks(monkeypatch)
    with pyro.validation_enabled(False):
        EUBO(30).per_datum(*pair_with(0.3))
        assert warnings_of(lambda: EUBO(3).loss_and_grads(*pair_with(0.3))) == []
    assert counted == []


def test_weights_that_cannot_be_fitted_are_not_judged():
    objective = EUBO(50)
    ties = torch.zeros(50, 3)
    ties[:20] = 1.0  # k-hat is not a number
    p = SimpleNamespace(log_w=ties, num_particles=50, batch_size=3)
    assert warnings_of(lambda: objective._check_tail(p)) == []
