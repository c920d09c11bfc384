"""Leading axes are flattened and restored; networks are built or taken as they are."""

from functools import partial

import pytest
import torch
from torch import nn

from pyrovae.errors import ConfigError, ShapeError
from pyrovae.nn import MLP, OneBatchAxis, build


class MeanAndScale(nn.Module):
    def forward(self, x):  # [N, C, H, W] -> [N, C], [N]
        return x.mean((-1, -2)), x.flatten(1).std(1)


def test_equals_a_loop_over_the_particles():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2), nn.ELU(), nn.Flatten(), nn.Linear(27, 5))
    x = torch.randn(4, 6, 2, 7, 7, requires_grad=True)
    out = OneBatchAxis(net.double(), event_dim=3)(x.double())
    looped = torch.stack([net(x_k) for x_k in x.double()])
    torch.testing.assert_close(out, looped, rtol=1e-12, atol=1e-12)
    (grad,) = torch.autograd.grad(out.square().sum(), x, retain_graph=True)
    (expected,) = torch.autograd.grad(looped.square().sum(), x)
    torch.testing.assert_close(grad, expected)


@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 1, 3), (0, 3)])
def test_any_number_of_leading_axes(lead):
    net = OneBatchAxis(nn.Conv2d(1, 4, 3), event_dim=3)
    assert net(torch.zeros(*lead, 1, 8, 8)).shape == (*lead, 4, 6, 6)


def test_events_need_no_axes():
    x = torch.randn(2, 3)
    assert torch.equal(OneBatchAxis(nn.Tanh(), event_dim=0)(x), x.tanh())


def test_tuples_of_outputs():
    x = torch.randn(4, 6, 2, 7, 7)
    mean, scale = OneBatchAxis(MeanAndScale(), event_dim=3)(x)
    torch.testing.assert_close(mean, x.mean((-1, -2)))
    torch.testing.assert_close(scale, x.flatten(2).std(2))


def test_parameters_are_those_of_the_network():
    net = nn.Linear(3, 2)
    assert list(OneBatchAxis(net, event_dim=1).parameters()) == list(net.parameters())


def test_refuses_too_few_axes():
    with pytest.raises(ShapeError, match=r"shape \(8, 8\).*event_dim=3"):
        OneBatchAxis(nn.Identity(), event_dim=3)(torch.zeros(8, 8))


def test_refuses_a_network_that_loses_the_batch():
    with pytest.raises(ShapeError, match="6 data and gave shape.*batch axis first"):
        OneBatchAxis(nn.Flatten(0), event_dim=1)(torch.zeros(2, 3, 4))


def test_build_takes_a_module_as_it_is():
    net = nn.Linear(3, 2)
    assert build(net, 3, 2) is net


@pytest.mark.parametrize(
    "factory",
    [MLP, partial(MLP, hidden=()), lambda i, o: MLP(i, o, hidden=(3,), activation=nn.Tanh)],
)
def test_build_calls_a_factory(factory):
    net = build(factory, (1, 4), 2)
    assert net(torch.zeros(5, 1, 4)).shape == (5, 2)
    assert (net.in_shape, net.out_shape) == ((1, 4), (2,))


def test_build_refuses_what_is_no_module():
    with pytest.raises(ConfigError, match="returned a tuple.*torch.nn.Module"):
        build(lambda i, o: (i, o), 3, 2)


def test_build_refuses_an_empty_axis():
    with pytest.raises(ShapeError, match="below 1"):
        build(MLP, (1, 0), 2)
