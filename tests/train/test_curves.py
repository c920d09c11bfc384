"""Curves of training show the history."""

import numpy as np

from pyrovae import plots


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_curves_show_the_history_and_the_best_epoch():
    history = [{"epoch": e, "train": -10.0 / e, "val": -12.0 / e - (e == 3)} for e in (1, 2, 3)]
    figure = plots.training_curves(history, title="t", bound="IWAE bound, K = 5")
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [-10, -5, -10 / 3])
    assert axes.lines[2].get_xdata()[0] == 3
    assert axes.get_ylabel() == "IWAE bound, K = 5\nnats per datum"
    assert texts(axes) == ["validation,\nbest -5.00", "training"]
    assert axes.get_title() == "t" and axes.get_xlabel() == "epoch"
    ticks = axes.get_xticks()
    assert (ticks == ticks.round()).all()


def test_one_epoch_without_validation_is_a_dot():
    (axes,) = plots.training_curves([{"epoch": 1, "train": -1.0, "val": None}]).axes
    assert texts(axes) == ["training"] and axes.lines[0].get_marker() == "o"
    assert plots.training_curves([]).axes


def test_reconstruction_and_kl_are_panels():
    history = [
        {"epoch": e, "train": -9.0, "reconstruction": -8.0 + e, "kl[z]": float(e)} for e in (1, 2)
    ]
    _, reconstruction, kl = plots.training_curves(history).axes
    assert reconstruction.lines[0].get_ydata().tolist() == [-7, -6]
    assert kl.lines[0].get_ydata().tolist() == [1, 2]
    assert (reconstruction.get_ylabel(), kl.get_ylabel()) == ("E log p(x|z)", "KL of z")
    assert texts(kl) == [] and kl.get_ylim()[0] <= 0


def test_several_sites_are_named_beside_their_lines():
    history = [{"epoch": 1, "train": -9.0, "kl[z1]": 1.0, "kl[z2]": 4.0}]
    history += [{"epoch": 2, "train": -8.0, "kl[z1]": 4.0, "kl[z2]": None}]
    kl = plots.training_curves(history).axes[1]
    assert texts(kl) == ["z1", "z2"] or texts(kl) == ["z2", "z1"]
    assert kl.lines[1].get_xdata().tolist() == [1]
