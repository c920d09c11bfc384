"""Sparse counts and documents through the command."""

import json

import numpy as np
import pytest
import scipy.sparse

from pyrovae import data
from pyrovae.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_counts_in_batches(folder):
    cells = data.Cells.simulate(80, num_genes=12)
    scipy.sparse.save_npz("cells.npz", scipy.sparse.csr_matrix(cells.x.numpy()))
    np.save("batches.npy", cells.batch.numpy())
    words = "--data counts --data.source cells.npz --data.y batches.npy --model.latent_dim 2"
    fit = ["fit", *words.split(), "--epochs", "1", "--test-particles", "3"]
    assert main([*fit, "--model", "LatentSizeCountVAE", "--run", "sizes"]) == 0
    kept = json.loads((folder / "sizes" / "supplies.json").read_text())
    assert np.shape(kept["log_sizes"]) == (2, 2)
    assert main(["sample", "sizes"]) == 0


def test_documents(folder, capsys):
    texts = ["red apple pie", "blue car", "red car", "apple pie", "blue sea"] * 8
    (folder / "lines.txt").write_text("\n".join(texts))
    words = "--data documents --data.source lines.txt --model TopicModel --model.num_topics 2"
    fit = ["fit", *words.split(), "--epochs", "1", "--test-particles", "3"]
    assert main([*fit, "--run", "topics"]) == 0
    assert main(["sample", "topics"]) == 0
    made = "".join(path.read_text() for path in (folder / "topics").glob("sample*.txt"))
    assert any(word in made for word in ("apple", "blue", "car", "pie", "red"))
