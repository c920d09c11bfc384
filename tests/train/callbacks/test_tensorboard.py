"""Scalars for TensorBoard, and a clear word where it is not installed."""

import pytest

from pyrovae.errors import ConfigError
from pyrovae.objectives import ELBO
from pyrovae.train import TensorBoard, fit
from tests.train.pairs import QUIET, networks, pair, x_of


@pytest.mark.filterwarnings("ignore")
def test_writes_every_epoch(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=3, callbacks=[TensorBoard()],
        run_dir=tmp_path, **QUIET,
    )  # fmt: skip
    events = reader.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == {"train", "lr", "grad_norm", "seconds"}
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
