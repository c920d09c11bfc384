"""Which checkpoints a run does not continue from."""

from pathlib import Path

import pytest
import torch

from pyrovae.errors import CheckpointError, ConfigError
from pyrovae.train.resume_checks import (
    check_epochs,
    check_finite,
    check_identity,
    check_kind,
    naming,
)

PATH = Path("run/last.safetensors")


def test_the_file_is_named_once():
    with pytest.raises(CheckpointError, match="^run/last.safetensors cannot be resumed from: it"):
        with naming(PATH):
            raise CheckpointError("it lacks 'step'")
    with pytest.raises(CheckpointError, match="^run/last.safetensors is damaged$"):
        with naming(PATH):
            raise CheckpointError(f"{PATH} is damaged")


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: check_kind(PATH, "last", {"kind": "best"}), "is 'best' of a run, in the place"),
        (lambda: check_kind(PATH, "last", {}), "is None of a run"),
        (lambda: check_identity(PATH, {"seed": 1}, {"seed": 0}), "seed=0, this one has seed=1"),
        (lambda: check_identity(PATH, {"seed": 1}, {"seed": True}), "seed=True, this one has"),
        (lambda: check_finite(PATH, {"w": torch.tensor([0.0, torch.nan])}), "'w' is not finite"),
    ],
)
def test_another_run_is_refused(check, message):
    with pytest.raises(CheckpointError, match=message):
        check()


def test_fewer_epochs_than_were_begun_are_refused():
    check_epochs(PATH, 2, {"epoch": 3, "batch": 0})
    with pytest.raises(ConfigError, match="epochs=2, and the run in run is in its epoch 3"):
        check_epochs(PATH, 2, {"epoch": 3, "batch": 1})
    with pytest.raises(ConfigError, match="is at the end of epoch 2; ask for epochs=2"):
        check_epochs(PATH, 1, {"epoch": 3, "batch": 0})
