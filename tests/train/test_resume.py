"""What a run leaves, and how the next one continues from it."""

import random

import numpy as np
import pyro
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from pyrovae.data import LoaderBatches
from pyrovae.errors import (
    CheckpointError,
    ConfigError,
)
from pyrovae.objectives import ELBO
from pyrovae.train import Callback, fit
from pyrovae.train.checkpoint_file import read_checkpoint
from tests.train.pairs import QUIET, Log, networks, pair, same, state, x_of


@pytest.mark.parametrize("kept", [True, False])
def test_load_best(kept, tmp_path):
    """The rate grows until the bound gets worse: the best epoch is an early one."""

    class Remember(Callback):
        def __init__(self):
            self.states = {}

        def on_epoch(self, loop):
            self.states[loop.epoch] = state(nets)

    nets, remember = networks(), Remember()
    run = fit(
        *pair(*nets), x_of(), objective=ELBO(), epochs=8, batch_size=20, val=x_of(8),
        optimizer=lambda leaves: torch.optim.SGD(leaves, lr=1e-3), callbacks=[remember],
        schedule=lambda progress: 1 if progress < 0.5 else -1,
        run_dir=tmp_path if kept else None, **QUIET,
    )  # fmt: skip
    assert 1 < run.best["epoch"] < 8
    assert same(state(nets), remember.states[8])
    run.load_best()
    assert same(state(nets), remember.states[run.best["epoch"]])
    if kept:
        _, meta = read_checkpoint(tmp_path / "best.safetensors")
        assert meta["epoch"] == run.best["epoch"] and meta["best"] == run.best


def test_every_random_stream_is_resumed(tmp_path):
    class Draw(Callback):
        def __init__(self):
            self.drawn = []

        def on_step(self, loop):
            self.drawn.append((random.random(), np.random.randn(), torch.rand(()).item()))

    def drawn(folder, stop_at=None, resume=False):
        draw = Draw()
        random.gauss(0, 1), np.random.randn()  # each keeps half of what it drew
        fit(
            *pair(*networks()), x_of(), objective=ELBO(), epochs=2, batch_size=10, run_dir=folder,
            callbacks=[draw, Log(stop_at)], resume=resume, **QUIET,
        )  # fmt: skip
        return draw.drawn

    expected = drawn(tmp_path / "whole")
    assert drawn(tmp_path / "parts", stop_at=3) == expected[:3]
    assert drawn(tmp_path / "parts", resume=True) == expected[3:]


def test_patience_stops_the_run_and_it_stays_stopped(tmp_path):
    options = dict(
        objective=ELBO(), epochs=20, val=x_of(8), patience=2, run_dir=tmp_path,
        optimizer=lambda leaves: torch.optim.SGD(leaves, lr=0.0), **QUIET,
    )  # fmt: skip
    nets = networks()
    run = fit(*pair(*nets), x_of(), **options)
    assert len(run.history) == 3 and run.best["epoch"] == 1
    again = fit(*pair(*nets), x_of(), **options, resume=True)
    assert again.history == run.history


def test_more_epochs_continue_a_finished_run(tmp_path):
    def train(epochs, folder, **options):
        pyro.clear_param_store()
        nets = networks()
        fit(
            *pair(*nets),
            x_of(),
            objective=ELBO(),
            epochs=epochs,
            run_dir=folder,
            **options,
            **QUIET,
        )
        return state(nets)

    expected = train(4, tmp_path / "whole")
    train(2, tmp_path / "parts")
    assert same(expected, train(4, tmp_path / "parts", resume=True))


def test_a_run_replaces_the_one_before_where_it_is_asked_to(tmp_path):
    options = dict(objective=ELBO(), run_dir=tmp_path, **QUIET)
    fit(*pair(*networks()), x_of(), epochs=3, **options)
    fit(*pair(*networks(2)), x_of(), epochs=1, overwrite=True, **options)
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 1
    assert read_checkpoint(tmp_path / "best.safetensors")[1]["epoch"] == 1


