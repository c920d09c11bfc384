"""Losses from outside the library have the interface of its objectives."""

from copy import copy

import pyro
import pytest
import torch
from pyro.infer import (
    RenyiELBO,
    ReweightedWakeSleep,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
)

from pyrovae.data import LinearGaussian
from pyrovae.errors import CaptureError, CheckpointError, ConfigError, PlateError
from pyrovae.objectives import ELBO, IWAE, RWS
from pyrovae.objectives.pyro_loss import PyroLoss, as_objective

ORACLE = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
X = ORACLE.sample(4, seed=1)
CALL = (ORACLE.model, ORACLE.guide, X)


class Own(Trace_ELBO):
    """Of a user."""


LOSSES = [
    Trace_ELBO(2), TraceMeanField_ELBO(), TraceGraph_ELBO(),
    TraceEnum_ELBO(max_plate_nesting=1, strict_enumeration_warning=False),
    RenyiELBO(0.5, num_particles=3, vectorize_particles=True), ReweightedWakeSleep(3), Own(),
]  # fmt: skip


def _seeded(call, *args):
    pyro.set_rng_seed(3)
    return call(*args)


def test_an_objective_of_the_library_is_not_wrapped():
    objective = IWAE(3)
    assert as_objective(objective) is objective
    wrapped = as_objective(Trace_ELBO())
    assert as_objective(wrapped) is wrapped


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_its_own_methods_are_called(loss):
    objective = as_objective(loss)
    assert isinstance(objective, PyroLoss) and objective.as_given is loss
    assert repr(objective) == repr(loss) and objective.class_name == type(loss).__name__
    loss.loss(*CALL)  # some find the plates in a first run
    assert _seeded(objective.loss, *CALL) == _seeded(loss.loss, *CALL)
    first = _seeded(loss.loss, *CALL)
    first = first[0] if isinstance(first, tuple) else first
    assert _seeded(objective.bound_loss, *CALL) == first
    assert _seeded(objective.loss_and_grads, *CALL) == _seeded(loss.loss_and_grads, *CALL)
    assert not objective.is_gradient_of_captured_loss(loss.loss_and_grads)
    svi = pyro.infer.SVI(*CALL[:2], pyro.optim.Adam({"lr": 1e-3}), objective)
    assert _seeded(svi.evaluate_loss, X) == _seeded(objective.loss, *CALL)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_it_has_no_state_and_no_bound_per_datum(loss):
    objective = as_objective(loss)
    assert objective.networks == objective.leaves() == objective.state_dict() == {}
    objective.load_state_dict({})
    with pytest.raises(CheckpointError, match="keeps no state between steps.*'past'"):
        objective.load_state_dict({"past": torch.zeros(2)})
    with pytest.raises(ConfigError, match=f"which {type(loss).__name__} cannot"):
        objective.in_chunks(2)
    assert not objective.has_bound_per_datum
    with pytest.raises(PlateError, match="no bound for each datum"):
        objective.per_datum(*CALL)


def test_its_particles_are_those_of_the_loss():
    loss = Trace_ELBO(3)
    objective = as_objective(loss)
    assert objective.num_particles == 3 and not objective.draws_in_one_pass(*CALL)
    assert objective.draw(*CALL).num_particles == 3  # all, to see their weights
    assert objective.redraw(*CALL).num_particles == 1  # as one run of the pair draws them
    objective.num_particles, objective.vectorize_particles = 5, True
    assert (loss.num_particles, loss.vectorize_particles) == (5, True)
    assert objective.draw(*CALL).num_particles == objective.redraw(*CALL).num_particles == 5


def test_a_copy_leaves_the_loss_as_it_is():
    loss = Trace_ELBO(3)
    other = copy(as_objective(loss))
    other.num_particles = 7
    assert loss.num_particles == 3 and other.as_given is not loss


@pytest.mark.parametrize("vectorize", [False, True])
@pytest.mark.parametrize("make", [Trace_ELBO, TraceMeanField_ELBO])
def test_captured_it_is_equal(make, vectorize):
    loss = make(3, vectorize_particles=vectorize, max_plate_nesting=1)
    objective = as_objective(loss)
    value = _seeded(objective.captured_loss, *CALL)
    assert float(value.detach()) == pytest.approx(_seeded(loss.loss, *CALL), rel=1e-5)
    assert _seeded(objective.captured_bound_loss, *CALL) == value
    loss.num_particles = 4
    value = _seeded(objective.captured_loss, *CALL)
    assert float(value.detach()) == pytest.approx(_seeded(loss.loss, *CALL), rel=1e-5)


def test_what_cannot_be_captured_says_so():
    with pytest.raises(CaptureError, match="RenyiELBO has no differentiable_loss"):
        as_objective(RenyiELBO()).captured_loss(*CALL)
    with pytest.raises(CaptureError, match="would hold every chunk twice"):
        IWAE(4).in_chunks(2).captured_loss(*CALL)


def test_a_function():
    def loss(model, guide, x):
        return ELBO().differentiable_loss(model, guide, x)

    objective = as_objective(loss)
    assert objective.class_name == "loss" and repr(objective) == repr(loss)
    assert _seeded(objective.captured_loss, *CALL) == _seeded(loss, *CALL)
    assert getattr(objective, "num_particles", None) is None


def test_names_in_a_table():
    assert as_objective(Trace_ELBO(3)).row_name == "Trace_ELBO(num_particles=3)"
    assert as_objective(RWS(3)).row_name == "RWS(num_particles=3)"
