"""Pyro's own losses in a graph: those that have an equal, and those that run eagerly."""

from copy import deepcopy

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import (
    RenyiELBO,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
    config_enumerate,
)
from torch import nn

from pyrovae.errors import CaptureWarning
from pyrovae.train import SVI
from tests.train.step.compiled_runs import ORACLE, assert_same_run, run_of


@pytest.mark.parametrize(
    "loss",
    [
        Trace_ELBO,
        lambda: Trace_ELBO(num_particles=3),
        lambda: Trace_ELBO(num_particles=3, vectorize_particles=True, max_plate_nesting=1),
        TraceMeanField_ELBO,
        lambda: TraceMeanField_ELBO(num_particles=3, vectorize_particles=True),
    ],
)
@pytest.mark.parametrize("style", ["module_functions", "subsampled_plate", "scaled_pair"])
def test_losses_of_pyro_have_an_equal(interpreted, loss, style):
    assert_same_run(style, loss)


def test_enumerated_latents(interpreted):
    nets = [nn.Linear(*sizes).double() for sizes in ((5, 3), (3, 5), (5, 4), (2, 5))]

    def model(x):
        pyro.module("decoders", nn.ModuleList(nets[1::2]))
        with pyro.plate("data", len(x)):
            y = pyro.sample("y", dist.OneHotCategorical(x.new_ones(3) / 3))
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(nets[1](y) + nets[3](z), 1.0).to_event(1), obs=x)

    @config_enumerate
    def guide(x):
        pyro.module("encoders", nn.ModuleList(nets[::2]))
        loc, log_scale = nets[2](x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.OneHotCategorical(logits=nets[0](x)))
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    start, runs = [net.state_dict() for net in deepcopy(nets)], []
    for compile in (False, True):
        pyro.clear_param_store()
        for net, state in zip(nets, start, strict=True):
            net.load_state_dict(state)
        loss = TraceEnum_ELBO(max_plate_nesting=1, num_particles=2)
        svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), loss, compile=compile)
        pyro.set_rng_seed(1)
        runs.append([svi.step(ORACLE.sample(4, seed=seed)) for seed in range(5)])
    assert svi._compiled.captured.refusal == ""
    assert runs[1] == pytest.approx(runs[0], rel=1e-12)


def test_an_enumerated_chain(interpreted):
    """Factors of two latents are contracted by Pyro itself before costs are weighted."""

    @config_enumerate
    def model(x):
        start, move = (
            pyro.param(name, torch.full(shape, 0.5).double(), dist.constraints.simplex)
            for name, shape in (("start", (2,)), ("move", (2, 2)))
        )
        with pyro.plate("data", len(x)):
            a = pyro.sample("a", dist.Categorical(start))
            b = pyro.sample("b", dist.Categorical(move[a]))
            pyro.sample("x", dist.Normal(x.new_tensor([0.0, 1.0])[a], 1.0), obs=x[:, 0])
            pyro.sample("y", dist.Normal(x.new_tensor([2.0, -1.0])[b], 1.0), obs=x[:, 1])

    def guide(x):
        pass

    runs = []
    for compile in (False, True):
        pyro.clear_param_store()
        loss = TraceEnum_ELBO(max_plate_nesting=1)
        svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), loss, compile=compile)
        runs.append([svi.step(ORACLE.sample(4, seed=seed)) for seed in range(4)])
    assert svi._compiled.captured.refusal == ""
    assert runs[1] == pytest.approx(runs[0], rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (lambda: RenyiELBO(num_particles=2, vectorize_particles=True), "RenyiELBO has no diff"),
        (TraceGraph_ELBO, "TraceGraph_ELBO|value of a tensor"),
    ],
)
def test_others_of_pyro_run_eagerly_and_say_so(interpreted, loss, reason):
    losses, _, _ = run_of("module_functions", loss())
    with pytest.warns(CaptureWarning, match=reason) as caught:
        again, _, _ = run_of("module_functions", loss(), compile=True)
    assert again == losses and len(caught) == 1


def test_a_latent_without_a_sampler_has_no_equal_under_trace_elbo(interpreted):
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Bernoulli(0.4))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        logits = pyro.param("logits", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Bernoulli(logits=logits))

    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), Trace_ELBO(), compile=True)
    with pytest.warns(CaptureWarning, match="site 'z' .* objectives.ELBO or VIMCO"):
        for _ in range(3):
            svi.step(torch.randn(4))
