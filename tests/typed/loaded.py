"""Calls with one object for the pair, data of other libraries, and what was saved."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import assert_type

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

import pyrovae
from pyrovae import compare, fit, load, log_evidence, save
from pyrovae.evaluate import Comparison, Evidence
from pyrovae.objectives import ELBO, IWAE
from pyrovae.train import Run

rows = np.random.default_rng(0).normal(size=(60, 6))
labels = torch.arange(60) % 3
loader = DataLoader(TensorDataset(torch.from_numpy(rows), labels), batch_size=20)


def make() -> pyrovae.VAE:
    return pyrovae.VAE((6,), 2, likelihood=pyrovae.nn.LearnedNormal())


vae = make()
with TemporaryDirectory() as folder:
    run = fit(
        vae, loader, columns=0, epochs=2, optimizer="adamw", schedule="cosine",
        run_dir=Path(folder) / "run", device="cpu", progress=False,
    )  # fmt: skip
    assert_type(run, Run)
    found = log_evidence(vae, rows, num_particles=10)
    assert_type(found, Evidence)
    table = compare(vae, rows[:5], [ELBO(), IWAE(3)], num_draws=2, reference_draws=2, repeats=1)
    assert_type(table, Comparison)
    save(Path(folder) / "pair.safetensors", vae)
    again = make()
    load(Path(folder) / "pair.safetensors", again)
    figure = run.plot()

z: Tensor = vae.encode(rows).mean
