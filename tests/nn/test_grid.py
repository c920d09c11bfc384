"""Convolutions between images and grids of vectors."""

import pytest
import torch

from pyrovae.errors import ConfigError, ShapeError
from pyrovae.nn import GridDecoder, GridEncoder


@pytest.mark.parametrize(
    ("image", "grid"), [((28, 28), (7, 7)), ((9, 6), (3, 2)), ((8, 8), (8, 8))]
)
def test_there_and_back(image, grid):
    x = torch.randn(2, 3, 1, *image)
    z = GridEncoder((1, *image), (*grid, 4), channels=6, blocks=1)(x)
    assert z.shape == (2, 3, *grid, 4)
    for out in ((1, *image), (2, 1, *image)):
        assert GridDecoder((*grid, 4), out, channels=6, blocks=1)(z).shape == (2, 3, *out)


def test_a_vector_sees_its_neighbourhood_alone():
    encoder = GridEncoder((1, 32, 32), (8, 8, 3), channels=4, blocks=0)
    x = torch.randn(1, 1, 32, 32, requires_grad=True)
    (gradient,) = torch.autograd.grad(encoder(x)[0, 0, 0].sum(), x)
    assert gradient[..., :4, :4].abs().sum() > 0
    assert gradient[..., 16:, :].abs().sum() == gradient[..., 16:].abs().sum() == 0


def test_says_what_does_not_fit():
    with pytest.raises(ConfigError, match="does not lead to a grid of"):
        GridEncoder((1, 28, 28), (6, 6, 4))
    with pytest.raises(ConfigError, match="does not lead"):
        GridDecoder((8, 8, 4), (1, 4, 4))
    with pytest.raises(ShapeError, match=r"out_shape=\(h, w, D\)"):
        GridEncoder((1, 28, 28), (16,))
    with pytest.raises(ShapeError, match=r"in_shape=\(h, w, D\)"):
        GridDecoder((16,), (1, 28, 28))
    with pytest.raises(ShapeError, match="should end in"):
        GridEncoder((1, 8, 8), (4, 4, 2))(torch.zeros(2, 1, 9, 9))
