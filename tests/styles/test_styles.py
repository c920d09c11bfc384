"""Scripts in the style of users of other libraries run, with one changed line at most."""

import runpy
from pathlib import Path

import numpy as np
import pyro
import pytest

from pyrovae.errors import DataError

FOLDER = Path(__file__).parent


def run(name, folder, replaced=()):
    source = (FOLDER / f"{name}.py").read_text()
    for old, new in replaced:
        assert source.count(old) == 1
        source = source.replace(old, new)
    path = folder / f"{name}.py"
    path.write_text(source)
    return runpy.run_path(str(path), run_name="__main__")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_scikit_learn_user(tmp_path):
    found = run("sklearn_user", tmp_path)
    assert found["scores"].shape == (len(found["X_test"]),)
    assert found["accuracy"] > 0.75
    assert (found["outliers"] < np.quantile(found["scores"], 0.05)).mean() > 0.9
    assert found["reconstructed"].shape == found["X_test"].shape
    assert found["new_rows"].shape == (5, 13)


def test_a_scvi_user(tmp_path):
    """In the latent space cells of one type are near each other, and those of a batch are not."""
    found = run("scvi_user", tmp_path)
    assert found["silhouette"]["type"] > 0.5
    assert abs(found["silhouette"]["batch"]) < 0.1
    assert found["imputed"].shape == found["counts"].shape


def test_a_lightning_user(tmp_path, capsys):
    found = run("lightning_user", tmp_path)
    bounds = [entry["val"] for entry in found["run"].history]
    assert len(bounds) == 3 and bounds[-1] > bounds[0]
    assert capsys.readouterr().out.startswith("epoch 1: -")


def test_what_a_lightning_user_changes_is_told(tmp_path):
    """Without that line the message says what to write."""
    removed = [("    columns=0,  # the pair takes x alone\n", "")]
    with pytest.raises(DataError, match="columns=0"):
        run("lightning_user", tmp_path, removed)


def test_a_pyro_user(tmp_path):
    """The changed line is the import of SVI, and the losses are those of Pyro's."""
    ours = run("pyro_user", tmp_path)
    own = [("from pyrovae import SVI  # from pyro.infer import SVI", "from pyro.infer import SVI")]
    theirs = run("pyro_user", tmp_path, own)
    assert ours["SVI"] is not pyro.infer.SVI and theirs["SVI"] is pyro.infer.SVI
    assert ours["train_elbo"] == pytest.approx(theirs["train_elbo"], rel=1e-5)
    assert ours["test_loss"] == pytest.approx(theirs["test_loss"], rel=1e-5)
    assert (tmp_path / "vae.store").exists()
