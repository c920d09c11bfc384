"""Pictures of images hold the pixels that they are given, where they belong."""

import numpy as np
import pytest
import torch

from pyrovae import plots
from pyrovae.errors import ShapeError
from pyrovae.evaluate import Traversal


def canvas_of(figure):
    return np.asarray(figure.axes[0].images[0].get_array())


def test_grid_places_every_image():
    images = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 1, 2, 3)
    canvas = canvas_of(plots.image_grid(images, columns=3))
    assert canvas.shape == (2 * 3 - 1, 3 * 4 - 1)
    for i in range(5):
        row, column = divmod(i, 3)
        tile = canvas[row * 3 : row * 3 + 2, column * 4 : column * 4 + 3]
        np.testing.assert_allclose(tile, i / 4)


def test_colour_images_and_vectors():
    assert canvas_of(plots.image_grid(torch.rand(4, 3, 5, 5))).shape == (11, 11, 3)
    with pytest.raises(ShapeError, match=r"\[N, C, H, W\]"):
        plots.image_grid(torch.rand(4, 7))


def test_reconstructions_stand_under_their_originals():
    x = torch.rand(6, 1, 4, 4)
    canvas = canvas_of(plots.reconstructions(x, x))
    np.testing.assert_allclose(canvas[:4], canvas[5:9])


def test_traversals_have_a_row_for_each_unit():
    images = torch.arange(6.0).reshape(2, 3, 1, 1, 1).expand(2, 3, 1, 4, 5)
    units, information = torch.tensor([7, 2]), torch.tensor([1.25, 0.5])
    found = Traversal(images, units, information, "KL", torch.tensor([-1.0, 0.0, 1.0]), "z")
    figure = plots.traversals(found, title="t")
    canvas, axes = canvas_of(figure), figure.axes[0]
    assert canvas.shape == (2 * 5 - 1, 3 * 6 - 1)
    for i in range(6):
        row, column = divmod(i, 3)
        tile = canvas[row * 5 : row * 5 + 4, column * 6 : column * 6 + 5]
        np.testing.assert_allclose(tile, i / 5)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["unit 7: KL 1.25", "unit 2: KL 0.50"]
    assert axes.get_yticks().tolist() == [1.5, 6.5] and axes.get_xticks().tolist() == [2, 8, 14]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["-1", "0", "1"]
    flat = Traversal(torch.rand(2, 3, 5), units, information, "KL", torch.ones(3), "z")
    with pytest.raises(ShapeError, match=r"\[N, C, H, W\]"):
        plots.traversals(flat)
