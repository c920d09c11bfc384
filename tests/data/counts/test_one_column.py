"""Batches of counts in a file with one column."""

import numpy as np

from pyrovae.data import counts
from pyrovae.models import CountVAE


def test_batches_of_a_file_are_one_number_a_row(tmp_path):
    (tmp_path / "y.csv").write_text("batch\n" + "\n".join(str(i % 2) for i in range(20)) + "\n")
    made = counts(np.arange(1, 61).reshape(20, 3), y=tmp_path / "y.csv", val=2, test=2)
    assert made.train.y.shape == (16,) and len(made.supplies["log_sizes"]) == 2
    vae = CountVAE(made.shape, latent_dim=2, num_batches=2)
    assert vae.encode(made.train.x, made.train.y).mean.shape == (16, 2)
