"""Networks are noticed when they run, and compiled ones give what they give uncompiled."""

import copy
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import nn
from torch.fx import _symbolic_trace
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae import SVI, fit, log_evidence, trainable
from pyrovae.capture import Captured
from pyrovae.capture.network_calls import around_networks, watched_networks
from pyrovae.objectives import ELBO
from pyrovae.particles.isolation import isolated
from pyrovae.train.step import compiled as step

# Torch 2.11 reads the gradients of intermediate tensors when it compiles a network in place.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")

X = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4))


def compiled(net):
    return torch.compile(net, backend="eager")


def in_place(net):
    net.compile(backend="eager")
    return net


def inside(net):
    net[0] = compiled(net[0])
    return net


def function(net):
    return compiled(net.forward)


STYLES = [compiled, in_place, inside, function]


def pair(call, net, decoder):
    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", net)
        with pyro.plate("data", len(x)):
            loc, log_scale = call(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


def steps(model, guide, loss, **options):
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.1}), loss, **options)
    losses = [svi.step(X) for _ in range(4)]
    assert not options.get("compile") or svi.compile_seconds > 0
    return losses


USES = {
    "trainable": lambda m, g: [tuple(leaf.shape) for leaf in trainable(m, g, X).values()],
    "log_evidence": lambda m, g: log_evidence(m, g, X, num_particles=5, seed=0).mean(),
    "fit": lambda m, g: [
        entry[key]
        for entry in fit(
            m, g, X, objective=ELBO(), epochs=2, lr=0.1, val=X, progress=False
        ).history
        for key in ("train", "val")
    ],
    "SVI": lambda m, g: steps(m, g, Trace_ELBO()),
    "SVI in bfloat16": lambda m, g: steps(m, g, ELBO(), precision="bf16"),
    "SVI compiled": lambda m, g: steps(m, g, ELBO(), compile=True),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("use", USES)
def test_compiled_networks_in_a_pair(use, style, monkeypatch):
    monkeypatch.setattr(step, "Captured", partial(Captured, compiler=None))
    if use == "SVI in bfloat16" and style is function:
        pytest.skip("a compiled function is no network, and computes in full")
    net, decoder = network(), nn.Linear(2, 3)
    other, again = copy.deepcopy(net), copy.deepcopy(decoder)
    pyro.set_rng_seed(3)
    expected = USES[use](*pair(net, net, decoder))
    pyro.clear_param_store()
    pyro.set_rng_seed(3)
    call = style(other)
    found = USES[use](*pair(call, other, again))
    assert found == pytest.approx(expected, rel=1e-5) if use != "trainable" else found == expected
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("style", STYLES)
def test_measuring_puts_buffers_of_compiled_networks_back(style):
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4))
    trainable(*pair(style(net), net, nn.Linear(2, 3)), X)
    buffers = dict(net.named_buffers())
    assert all((b == (1 if "var" in name else 0)).all() for name, b in buffers.items())


def test_what_it_is_told():
    inner, outer = nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3))
    seen = []
    with watched_networks(seen.append):
        outer(inner(X))
    assert seen == [inner, outer, outer[0]]
    original = nn.Module.__call__
    with pytest.raises(ZeroDivisionError), around_networks(lambda *_: 1 / 0):
        inner(X)
    assert nn.Module.__call__ is original


def test_contexts_in_one_another_are_told_the_innermost_first():
    net, seen = nn.Linear(3, 3), []

    def named(name):
        def around(module, args, run):
            seen.append(name)
            return run()

        return around

    before = nn.Module.__call__, _symbolic_trace._orig_module_call
    with around_networks(named("outer")), around_networks(named("outer too")):
        installed = nn.Module.__call__
        with around_networks(named("inner")), watched_networks(seen.append):
            assert nn.Module.__call__ is installed, "each class is told of a replacement"
            net(X)
        assert seen == [net, "inner", "outer too", "outer"]
        net(X)
        assert seen[4:] == ["outer too", "outer"]
    net(X)
    assert len(seen) == 6
    assert (nn.Module.__call__, _symbolic_trace._orig_module_call) == before


def test_contexts_in_a_trace_are_told_and_leave_it_as_it_was():
    net, seen, before = nn.Linear(3, 3), [], nn.Module.__call__

    def run(x):
        found = nn.Module.__call__
        with watched_networks(seen.append):
            x = net(x)
        assert nn.Module.__call__ is found
        return net(x)

    with watched_networks(seen.append):
        traced = make_fx(run)(X)
    assert set(seen) == {net} and nn.Module.__call__ is before
    torch.testing.assert_close(traced(X), net(net(X)))


@pytest.mark.parametrize("style", [compiled, in_place])
def test_a_network_that_was_compiled_before_is_seen(style):
    """Hooks of torch's that come after the first call are not run by such a network."""
    net = network()
    call, seen = style(net), []
    call(X)
    with watched_networks(seen.append):
        call(X)
        call(X)
    assert set(net.modules()) <= set(seen)


def test_of_a_compiled_network_all_modules_are_told():
    net = network()
    with isolated() as ran:
        compiled(net)(X)
    assert len(ran) == 1
    assert set(net.modules()) <= set(ran[0].modules())
