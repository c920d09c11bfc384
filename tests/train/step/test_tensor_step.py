"""The update in a graph is that of the optimiser, clipped or not."""

import pyro
import pytest

from pyrovae.objectives import ELBO
from tests.train.step.compiled_runs import assert_same_run

OPTIMIZERS = {
    "Adam": lambda: pyro.optim.Adam({"lr": 1e-2, "weight_decay": 0.1}),
    "AdamW": lambda: pyro.optim.AdamW({"lr": 1e-2}),
    "SGD": lambda: pyro.optim.SGD({"lr": 1e-3, "momentum": 0.9}),
    "one rate each": lambda: pyro.optim.Adam(lambda name: {"lr": 1e-2 if "w" in name else 1e-3}),
    "not known": lambda: pyro.optim.RMSprop({"lr": 1e-3}),
    "nor this": lambda: pyro.optim.ClippedAdam({"lr": 1e-2, "lrd": 0.9}),
}


@pytest.mark.parametrize("options", [{}, {"clip_norm": 1.0}], ids=["free", "clipped"])
@pytest.mark.parametrize("optim", OPTIMIZERS)
def test_every_optimizer(interpreted, optim, options):
    assert_same_run("module_functions", ELBO, OPTIMIZERS[optim], **options)


def test_clipping_by_value(interpreted):
    clip = {"clip_value": 0.05}
    assert_same_run("param_functions", ELBO, lambda: pyro.optim.Adam({"lr": 1e-2}, clip))
