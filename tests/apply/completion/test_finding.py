"""What completing gives: figures, arrays, a picture of images alone."""

import json

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from pyrovae.apply import Completion
from pyrovae.apply.completion.finding import LogHidden


def _found(shape, known=True):
    x = torch.rand(3, *shape)
    hidden = torch.rand(3, *shape) < 0.5
    nothing = torch.full((3,), torch.nan)
    return Completion(
        completions=torch.rand(2, 3, *shape),
        mean=torch.where(hidden, torch.rand(3, *shape), x),
        std=torch.rand(3, *shape),
        latents={},
        observed=torch.where(hidden, torch.nan, x),
        original=x if known else torch.where(hidden, torch.nan, x),
        hidden=hidden,
        method="gibbs",
        log_hidden={"predictive": LogHidden(-torch.ones(3), torch.ones(3), torch.ones(3))},
        ess=nothing,
        acceptance=nothing,
        r_hat=torch.tensor([1.0, 1.1, torch.inf]),
    )


def test_figures():
    found = _found((1, 4, 4))
    at, known = found.hidden, found.original
    span = float(known.max() - known.min())
    wanted = peak_signal_noise_ratio(known[at].numpy(), found.mean[at].numpy(), data_range=span)
    assert found.psnr == pytest.approx(wanted, rel=1e-5)
    numbers = json.loads(json.dumps(found.numbers(), allow_nan=False))
    assert numbers["log_hidden"]["predictive"]["mean"] == -1
    assert numbers["r_hat_max"] is None and numbers["ess_median"] is None
    assert "log p(hidden|observed), predictive" in str(found) and "ess" not in str(found)
    assert set(found.arrays()) == {"completions", "mean", "std", "observed",
                                   "log_hidden_predictive"}  # fmt: skip


def test_nothing_is_scored_where_nothing_is_known():
    found = _found((6,), known=False)
    assert found.numbers()["log_hidden"] == {} and found.numbers()["psnr"] is None
    assert "predictive" not in str(found) and found.plot() is None


@pytest.mark.parametrize(("shape", "is_image"), [((1, 4, 4), True), ((3, 4, 6), True),
                                                 ((4, 4), True), ((2, 4, 4), False)])  # fmt: skip
def test_images_have_a_picture(shape, is_image):
    found = _found(shape)
    figure = found.plot()
    assert (figure is not None) is is_image
    if figure is not None:
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert labels == ["original", "observed", "draw 1", "draw 2", "mean"]
