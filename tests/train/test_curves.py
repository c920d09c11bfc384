"""Curves of training show the history."""

import numpy as np

from pyrovae import plots


def test_curves_show_the_history_and_the_best_epoch():
    history = [{"epoch": e, "train": -10.0 / e, "val": -12.0 / e - (e == 3)} for e in (1, 2, 3)]
    axes = plots.training_curves(history).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [-10, -5, -10 / 3])
    assert axes.lines[2].get_xdata()[0] == 3
    assert plots.training_curves([{"epoch": 1, "train": -1.0, "val": None}]).axes
