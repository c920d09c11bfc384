"""The picture of a comparison shows every objective."""

import numpy as np
import pytest

from pyrovae import plots
from pyrovae.evaluate import Comparison


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
