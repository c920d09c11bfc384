"""Images with their channels last."""

import numpy as np
import pytest
import torch

from pyrovae.data import arrays, batches, channels_first
from pyrovae.data.channels import has_channels_last
from pyrovae.errors import ConfigError, DataError

IMAGES = np.random.default_rng(0).integers(0, 256, size=(20, 6, 5, 3), dtype=np.uint8)


def test_arrays_move_channels_to_the_front():
    data = arrays(IMAGES, np.arange(20), channels="last")
    assert data.shape == (3, 6, 5)
    for split in (data.train, data.val, data.test):
        expected = np.moveaxis(IMAGES, -1, 1)[split.y.numpy()]
        assert np.array_equal(split.x.numpy(), expected)
    assert arrays(IMAGES).shape == arrays(IMAGES, channels="first").shape == (6, 5, 3)


def test_missing_values_stay_with_their_pixels():
    images = IMAGES.astype(np.float32)
    images[images > 200] = np.nan
    data = arrays(images, channels="last", missing=True, val=0, test=0).train
    assert data.y.shape == data.x.shape == (20, 3, 6, 5)
    assert int((~data.y).sum()) == int(np.isnan(images).sum())


def test_the_transform_leaves_labels_alone():
    source = batches(
        (IMAGES, np.arange(20)), 7, transform=channels_first, shuffle=False, device="cpu"
    )
    x, y = next(source.epoch(0))
    assert np.array_equal(x.numpy(), np.moveaxis(IMAGES[:7], -1, 1)) and y.tolist() == [*range(7)]
    assert x.is_contiguous()


def test_other_shapes_are_refused():
    with pytest.raises(DataError, match=r"got x of shape \[20, 5\], needs images \[N, H, W, C\]"):
        arrays(IMAGES[:, 0, :, 0], channels="last")
    with pytest.raises(ConfigError, match="channels='middle'"):
        arrays(IMAGES, channels="middle")


@pytest.mark.parametrize(
    ("got", "needed", "answer"),
    [
        ((28, 28, 1), (1, 28, 28), True),
        ((6, 5, 3), (3, 6, 5), True),
        ((3, 6, 5), (3, 6, 5), False),
        ((5, 6, 3), (3, 6, 5), False),
        ((4, 4, 4), (4, 4, 4), False),
        ((28, 28), (1, 28, 28), False),
        ((784,), (784,), False),
        ((28, 28, 1), (784,), False),
    ],
)
def test_a_shape_is_the_other_with_channels_last(got, needed, answer):
    assert has_channels_last(got, needed) is answer


def test_images_alone_stay_a_tensor():
    x = torch.rand(2, 4, 5, 3)
    assert torch.equal(channels_first(x), x.permute(0, 3, 1, 2))
    assert isinstance(channels_first(x, torch.arange(2)), tuple)
    with pytest.raises(DataError, match="channels_first got a ndarray"):
        channels_first(x.numpy())
