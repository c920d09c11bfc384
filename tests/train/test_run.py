"""The result of a run: its curves, read back from its folder, copied and pickled."""

import copy
import pickle
import sys

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from pyrovae.errors import CheckpointError
from pyrovae.models import VAE
from pyrovae.objectives import ELBO
from pyrovae.train import Run, fit
from pyrovae.train.checkpoint_file import read_checkpoint, write_checkpoint
from tests.train.pairs import QUIET, Log, networks, pair, same, state, x_of


def run_of(nets, folder=None, **options):
    options = {"epochs": 3, "objective": ELBO(), "val": x_of(8), "lr": 0.01, **options}
    return fit(*pair(*nets), x_of(), run_dir=folder, **options, **QUIET)


def test_plots_its_curves_without_pyplot():
    run = run_of(networks())
    before = sys.modules.get("matplotlib.pyplot")
    figure = run.plot(title="mine")
    assert isinstance(figure, Figure)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), run.history["train"])
    assert figure.axes[0].get_title() == "mine"
    assert sys.modules.get("matplotlib.pyplot") is before


def test_a_run_without_a_finished_epoch_plots_nothing():
    run = run_of(networks(), batch_size=10, callbacks=[Log(stop_at=2)])
    assert run.history == [] and isinstance(run.plot(), Figure)


def test_is_read_from_its_folder(tmp_path):
    run = run_of(networks(), tmp_path)
    read = Run.read(str(tmp_path))
    assert (read.history, read.best, read.steps) == (run.history, run.best, run.steps)
    assert read.run_dir == tmp_path and read.seconds == run.seconds
    assert repr(read) == repr(run)
    with pytest.raises(CheckpointError, match=r"no pair to fill; pyrovae.load\('.*', pair\)"):
        read.load_best()
    (tmp_path / "last.safetensors").unlink()
    assert Run.read(tmp_path).history == run.history[: run.best["epoch"]]


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match="there is no such folder; name a run folder"):
        Run.read(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="no last.safetensors; it is no run folder"):
        Run.read(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="file: is a file"):
        Run.read(tmp_path / "file")


@pytest.mark.parametrize(
    "change", [{"history": 3}, {"history": [3]}, {"best": None}, {"step": "x"}, {"run": []}]
)
def test_what_a_forger_writes_is_refused(change, tmp_path):
    run_of(networks(), tmp_path)
    path = tmp_path / "last.safetensors"
    tensors, meta = read_checkpoint(path)
    del meta["versions"]
    write_checkpoint(path, tensors, meta | change)
    with pytest.raises(
        CheckpointError, match=f"{path} cannot be read: its '{next(iter(change))}'"
    ):
        Run.read(tmp_path)


@pytest.mark.parametrize("kept", [True, False])
def test_copies_and_pickles_keep_the_figures_alone(kept, tmp_path):
    nets = networks()
    run = run_of(nets, tmp_path if kept else None)
    for other in (copy.deepcopy(run), pickle.loads(pickle.dumps(run))):
        assert (other.history, other.best, other.run_dir) == (run.history, run.best, run.run_dir)
        assert isinstance(other.plot(), Figure)
        with pytest.raises(CheckpointError, match="no pair to fill"):
            other.load_best()
    for net in nets:
        for parameter in net.parameters():
            parameter.data.zero_()
    copy.copy(run).load_best()
    copied = state(nets)
    run.load_best()
    assert same(copied, state(nets)) and any(tensor.any() for tensor in copied)


def test_a_pair_is_pickled_after_training_with_its_run():
    vae = VAE((6,), 2)
    run = fit(vae, x_of().sigmoid().round(), objective=ELBO(), epochs=1, **QUIET)
    other, again = pickle.loads(pickle.dumps((vae, run)))
    assert again.history == run.history
    assert torch.equal(other.decoder(torch.ones(1, 2)), vae.decoder(torch.ones(1, 2)))
