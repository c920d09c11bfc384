"""Convolutions over time: shapes, the meaning of their axes, and classes as bands."""

import pytest
import torch

from pyrovae.errors import ConfigError, ShapeError
from pyrovae.nn import AsBands, TimeConvDecoder, TimeConvEncoder


@pytest.mark.parametrize("time", [5, 8, 24])
def test_any_time_and_any_leading_axes(time):
    encoder = TimeConvEncoder((1, 6, time), (2, 3), channels=(8, 4))
    decoder = TimeConvDecoder((3,), (2, 1, 6, time), channels=(4, 8))
    x, z = torch.randn(3, 2, 1, 6, time), torch.randn(3, 2, 3)
    assert encoder(x).shape == (3, 2, 2, 3) and decoder(z).shape == (3, 2, 2, 1, 6, time)
    torch.testing.assert_close(encoder(x)[1, 0], encoder(x[1, :1])[0])
    torch.testing.assert_close(decoder(z)[1, 0], decoder(z[1, 0]))


def test_it_convolves_over_time_and_not_over_bands():
    encoder = TimeConvEncoder((2, 6, 32), 3, channels=(8,), kernel=3)
    first = encoder.body.net[1]
    assert isinstance(first, torch.nn.Conv1d) and first.in_channels == 12
    x = torch.zeros(1, 2, 6, 32)
    x[..., 10] = 1.0
    early, late = first(x.flatten(1, 2)), first(x.roll(2, -1).flatten(1, 2))
    torch.testing.assert_close(early.roll(1, -1)[..., 2:-2], late[..., 2:-2])


def test_classes_become_bands():
    join = AsBands((1, 3, 4), 2)
    x, y = torch.randn(5, 2, 1, 3, 4), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    both = join(x, y)
    assert both.shape == (5, 2, *join.shape) == (5, 2, 1, 5, 4)
    assert torch.equal(both[..., :3, :], x)
    assert torch.equal(both[2, 1, 0, 3:], torch.tensor([[0.0], [1.0]]).expand(2, 4))


def test_errors_say_what_is_needed():
    with pytest.raises(ShapeError, match=r"in_shape=\(C, F, T\)"):
        TimeConvEncoder((6, 32), 3)
    with pytest.raises(ShapeError, match=r"out_shape=\(C, F, T\)"):
        TimeConvDecoder(3, (6, 32))
    with pytest.raises(ConfigError, match="TimeConvDecoder got no channels"):
        TimeConvDecoder(3, (1, 6, 32), channels=())
    with pytest.raises(ShapeError, match="spectrogram"):
        AsBands((2, 6, 32), 3)
