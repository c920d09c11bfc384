"""What runs before the first step: the pair once."""

import inspect

import pytest
import torch
from pyro.infer import Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from torch import nn

from pyrovae.objectives import ELBO
from pyrovae.train import fit
from tests.pairs import STYLES
from tests.train.pairs import QUIET, networks, pair, x_of


def runs_before_the_first_step(model, guide, data, **options):
    """How often `fit` runs the model before the optimiser's first step, that step left out."""
    runs, before = [], []

    def counted(*args):
        runs.append(1)
        return model(*args)

    class Adam(torch.optim.Adam):
        def step(self, closure=None):
            before.append(len(runs))
            super().step(closure)

    fit(
        counted, guide, data, epochs=1,
        optimizer=lambda leaves: Adam(leaves, lr=1e-3), **options, **QUIET,
    )  # fmt: skip
    return before[0] - 1


@pytest.mark.parametrize("objective", [ELBO(), Trace_ELBO()])
@pytest.mark.parametrize("options", [{}, {"val": x_of(7)}, {"batch_size": 16}])
def test_the_pair_runs_once(objective, options):
    found = runs_before_the_first_step(*pair(*networks()), x_of(), objective=objective, **options)
    assert found == 1


def test_the_pair_runs_once_where_batches_have_several_rows():
    encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    model, guide = pair(encoder, nn.Linear(2, 6))
    assert runs_before_the_first_step(model, guide, x_of(), objective=ELBO(), batch_size=20) == 1


def test_a_pair_of_several_latents_runs_once():
    made = STYLES["hierarchy"](torch.float64)
    assert runs_before_the_first_step(made.model, made.guide, made.args, objective=ELBO()) == 1


@pytest.mark.parametrize(("batch_size", "expected"), [(40, 1), (20, 2)])
@pytest.mark.filterwarnings("ignore::pyrovae.errors.PlateWarning")
def test_the_plates_of_an_automatic_guide_are_looked_for(batch_size, expected):
    """With minibatches the model runs on one row more, to see which plates grow."""
    model, _ = pair(*networks())
    guide = AutoNormal(model)  # which runs the model that it was given, uncounted
    found = runs_before_the_first_step(
        model, guide, x_of(), objective=ELBO(), batch_size=batch_size
    )
    assert found == expected


def test_the_options_are_seen_in_the_signature():
    names = list(inspect.signature(fit).parameters)
    assert names[:3] == ["model", "guide", "data"]
    groups = [
        ["batch_size", "drop_last", "columns", "transform", "num_data", "seed"],
        ["objective"],
        ["epochs", "lr", "optimizer", "weight_decay", "schedule", "ema", "clip_norm"],
        ["val", "val_objective", "patience"],
        ["run_dir", "resume", "overwrite", "checkpoint_seconds", "callbacks", "progress"],
        ["device", "precision", "compile", "steps_per_call", "memory"],
    ]
    assert names[3:] == [name for group in groups for name in group]
