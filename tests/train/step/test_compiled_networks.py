"""Networks in a captured step: buffers, modes, flows, and what cannot be frozen."""

import warnings

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae.errors import CaptureWarning
from pyrovae.objectives import ELBO, IWAE, STL, DReG
from pyrovae.train import SVI
from tests.train.step.compiled_runs import ORACLE


class Normalised(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.lower, self.norm, self.upper = nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 4)

    def forward(self, x):
        return self.upper(self.norm(self.lower(x)).tanh())


def with_running_statistics():
    network = Normalised().double()

    def model(x):
        weight = pyro.param("w", torch.ones(2, 5, dtype=torch.float64))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight, 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("network", network)
        loc, log_scale = network(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return network, model, guide


def test_running_statistics_are_kept(interpreted):
    statistics = []
    for compile in (False, True):
        pyro.clear_param_store()
        network, model, guide = with_running_statistics()
        svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), ELBO(), compile=compile)
        pyro.set_rng_seed(2)
        for seed in range(6):
            svi.step(ORACLE.sample(8, seed=seed))
        statistics.append([network.norm.running_mean, network.norm.running_var])
        assert network.norm.num_batches_tracked == 6
    torch.testing.assert_close(*statistics)


def test_evaluation_mode_is_another_graph(interpreted):
    network, model, guide = with_running_statistics()
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), ELBO(), compile=True)
    x = ORACLE.sample(8, seed=0)
    for _ in range(4):
        svi.step(x)
    network.eval()
    before = network.norm.running_mean.clone()
    for _ in range(4):
        svi.step(x)
    assert torch.equal(network.norm.running_mean, before)


def test_a_branch_on_the_data_runs_eagerly_with_its_line(interpreted):
    def model(x):
        weight = pyro.param("w", torch.ones(2, 5))
        scale = 1.0 if x.mean() > 0 else 2.0
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight, scale).to_event(1), obs=x)

    def guide(x):
        loc = pyro.param("loc", torch.zeros(2))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0).to_event(1))

    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), ELBO(), compile=True)
    with pytest.warns(CaptureWarning, match=r"_networks.py:\d+, in model, `scale = 1.0 if"):
        for _ in range(4):
            svi.step(torch.randn(4, 5))


def flow_pair(make_flow):
    flow = make_flow()

    def model(x):
        weight = pyro.param("w", torch.ones(2, 5))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight, 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("flow", flow)
        with pyro.plate("data", len(x)):
            base = dist.Normal(x.new_zeros(2), 1.0).expand([len(x), 2]).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, [flow]))

    return model, guide


def test_spline_flows_are_caught(interpreted):
    pair = flow_pair(lambda: dist.transforms.spline(2, bound=2.0))
    svi = SVI(*pair, pyro.optim.Adam({"lr": 1e-2}), ELBO(), compile=True)
    with pytest.warns(CaptureWarning, match=r"in guide, `pyro.sample\(\"z\".*boolean mask"):
        for _ in range(3):
            svi.step(torch.randn(4, 5))


@pytest.mark.parametrize("objective", [IWAE(3), DReG(3), STL(1)], ids=repr)
@pytest.mark.parametrize("make_flow", [
    lambda: dist.transforms.affine_coupling(2, [8]),
    lambda: dist.transforms.planar(2),
    lambda: dist.transforms.affine_autoregressive(2, [8]),
])  # fmt: skip
def test_flows_that_can_be_captured(interpreted, make_flow, objective):
    runs = []
    for compile in (False, True):
        pyro.clear_param_store()
        pyro.set_rng_seed(1)
        pair = flow_pair(make_flow)
        svi = SVI(*pair, pyro.optim.SGD({"lr": 1e-3}), objective, compile=compile)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*follows the plain gradient.*")
            runs.append([svi.step(torch.full((4, 5), 0.3)) for _ in range(5)])
    assert svi._compiled.captured.refusal == ""
    assert runs[0] == pytest.approx(runs[1], rel=1e-5)
