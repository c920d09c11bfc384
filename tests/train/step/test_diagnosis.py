"""The site or parameter that made a loss infinite or not a number is named."""

import pyro
import pytest
import torch

from pyrovae.errors import ShapeError
from pyrovae.objectives import ELBO
from pyrovae.runtime.random_state import torch_streams
from pyrovae.train.step.diagnosis import (
    cause_of,
    is_of_a_distribution,
    non_finite_parameter,
    non_finite_site,
)
from tests.train.step.test_svi import batch, networks, pair


@pytest.mark.parametrize(("which", "words"), [
    (0, "the log-density of the guide's site 'z' (row 0)"),
    (1, "the log-density of the model's site 'x' (row 0)"),
])  # fmt: skip
def test_the_first_site_is_named(which, words):
    nets = networks()
    with torch.no_grad():
        next(nets[which].parameters()).fill_(float("nan"))
    state = torch.get_rng_state()
    assert non_finite_site(*pair(*nets), ELBO(), (batch(),), torch_streams()) == words
    assert torch.equal(torch.get_rng_state(), state)


def test_where_all_is_finite_no_site_is():
    streams = torch_streams()
    assert non_finite_site(*pair(*networks()), ELBO(), (batch(),), streams) is None


def test_the_parameter_is_named():
    leaves = {name: torch.zeros(2, requires_grad=True) for name in ("a", "b", "unused")}
    leaves["a"].grad, leaves["b"].grad = torch.ones(2), torch.full((2,), 3.0)
    assert "largest at parameter 'b'" in non_finite_parameter(leaves)
    leaves["a"].grad[0] = float("nan")
    assert non_finite_parameter(leaves) == "the gradient of parameter 'a'"


def test_errors_of_distributions_are_told_from_those_of_the_library():
    with pytest.raises(ValueError) as caught:
        pyro.distributions.Normal(float("nan"), 1.0)
    assert is_of_a_distribution(caught.value)
    assert "tensor(" not in cause_of(caught.value) and not cause_of(caught.value).endswith(":")
    own = ShapeError("of this library")
    assert not is_of_a_distribution(own) and cause_of(own) == "of this library"
    own.__cause__ = caught.value
    assert is_of_a_distribution(own) and cause_of(own) == cause_of(caught.value)
