"""Runs of a pair with and without compiling, which must be one and the same."""

import pyro
import torch

from pyrovae.data import LinearGaussian
from pyrovae.train import SVI
from tests.objectives.test_contract import _mode
from tests.pairs import STYLES

ORACLE = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0, dtype=torch.float64)


def run_of(style, objective, optim=None, steps=4, **options):
    pyro.clear_param_store()
    pair = STYLES[style](torch.float64)
    optim = optim or pyro.optim.Adam({"lr": 1e-2})
    with _mode(pair):
        svi = SVI(pair.model, pair.guide, optim, objective, **options)
        pyro.set_rng_seed(5)
        losses = [svi.step(*pair.args) for _ in range(steps)]
    return losses, list(svi.optimizer.leaves.values()), svi


def assert_same_run(style, make, optim=None, steps=4, **options):
    optim = optim or (lambda: pyro.optim.Adam({"lr": 1e-2}))
    losses, leaves, _ = run_of(style, make(), optim(), steps, **options)
    again, others, svi = run_of(style, make(), optim(), steps, compile=True, **options)
    assert svi._compiled.captured.refusal == ""
    torch.testing.assert_close(again, losses, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(others, leaves, rtol=1e-7, atol=1e-9)
    return svi
