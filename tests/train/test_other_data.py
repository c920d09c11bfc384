"""Families of other data than images train, resume bit for bit, and in bfloat16."""

import pytest
import torch

from pyrovae import fit, models
from pyrovae.objectives import IWAE, DReG

FAMILIES = (
    "TextVAE", "SequenceToSequence", "SpeechVAE", "DeepMarkovModel", "VariationalRNN",
    "CountVAE", "TopicModel", "TableVAE",
)  # fmt: skip
QUIET = {"device": "cpu", "progress": False, "seed": 0, "batch_size": 8}


def made(name):
    torch.manual_seed(0)
    pair = getattr(models, name).example()
    x = pair.example_x(16)
    return pair, (x, pair.example_y(x)) if pair.takes_labels else x


@pytest.mark.parametrize("family", FAMILIES)
def test_a_resumed_run_is_the_run(family, tmp_path):
    for epochs in (1, 2):
        resumed, data = made(family)
        fit(resumed, data, epochs=epochs, run_dir=tmp_path / "run", resume=epochs > 1,
            objective=DReG(2), **QUIET)  # fmt: skip
    whole, data = made(family)
    fit(whole, data, epochs=2, objective=DReG(2), **QUIET)
    other = resumed.state_dict()
    assert all(torch.equal(tensor, other[name]) for name, tensor in whole.state_dict().items())


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_gives_nearly_the_same_bound(family):
    bounds = []
    for options in ({}, {"precision": "bf16"}):
        pair, data = made(family)
        run = fit(pair, data, epochs=1, objective=IWAE(2), **QUIET, **options)
        bounds.append(run.history[-1]["train"])
    assert bounds[1] == pytest.approx(bounds[0], rel=0.05)
