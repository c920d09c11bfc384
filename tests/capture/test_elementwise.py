"""Polynomials in place of library calls, and biases that are added where they are read."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from pyrovae.capture import elementwise
from pyrovae.capture.elementwise import with_fast_elementwise
from pyrovae.capture.graph import trace
from pyrovae.capture.inductor import compile_graph

EPS = torch.finfo(torch.float32).eps
ODD = (0.0, -0.0, 1e-30, -1e-30, 100.0, -100.0, math.inf, -math.inf, math.nan, 88.0, -104.0)
ATEN = torch.ops.aten


def both(run, *inputs):
    """What the graph of a computation gives, and what the changed graph gives."""
    traced = trace(run, list(inputs))
    changed = with_fast_elementwise(copy.deepcopy(traced.graph))
    targets = {node.target for node in changed.graph.nodes}
    everything = [*traced.externals, *inputs]
    return traced.graph(*everything), changed(*everything), targets


def logits_and_data(values=(0.0, 1.0, 0.3)):
    logits = torch.cat([torch.linspace(-110, 110, 20_000), torch.tensor(ODD)])
    return logits.expand(len(values), -1).clone(), torch.tensor(values)[:, None]


def log_prob(logits, x):
    return (-cross_entropy(logits, x.expand_as(logits), reduction="none"),)


def test_the_cross_entropy_against_scipy():
    logits, x = logits_and_data()
    (usual,), (fast,), targets = both(log_prob, logits, x)
    assert ATEN.binary_cross_entropy_with_logits.default not in targets
    finite = logits.isfinite()
    with np.errstate(all="ignore"):
        wide, given = logits.double().numpy(), x.double().numpy()
        exact = given * log_expit(wide) + (1 - given) * log_expit(-wide)
    exact = torch.from_numpy(exact)
    off = ((fast - exact).abs() / exact.abs().clamp(min=1e-30))[finite]
    assert off.max() < 6 * EPS, "relative, where the density is almost one as well"
    assert torch.equal(fast.isnan(), usual.isnan()) and torch.equal(fast.isinf(), usual.isinf())
    assert torch.equal(fast[~finite].nan_to_num(), usual[~finite].nan_to_num())


def test_nan_in_the_data_stays():
    logits, _ = logits_and_data()
    (usual,), (fast,), _ = both(log_prob, logits, torch.tensor([[math.nan], [1.0], [0.0]]))
    assert fast[0].isnan().all() and torch.equal(fast.isnan(), usual.isnan())


def test_tanh():
    x = torch.cat(
        [torch.linspace(-12, 12, 40_000), torch.logspace(-30, 1, 5000), torch.tensor(ODD)]
    )
    (usual,), (fast,), targets = both(lambda x: (x.tanh(),), x)
    assert ATEN.tanh.default not in targets
    exact = x.double().tanh()
    some = x.isfinite() & (x != 0)
    assert ((fast - exact).abs() / exact.abs())[some].max() < 4 * EPS
    assert fast.abs().nan_to_num().max() <= 1
    assert torch.equal(fast.isnan(), usual.isnan()) and not fast[x == 0].any()


@pytest.mark.parametrize("at_zero", [False, True])
def test_gradients_are_torchs(at_zero):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(20, 90), nn.Tanh(), nn.Linear(90, 100))
    if at_zero:
        nn.init.zeros_(network[2].weight), nn.init.zeros_(network[2].bias)
    leaves = list(network.parameters())
    x = torch.bernoulli(torch.full((300, 100), 0.4))

    def run(z):
        logits = network(z)
        loss = cross_entropy(logits, x, reduction="none").sum(-1)
        first = torch.autograd.grad(loss.sum(), (logits, *leaves))
        return (loss.detach(), *first)

    usual, fast, targets = both(run, torch.randn(300, 20))
    assert not targets & set(elementwise._FORMS)
    for one, other in zip(usual, fast, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-5)
    if at_zero:
        exact = torch.from_numpy(expit(np.zeros((300, 100)))) - x
        torch.testing.assert_close(fast[1].double(), exact, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((16, 8), torch.float32), ((200, 100), torch.float64)]
)
def test_small_and_double_tensors_are_left(shape, dtype):
    x = torch.randn(shape, dtype=dtype)
    traced = trace(lambda x: (x.tanh(), *log_prob(x, x)), [x]).graph
    before = traced.code
    assert with_fast_elementwise(traced).code == before


def test_what_is_not_the_plain_form_is_left():
    one, weight = torch.randn(200, 100), torch.rand(100)

    def run(x):
        mean = cross_entropy(x, x.sigmoid())
        weighed = cross_entropy(x, x.sigmoid(), weight, reduction="none")
        return mean, weighed, torch.addmm(weight, x, x.T[:, :100], beta=0.5)

    usual, fast, _ = both(run, one)
    for a, b in zip(usual, fast, strict=True):
        assert torch.equal(a, b)


def test_compiled_without_a_copy_of_the_bias():
    """Inductor would fuse product and bias again, were they a sum."""
    torch.manual_seed(0)
    layer = nn.Linear(30, 128)

    def run(x):
        return (layer(x).tanh().sum(-1),)

    x = torch.randn(256, 30)
    traced = trace(run, [x])
    code = compile_graph(traced.graph, [*traced.externals, x])
    with torch.profiler.profile() as profile, torch.no_grad():
        (found,) = code(*traced.externals, x)
    names = {event.key for event in profile.key_averages()}
    assert "aten::mm" in names and not names & {"aten::addmm", "aten::tanh"}
    torch.testing.assert_close(found, run(x)[0].detach(), rtol=1e-5, atol=1e-4)
