"""The networks behind the layers: what sees what, and how often the context is looked at."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn.flows.conditioner import Conditioner, masked_conditioner


@pytest.mark.parametrize("hidden", [(), (9,), (3,), (9, 4, 8)])
@pytest.mark.parametrize("context_dim", [0, 2])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_each_sees_those_before_it_and_the_context(dim, context_dim, hidden):
    network = masked_conditioner(dim, context_dim, 3, hidden).double()
    with torch.no_grad():
        for layer in network.layers:
            layer.bias.add_(1)  # no unit is at rest
    x = torch.randn(dim).double()
    context = torch.randn(context_dim).double() if context_dim else None
    seen = torch.autograd.functional.jacobian(lambda v: network(v, network.given(context)), x)
    seen = seen.unflatten(0, (dim, 3)) != 0
    before = torch.ones(dim, dim).tril(-1).bool()[:, None].expand(dim, 3, dim)
    assert (seen & ~before).sum() == 0
    if not hidden or min(hidden) >= dim:
        assert torch.equal(seen, before)
    if context is not None:
        of_context = torch.autograd.functional.jacobian(
            lambda c: network(x, network.given(c)), context
        )
        assert (of_context != 0).all()


def test_some_rows_are_those_of_the_whole():
    network = masked_conditioner(4, 2, 3, (6,)).double()
    x, given = torch.randn(5, 4).double(), network.given(torch.randn(5, 2).double())
    torch.testing.assert_close(network(x, given, slice(3, 6)), network(x, given)[:, 3:6])
    network = masked_conditioner(4, 2, 3, ()).double()
    given = network.given(torch.randn(5, 2).double())
    torch.testing.assert_close(network(x, given, slice(3, 6)), network(x, given)[:, 3:6])


def test_the_context_is_looked_at_once_for_all_particles():
    network = Conditioner(3, 2, 4, (8,))
    seen = []
    network.of_context.register_forward_hook(lambda _, args, out: seen.append(args[0].shape))
    given = network.given(torch.randn(5, 2))
    assert network(torch.randn(7, 5, 3), given).shape == (7, 5, 4)
    assert seen == [(5, 2)]


@pytest.mark.parametrize("hidden", [(0,), (4, -1)])
def test_a_width_of_nothing(hidden):
    for make in (
        lambda: Conditioner(3, 2, 4, hidden),
        lambda: masked_conditioner(3, 2, 2, hidden),
    ):
        with pytest.raises(ConfigError, match="each at least 1"):
            make()