def test_resuming_another_run_is_an_error_and_changes_nothing(tmp_path):
    options = dict(objective=ELBO(), epochs=1, run_dir=tmp_path, **QUIET)
    fit(*pair(*networks()), x_of(), **options)
    nets = networks(3)
    before = state(nets)
    for other, message in {
        "seed": ({"seed": 5}, "seed=0, this one has seed=5"),
        "batches": ({"batch_size": 10}, "batches_per_epoch=1, this one has batches_per_epoch=4"),
        "optimiser": (
            {"optimizer": lambda leaves: torch.optim.SGD(leaves, lr=1.0)},
            "state of a Adam",
        ),
    }.values():
        with pytest.raises(CheckpointError, match=message):
            fit(*pair(*nets), x_of(), resume=True, **{**options, **other})
    with pytest.raises(CheckpointError, match="num_data"):
        fit(*pair(*nets), x_of(39), resume=True, **options)
    torch.manual_seed(1)
    larger = nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 4)), nn.Linear(2, 6)
    with pytest.raises(CheckpointError, match="does not fit the pair"):
        fit(*pair(*larger), x_of(), resume=True, **options)
    assert same(before, state(nets))


def test_resuming_from_a_damaged_checkpoint_is_an_error(tmp_path):
    options = dict(objective=ELBO(), epochs=1, run_dir=tmp_path, **QUIET)
    fit(*pair(*networks()), x_of(), **options)
    path = tmp_path / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="damaged"):
        fit(*pair(*networks()), x_of(), resume=True, **options)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_data_loader_resumes_exactly(workers, tmp_path):
    def train(folder, stop_at=None, resume=False):
        pyro.clear_param_store()
        nets = networks()
        loader = DataLoader(
            TensorDataset(x_of()), batch_size=10, shuffle=workers == 0, num_workers=workers,
            generator=torch.Generator() if workers == 0 else None,
        )  # fmt: skip
        fit(
            *pair(*nets), LoaderBatches(loader, device="cpu"), objective=ELBO(), epochs=2,
            run_dir=folder, resume=resume, callbacks=[Log(stop_at)], **QUIET,
        )  # fmt: skip
        return state(nets)

    expected = train(tmp_path / "whole")
    train(tmp_path / "parts", stop_at=6)
    assert same(expected, train(tmp_path / "parts", resume=True))


class Noisy(Dataset):
    """Draws from torch, numpy and Python."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        noise = torch.randn(6) + float(np.random.randn()) + random.gauss(0, 1)
        return x_of()[index] + noise


@pytest.mark.parametrize("kind", ["dataset", "loader", "worker"])
def test_a_dataset_that_draws_resumes_exactly(kind, tmp_path):
    def train(folder, stop_at=None, resume=False):
        pyro.clear_param_store()
        nets = networks()
        data = Noisy()
        if kind != "dataset":
            data = DataLoader(data, 10, shuffle=True, num_workers=kind == "worker")
        fit(
            *pair(*nets), data, batch_size=10, objective=ELBO(), epochs=2, run_dir=folder,
            resume=resume, callbacks=[Log(stop_at)], **QUIET,
        )  # fmt: skip
        return state(nets)

    expected = train(tmp_path / "whole")
    train(tmp_path / "parts", stop_at=6)
    torch.manual_seed(7), np.random.seed(7), random.seed(7)
    assert same(expected, train(tmp_path / "parts", resume=True))


def test_no_best_before_the_first_epoch_is_done():
    run = fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=3, batch_size=10,
        callbacks=[Log(stop_at=2)], **QUIET,
    )  # fmt: skip
    assert run.steps == 2 and run.best == {} and run.history == []
    with pytest.raises(CheckpointError, match="first epoch"):
        run.load_best()


def test_a_run_dir_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written to"):
        fit(
            *pair(*networks()), x_of(), objective=ELBO(), epochs=1,
            run_dir=tmp_path / "file" / "run", **QUIET,
        )  # fmt: skip
