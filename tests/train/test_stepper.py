"""A loss, a gradient or a parameter that is not finite stops the run before the step."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import (
    Trace_ELBO,
    TraceMeanField_ELBO,
)
from torch import nn

from pyrovae.errors import (
    NonFiniteError,
)
from pyrovae.objectives import ELBO, IWAE
from pyrovae.train import Callback, fit, load_checkpoint
from tests.train.pairs import QUIET, networks, pair, x_of


class Poison(Callback):
    """Makes a parameter so large that the next loss overflows."""

    def __init__(self, parameter, step, value):
        self.parameter, self.step, self.value = parameter, step, value

    def on_step(self, loop):
        if loop.step == self.step:
            self.parameter.data.fill_(self.value)


@pytest.mark.parametrize(
    "objective",
    [ELBO(), IWAE(3), Trace_ELBO(), TraceMeanField_ELBO()],
    ids=lambda o: type(o).__name__,
)
@pytest.mark.parametrize(
    ("which", "value", "site"),
    [(1, 1e30, "model's site 'x'"), (0, math.nan, "guide's site 'z'")],
)
@pytest.mark.filterwarnings("ignore:Encountered")
def test_a_loss_that_is_not_finite_stops_before_the_step(objective, which, value, site, tmp_path):
    nets = networks()
    poisoned = nets[1].weight if which == 1 else nets[0][0].weight
    with pytest.raises(NonFiniteError) as caught:
        fit(
            *pair(*nets), x_of(), objective=objective, epochs=3, batch_size=10,
            callbacks=[Poison(poisoned, 6, value)], run_dir=tmp_path, **QUIET,
        )  # fmt: skip
    message = str(caught.value)
    assert "epoch 2, batch 2 (of 4, from 0)" in message and site in message
    assert str(tmp_path / "last.safetensors") in message
    untouched = nets[0] if which == 1 else nets[1]
    assert all(torch.isfinite(p).all() for p in untouched.parameters())
    assert all(p.grad is None for net in nets for p in net.parameters())
    load_checkpoint(tmp_path / "last.safetensors", *pair(*nets), x_of())
    assert all(torch.isfinite(p).all() for net in nets for p in net.parameters())


def test_a_parameter_that_is_not_finite_is_never_kept(tmp_path):
    nets = networks()
    with pytest.raises(
        NonFiniteError, match=r"'decoder\$\$\$weight' is not finite.*last.safetensors"
    ):
        fit(
            *pair(*nets), x_of(), objective=ELBO(), epochs=3, batch_size=10, run_dir=tmp_path,
            callbacks=[Poison(nets[1].weight, 6, math.inf)], checkpoint_seconds=0, **QUIET,
        )  # fmt: skip
    load_checkpoint(tmp_path / "last.safetensors", *pair(*nets), x_of())
    assert torch.isfinite(nets[1].weight).all()


def test_a_gradient_that_is_not_finite_names_the_parameter():
    weight = nn.Parameter(torch.zeros(()))

    def model(x):
        value = pyro.param("weight", weight)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            # Finite, with an infinite derivative at zero.
            pyro.sample("x", dist.Normal(z + value.abs().sqrt(), 1.0), obs=x[:, 0])

    def guide(x):
        loc = pyro.param("loc", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0))

    with pytest.raises(NonFiniteError, match="gradient of parameter 'weight'.*no checkpoint"):
        fit(model, guide, x_of(), objective=ELBO(), epochs=1, **QUIET)
    assert pyro.param("loc") == 0


def test_a_gradient_whose_norm_overflows_names_the_largest():
    def model(x):
        value = pyro.param("weight", torch.zeros(2))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z + 1e19 * value.sum(), 1.0), obs=x[:, 0] + 100)

    def guide(x):
        loc = pyro.param("loc", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0))

    with pytest.raises(NonFiniteError, match="largest at parameter 'weight'"):
        fit(model, guide, x_of(), objective=ELBO(), epochs=1, **QUIET)
