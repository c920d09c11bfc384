"""Residual blocks keep shapes, start as they are told, and a pyramid has any size."""

import pytest
import torch
from torch import nn

from pyrovae.nn.residual import Pyramid, ResidualBlock, head, scaled, strided


@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 7)])
def test_a_block_keeps_the_shape(channels, size):
    x = torch.randn(4, channels, *size)
    assert ResidualBlock(channels)(x).shape == x.shape


def test_a_block_of_scale_zero_is_the_identity_and_learns():
    block, x = ResidualBlock(4, scale=0.0), torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(block(x), x)
    block(x).square().sum().backward()
    assert block.branch[-1][-1].weight.grad.any()


def test_the_scale_multiplies_what_a_block_adds():
    torch.manual_seed(0)
    one = ResidualBlock(4)
    torch.manual_seed(0)
    half = ResidualBlock(4, scale=0.5)
    x = torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(half(x) - x, 0.5 * (one(x) - x))


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (32, 32), (5, 7), (1, 1)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_pyramid_has_the_sizes_that_it_says(size, stride):
    found = Pyramid(2, (4, 3, 5), stride=stride)(torch.randn(3, 2, *size))
    expected = strided(size, stride)
    for features, channels in zip(found, (4, 3, 5), strict=True):
        assert features.shape == (3, channels, *expected)
        expected = strided(expected, 2)


def test_blocks_may_be_left_out():
    pyramid = Pyramid(1, (4,), blocks=0)
    assert [type(layer) for layer in pyramid.stages[0]] == [nn.Conv2d]


def test_the_head_of_scale_zero_gives_zeros():
    out = head(3, 5, scale=0.0, activation=nn.SiLU)(torch.randn(2, 3, 4, 4))
    assert out.shape == (2, 5, 4, 4) and not out.any()
    assert scaled(nn.Conv2d(2, 2, 1, bias=False), 0.5).bias is None
