"""Pictures hold what they are given: pixels, points, curves."""

import numpy as np
import pytest
import torch

from pyrovae import plots
from pyrovae.errors import ShapeError
from pyrovae.evaluate import Comparison


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


def test_curves_show_the_history_and_the_best_epoch():
    history = [{"epoch": e, "train": -10.0 / e, "val": -12.0 / e - (e == 3)} for e in (1, 2, 3)]
    axes = plots.training_curves(history).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [-10, -5, -10 / 3])
    assert axes.lines[2].get_xdata()[0] == 3
    assert plots.training_curves([{"epoch": 1, "train": -1.0, "val": None}]).axes


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_latents_of_any_dimension(dims):
    z, y = torch.randn(30, dims), torch.arange(30) % 3
    axes = plots.latent_space(z, y).axes[0]
    points = np.concatenate([c.get_offsets() for c in axes.collections])
    assert points.shape == (30, 2)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["0", "1", "2"]
    if dims == 2:
        by_class = torch.cat([z[y == c] for c in range(3)])
        np.testing.assert_allclose(points, by_class.numpy(), rtol=1e-6)
    assert plots.latent_space(z).axes[0].collections


@pytest.mark.parametrize("log_px", [-1.0, float("nan")])
def test_comparison_shows_every_row(log_px):
    row = {
        "bound": -2.0, "bound_monte_carlo_error": 0.1, "milliseconds": 3.0,
        "milliseconds_low": 2.0, "milliseconds_high": 5.0, "guide_variance": 1.0,
        "guide_snr": 0.5, "guide_variance_x_ms": 3.0,
    }  # fmt: skip
    rows = [{"objective": name, **row, "bound": -i} for i, name in enumerate("abc")]
    facts = {"log_px": log_px, "rows_at": "equal K (4)"}
    bound, snr, cost, product = plots.comparison(Comparison(rows, facts)).axes
    assert [label.get_text() for label in bound.get_yticklabels()] == ["c", "b", "a"]
    np.testing.assert_allclose(bound.lines[0].get_xdata(orig=False), [-2, -1, 0])
    np.testing.assert_allclose(snr.lines[0].get_xdata(orig=False), [0.5] * 3)
    np.testing.assert_allclose(cost.lines[0].get_xdata(orig=False), [3.0] * 3)
    np.testing.assert_allclose(product.lines[0].get_xdata(orig=False), [3.0] * 3)
    assert len(bound.lines) == (2 if log_px == log_px else 1)
