"""Curves of scores against numbers of labels."""

import numpy as np
import torch

from pyrovae.plots import label_curves


def test_means_and_standard_errors_are_drawn():
    scores = torch.tensor([[0.5, 0.7], [0.8, 0.8]])
    axes = label_curves({"one": scores, "other": scores + 0.1}, [50, 100]).axes[0]
    lines = [container.lines[0] for container in axes.containers]
    np.testing.assert_allclose(lines[0].get_ydata(), [0.6, 0.8], rtol=1e-6)
    bars = axes.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(bars[0][:, 1], [0.5, 0.7], rtol=1e-6)  # std .141 / sqrt 2
    assert [t.get_text() for t in axes.get_xticklabels()] == ["50", "100"]


def test_one_repetition_has_no_error():
    axes = label_curves({"one": torch.tensor([[0.5]])}, [50], title="t").axes[0]
    assert axes.get_title() == "t"
