"""Convolutional encoder and decoder: every image size exactly, every parameter alive."""

import pytest
import torch
from torch import nn

from pyrovae.errors import ConfigError, ShapeError
from pyrovae.nn import ConvDecoder, ConvEncoder

IMAGES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (1, 7, 9), (2, 1, 1)]
NETWORKS = [
    (ConvEncoder, (2, 7, 9), (2, 5)),
    (ConvDecoder, (2, 3), (2, 7, 9)),
    (ConvDecoder, 6, (3, 2, 7, 9)),
]


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
@pytest.mark.parametrize("image", IMAGES)
def test_encoder_shapes(image, lead):
    net = ConvEncoder(image, (2, 5), channels=(4, 6))
    assert net(torch.zeros(lead + image)).shape == (*lead, 2, 5)


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
@pytest.mark.parametrize("parameters", [(), (2,)])
@pytest.mark.parametrize("image", IMAGES)
def test_decoder_shapes(image, parameters, lead):
    net = ConvDecoder(5, parameters + image, channels=(6, 4))
    assert net(torch.zeros(*lead, 5)).shape == lead + parameters + image


@pytest.mark.parametrize(("network", "in_shape", "out_shape"), NETWORKS)
@pytest.mark.parametrize("depth", [{"channels": (4,)}, {"channels": (4, 5, 6), "blocks": 2}])
def test_every_parameter_gets_a_gradient(network, in_shape, out_shape, depth):
    torch.manual_seed(0)
    net = network(in_shape, out_shape, activation=nn.ELU, **depth)
    net(torch.randn(7, *net.in_shape)).square().sum().backward()
    dead = [name for name, p in net.named_parameters() if not p.grad.abs().sum() > 0]
    assert not dead


@pytest.mark.parametrize(("network", "in_shape", "out_shape"), NETWORKS)
def test_leading_axes_equal_a_loop(network, in_shape, out_shape):
    torch.manual_seed(0)
    net = network(in_shape, out_shape, channels=(4, 5)).double()
    x = torch.randn(3, 4, *net.in_shape, dtype=torch.float64)
    torch.testing.assert_close(net(x), torch.stack([net(x_k) for x_k in x]))


@pytest.mark.parametrize(("network", "in_shape", "out_shape"), NETWORKS)
def test_a_datum_does_not_depend_on_its_batch(network, in_shape, out_shape):
    torch.manual_seed(0)
    net = network(in_shape, out_shape, channels=(4, 5)).double()
    x = torch.randn(4, *net.in_shape, dtype=torch.float64)
    torch.testing.assert_close(net(x)[0], net(x[0]))


def test_every_pixel_of_the_decoder_is_its_own():
    # A size reached by padding would leave constant rows or columns at the edge.
    torch.manual_seed(0)
    net = ConvDecoder(8, (1, 7, 9), channels=(8, 8))
    spread = net(torch.randn(100, 8)).std(0)
    assert spread.min() > 0


@pytest.mark.parametrize("shape", [64, (8, 8), (1, 1, 8, 8)])
def test_encoder_refuses_what_is_no_image(shape):
    with pytest.raises(ShapeError, match=r"in_shape=\(C, H, W\).*MLP"):
        ConvEncoder(shape, 2)


@pytest.mark.parametrize("shape", [64, (8, 8), (1, 1, 1, 8, 8)])
def test_decoder_refuses_what_is_no_image(shape):
    with pytest.raises(ShapeError, match=r"out_shape=\(C, H, W\) or \(P, C, H, W\).*MLP"):
        ConvDecoder(2, shape)


@pytest.mark.parametrize(("network", "in_shape", "out_shape"), NETWORKS)
def test_refuses_another_input(network, in_shape, out_shape):
    net = network(in_shape, out_shape)
    with pytest.raises(ShapeError, match="should end in"):
        net(torch.zeros(3, *net.in_shape[:-1], net.in_shape[-1] + 1))


@pytest.mark.parametrize(("network", "in_shape", "out_shape"), NETWORKS)
def test_refuses_no_stages(network, in_shape, out_shape):
    with pytest.raises(ConfigError, match="no channels"):
        network(in_shape, out_shape, channels=())
