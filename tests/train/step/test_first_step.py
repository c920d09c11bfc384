"""A network that the loss depends on and that is not declared to Pyro is an error."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from pyro.nn import PyroModule, PyroParam
from torch import nn

from pyrovae.errors import ParameterError
from pyrovae.objectives import ELBO, ParticleELBO
from pyrovae.train import SVI
from tests.train.step.test_svi import batch, networks, pair


@pytest.mark.parametrize("loss", [ELBO, Trace_ELBO])
def test_an_undeclared_network_is_an_error(loss):
    svi = SVI(*pair(*networks(), declare=False), pyro.optim.Adam({"lr": 1e-2}), loss())
    with pytest.raises(ParameterError, match=r"Linear.*not\s+declared.*pyro.module"):
        svi.step(batch())


def test_a_frozen_undeclared_network_is_not():
    encoder, decoder = networks()
    decoder.requires_grad_(False)
    SVI(*pair(encoder, decoder, declare=False), pyro.optim.Adam({"lr": 1e-2}), ELBO()).step(
        batch()
    )


def test_a_parameter_of_the_object_whose_methods_the_programs_are():
    """A `PyroParam` is declared where its module is called, and its methods are not."""

    class Net(PyroModule):
        def __init__(self):
            super().__init__()
            self.decoder = PyroModule[nn.Linear](2, 3)
            self.shift = PyroParam(torch.zeros(3))

        def model(self, x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
                loc = self.decoder(z) + self.shift
                pyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=x)

        def guide(self, x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x[:, :2], 1.0).to_event(1))

    net = Net()
    svi = SVI(net.model, net.guide, pyro.optim.Adam({"lr": 0.1}), Trace_ELBO())
    with pytest.raises(ParameterError, match="shift_unconstrained of a Net"):
        svi.step(torch.randn(5, 3))


class Detached(ParticleELBO):
    def bound(self, p):
        return p.log_w.detach().mean(0)


@pytest.mark.parametrize("compile", [False, True])
def test_a_loss_without_any_gradient_is_an_error(compile):
    svi = SVI(*pair(*networks()), pyro.optim.Adam({"lr": 0.1}), Detached(2), compile=compile)
    with pytest.raises(ParameterError, match="the loss of Detached.* does not depend"):
        svi.step(batch())


def test_a_pair_that_uses_none_of_its_parameters_is_not_refused():
    def model(x):
        pyro.param("unused", torch.zeros(3))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))

    SVI(model, guide, pyro.optim.Adam({"lr": 0.1}), ELBO()).step(torch.zeros(4, 1))
