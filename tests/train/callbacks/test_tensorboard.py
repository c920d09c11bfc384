"""Scalars for TensorBoard, and a clear word where it is not installed."""

import pytest
import torch

from pyrovae.data.synthetic import LinearGaussianChain
from pyrovae.errors import ConfigError
from pyrovae.objectives import ELBO
from pyrovae.train import TensorBoard, fit
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


@pytest.mark.filterwarnings("ignore")
def test_writes_every_epoch(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=3, callbacks=[TensorBoard()],
        run_dir=tmp_path, **QUIET,
    )  # fmt: skip
    events = reader.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert {"train", "lr", "grad_norm", "seconds", "kl[z]"} <= set(events.Tags()["scalars"])
    scalars = events.Scalars("train")
    assert [scalar.step for scalar in scalars] == [1, 2, 3]
    expected = [entry["train"] for entry in run.history]
    assert [scalar.value for scalar in scalars] == pytest.approx(expected, rel=1e-6)


def test_not_installed_is_an_error(monkeypatch):
    monkeypatch.setattr("pyrovae.train.callbacks.tensorboard.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pyrovae\[tensorboard\]"):
        TensorBoard()


@pytest.mark.filterwarnings("ignore")
def test_no_folder_is_an_error():
    pytest.importorskip("tensorboard")
    with pytest.raises(ConfigError, match="run_dir"):
        fit(
            *pair(*networks()), x_of(), objective=ELBO(), epochs=1, callbacks=[TensorBoard()],
            **QUIET,
        )  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_images_and_settings(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    asked = []

    def images(loop):
        asked.append(loop.epoch)
        return {"noise": torch.rand(2, 1, 4, 5) * 3 - 1}

    def train(callbacks):
        nets = networks()
        fit(
            *pair(*nets), x_of(), objective=ELBO(), epochs=5, callbacks=callbacks, val=x_of(5),
            **QUIET,
        )  # fmt: skip
        return state(nets)

    settings = {"latents": 2, "rate": 0.5, "flow": None}
    board = TensorBoard(tmp_path, hparams=settings, images=images, images_every=2)
    assert same(train([board]), train([])) and asked == [2, 4]  # its draws change nothing
    events = reader.EventAccumulator(str(tmp_path)).Reload()
    tags = events.Tags()
    assert {"train", "val", "lr", "grad_norm"} <= set(tags["scalars"])
    assert [image.step for image in events.Images("noise")] == [2, 4]
    assert (events.Images("noise")[0].width, events.Images("noise")[0].height) == (10, 4)
    found = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"latents" in found and b"rate" in found and b"None" in found


@pytest.mark.filterwarnings("ignore")
def test_a_hierarchy_has_a_curve_for_each_site(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    oracle = LinearGaussianChain.random(data_dim=3, latent_dims=(2, 1), seed=0)
    run = fit(
        oracle, oracle.sample(20, seed=1), epochs=2, callbacks=[TensorBoard(tmp_path)], **QUIET
    )
    events = reader.EventAccumulator(str(tmp_path)).Reload()
    sites = [name for name in run.history.columns if name.startswith("kl[")]
    assert sites and set(sites) <= set(events.Tags()["scalars"])


def test_images_every_epoch_or_seldomer():
    pytest.importorskip("tensorboard")
    with pytest.raises(ConfigError, match="images_every=0"):
        TensorBoard(images_every=0)
