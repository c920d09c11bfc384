"""What may be given as an objective, and the defaults of `fit`."""

import inspect

import pyro.infer
import pytest

from pyrovae import fit
from pyrovae.errors import ConfigError
from pyrovae.objectives import ELBO, IWAE
from pyrovae.train.given_objective import given_objective

from .pairs import QUIET, networks, pair, x_of


class NeedsK(ELBO):
    def __init__(self, k):
        super().__init__(k)


def test_an_instance_is_taken_as_it_is():
    for given in (IWAE(3), pyro.infer.Trace_ELBO()):
        assert given_objective("objective", given) is given


def test_a_class_is_made_without_arguments():
    assert repr(given_objective("objective", IWAE)) == repr(IWAE())
    assert isinstance(given_objective("objective", pyro.infer.Trace_ELBO), pyro.infer.Trace_ELBO)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("elbo", "val_objective='elbo', needs an instance of a pyro.infer.ELBO"),
        (None, "val_objective=None, needs an instance"),
        (dict, "needs an instance"),
        (NeedsK, "class NeedsK, which cannot be made without arguments .*'k'.*NeedsK"),
        (pyro.infer.ELBO, "class ELBO, which cannot be made without arguments"),
    ],
)
def test_anything_else_is_refused(given, complaint):
    with pytest.raises(ConfigError, match=complaint):
        given_objective("val_objective", given)


def test_fit_has_defaults():
    found = [
        fit(*pair(*networks()), x_of(), **options, **QUIET).history[-1]["train"]
        for options in ({}, {"objective": ELBO, "epochs": 100}, {"objective": ELBO()})
    ]
    assert found[0] == found[1] == found[2]
    assert inspect.signature(fit).parameters["epochs"].default == 100


def test_a_class_is_taken_for_validation_too():
    run = fit(*pair(*networks()), x_of(), val=x_of(), val_objective=IWAE, epochs=1, **QUIET)
    assert run.history[0]["val"] < 0
