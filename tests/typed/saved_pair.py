"""A pair saved and loaded, a run kept in a folder, read and drawn."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import pyrovae
from pyrovae import fit, load, log_evidence, save
from pyrovae.train import Run

torch.manual_seed(0)
x = torch.rand(20, 6).round()
vae = pyrovae.VAE((6,), 2)

with TemporaryDirectory() as name:
    folder = Path(name)
    run = fit(vae, x, epochs=2, run_dir=folder / "run", progress=False, device="cpu")
    again = fit(
        vae, x, epochs=1, run_dir=folder / "run", overwrite=True, progress=False, device="cpu"
    )
    save(folder / "vae.safetensors", vae)
    save(folder / "vae.safetensors", vae.model, vae.guide, overwrite=True)
    other = pyrovae.VAE((6,), 2)
    loaded = load(folder / "vae.safetensors", other)
    loaded = load(folder / "run", other.model, other.guide, which="last")
    log_evidence(loaded, x, num_particles=2)
    read = Run.read(folder / "run")

bounds: list[float] = read.history["train"]
entry = read.history[0]
frame = run.history.to_frame()
figure = run.plot(title="both")
assert len(bounds) == 1 and entry["epoch"] == 1 and len(frame) == 2
