"""Pictures hold what they are given: pixels, points, curves."""

import numpy as np
import pytest
import torch

from pyrovae import plots
from pyrovae.errors import ShapeError
from pyrovae.evaluate import Comparison, Traversal


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


def compared(rows, log_px=-1.0, log_px_error=0.0):
    row = {
        "bound": -2.0, "bound_monte_carlo_error": 0.1, "kind": "lower", "milliseconds": 3.0,
        "milliseconds_low": 2.0, "milliseconds_high": 5.0, "guide_variance": 1.0,
        "guide_snr": 0.5, "guide_variance_x_ms": 3.0,
    }  # fmt: skip
    facts = {"log_px": log_px, "log_px_error": log_px_error, "rows_at": "equal K (4)"}
    return plots.comparison(Comparison([row | changes for changes in rows], facts))


def words_of(figure):
    (legend,) = figure.legends
    return [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]


@pytest.mark.parametrize("log_px", [-1.0, float("nan")])
def test_comparison_shows_every_row(log_px):
    figure = compared([{"objective": n, "bound": -i} for i, n in enumerate("abc")], log_px)
    bound, snr, cost, product = figure.axes
    assert [label.get_text() for label in bound.get_yticklabels()] == ["c", "b", "a"]
    np.testing.assert_allclose(bound.lines[0].get_xdata(orig=False), [-2, -1, 0])
    np.testing.assert_allclose(snr.lines[0].get_xdata(orig=False), [0.5] * 3)
    np.testing.assert_allclose(cost.lines[0].get_xdata(orig=False), [3.0] * 3)
    np.testing.assert_allclose(product.lines[0].get_xdata(orig=False), [3.0] * 3)
    assert len(bound.lines) == (2 if log_px == log_px else 1)
    assert "three Monte Carlo errors" in words_of(figure)[0]
    assert not bound.patches


def test_kinds_of_values_have_markers_of_their_own():
    kinds = ["lower", "upper", "estimate", "unknown", "upper"]
    figure = compared([{"objective": k, "kind": k} for k in kinds], log_px_error=0.1)
    bound = figure.axes[0]
    found = {line.get_marker(): list(line.get_ydata()) for line in bound.lines[:4]}
    assert found == {">": [4], "<": [0, 3], "D": [2], "x": [1]}
    assert {"lower bound", "upper bound", "estimate, no bound"} < set(words_of(figure))
    (band,) = bound.patches
    assert band.get_x() == pytest.approx(-1.3) and band.get_width() == pytest.approx(0.6)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_written(value, tmp_path):
    bad = {
        "objective": "bad", "bound": value, "bound_monte_carlo_error": value,
        "guide_variance": value, "guide_snr": float("nan"), "guide_variance_x_ms": value,
    }  # fmt: skip
    for rows in ([{"objective": "good"}, bad], [bad]):
        figure = compared(rows)
        figure.savefig(tmp_path / "t.png")
        bound, snr, cost, product = figure.axes
        for axes in (bound, snr, product):
            (text,) = axes.texts
            assert text.get_text() == "not finite" and text.get_position()[1] == 0
            assert len(axes.lines[0].get_xdata()) == len(rows) - 1
        assert len(cost.lines[0].get_xdata()) == len(rows)


def test_a_group_without_a_gradient_is_no_point():
    zero = {"guide_variance": 0.0, "guide_snr": float("nan"), "guide_variance_x_ms": 0.0}
    _, snr, _, product = compared([{"objective": "a"}, {"objective": "b", **zero}]).axes
    assert list(snr.lines[0].get_ydata()) == list(product.lines[0].get_ydata()) == [1]
    assert not snr.texts


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
