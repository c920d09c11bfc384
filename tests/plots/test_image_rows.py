"""Named rows of images."""

import pytest
import torch

from pyrovae.errors import ShapeError
from pyrovae.plots import image_rows


def test_rows_have_their_names_and_columns():
    x = torch.rand(3, 1, 4, 5)
    figure = image_rows({"clean": x, "noisy": 2 * x}, columns=["a", "b", "c"], title="noise")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["clean", "noisy"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "c"]
    assert axes.images[0].get_array().shape == (9, 17) and axes.get_title() == "noise"
    with pytest.raises(ShapeError, match="a picture needs images"):
        image_rows({"vectors": torch.rand(3, 4)})
