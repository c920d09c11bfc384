"""Two inputs as one: shapes, values, leading axes, dtypes and errors."""

import pytest
import torch

from pyrovae.errors import ShapeError
from pyrovae.nn import AsChannels, AsVector

X = torch.randn(5, 3, 2, 4, 6)


def test_a_vector_holds_x_then_y():
    join, y = AsVector((2, 4, 6), (3, 2)), torch.randn(3, 3, 2)
    both = join(X, y)
    assert join.shape == (54,) and both.shape == (5, 3, 54)
    assert torch.equal(both[..., :48], X.flatten(2))
    assert torch.equal(both[..., 48:], y.flatten(1).expand(5, 3, 6))


def test_a_class_becomes_planes():
    join, y = AsChannels((2, 4, 6), 3), torch.eye(3)
    both = join(X, y)
    assert join.shape == (5, 4, 6) and both.shape == (5, 3, 5, 4, 6)
    assert torch.equal(both[:, :, :2], X)
    assert torch.equal(both[:, :, 2:], y[..., None, None].expand(5, 3, 3, 4, 6))


def test_an_image_becomes_channels():
    join, y = AsChannels((2, 4, 6), (1, 4, 6)), torch.randn(3, 1, 4, 6)
    both = join(X, y)
    assert join.shape == (3, 4, 6)
    assert torch.equal(both, torch.cat([X, y.expand(5, 3, 1, 4, 6)], 2))


@pytest.mark.parametrize("join", [AsVector, AsChannels])
def test_y_takes_the_dtype_of_x(join):
    both = join((2, 4, 6), (2, 4, 6))(X.double(), X[0] > 0)
    assert both.dtype == torch.float64


@pytest.mark.parametrize(
    ("x_shape", "y_shape"), [((4,), (3,)), ((2, 4, 6), (1, 6, 4)), ((2, 4, 6), (4, 6))]
)
def test_channels_need_images_of_one_size(x_shape, y_shape):
    with pytest.raises(ShapeError, match="AsVector takes any two"):
        AsChannels(x_shape, y_shape)


def test_a_wrong_input_is_named():
    with pytest.raises(ShapeError, match="AsVector got an input"):
        AsVector((2, 4, 6), 3)(X, torch.zeros(3, 4))
