"""What does data cost that stay in a file?  Run: python benchmarks/streaming.py [--rows 20000]

Epochs of the same VAE on the same data: a tensor in memory, a memory-mapped `.npy` file, an HDF5
dataset, a sparse matrix and a `DataLoader`. First the batches are shown to be equal, number by
number, and the parameters after training too; then epochs are timed in turn. Files are in the
system's cache: on a cold disk add what reading the bytes takes.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import h5py
import numpy as np
import scipy.sparse
import torch
from timing import where
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import fit
from pyrovae.data import batches
from pyrovae.models import VAE
from pyrovae.objectives import ELBO


def kinds(x, folder):
    """The same rows, in memory and in files."""
    np.save(folder / "x.npy", x)
    with h5py.File(folder / "x.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(1, x.shape[1]))
    return {
        "tensor": torch.tensor(x),
        "memory-mapped .npy": np.load(folder / "x.npy", mmap_mode="r"),
        "HDF5, a row a chunk": h5py.File(folder / "x.h5")["x"],
        "scipy CSR": scipy.sparse.csr_array(x),
        "DataLoader": DataLoader(TensorDataset(torch.tensor(x)), 100, shuffle=True),
    }


def prove_equal(held):
    """All give the same batches in the same order, but for the loader, whose order is its own."""
    expected = list(batches(held["tensor"], 100, seed=0, device="cpu").epoch(1))
    for name, data in held.items():
        found = batches(data, 100, seed=0, device="cpu").epoch(1)
        if name == "DataLoader":
            rows = sorted(map(tuple, torch.cat([x for (x,) in found]).tolist()))
            assert rows == sorted(map(tuple, torch.cat([x for (x,) in expected]).tolist())), name
        else:
            for (a,), (b,) in zip(expected, found, strict=True):
                assert torch.equal(a, b), name


def train(data, epochs):
    torch.manual_seed(0)
    vae = VAE((784,), 20)
    start = perf_counter()
    fit(vae.model, vae.guide, data, objective=ELBO(), epochs=epochs, progress=False, device="cpu")
    return perf_counter() - start, torch.cat([p.detach().flatten() for p in vae.parameters()])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    x = (np.random.default_rng(0).random((arguments.rows, 784)) < 0.13).astype(np.float32)
    print(where("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        held = kinds(x, Path(folder))
        prove_equal(held)
        ends = {name: train(data, 1)[1] for name, data in held.items()}
        for name, end in ends.items():
            assert name == "DataLoader" or torch.equal(end, ends["tensor"]), name
        print("batches are equal, and parameters after an epoch too, bit for bit")
        times = {name: [] for name in held}
        alone = {name: [] for name in held}
        for _ in range(arguments.repeats):
            for name, data in held.items():
                times[name].append(train(data, 1)[0])
                start = perf_counter()
                for _batch in batches(data, 100, device="cpu").epoch(0):
                    pass
                alone[name].append(perf_counter() - start)
    print(
        f"{arguments.rows} rows of 784 numbers in batches of 100; medians of {arguments.repeats}"
    )
    print(f"{'data':<24}{'epoch of training':>20}{'to tensor':>12}{'batches alone':>16}")
    for name in held:
        ratio = median(a / b for a, b in zip(times[name], times["tensor"], strict=True))
        print(
            f"{name:<24}{median(times[name]):>18.2f} s{ratio:>12.2f}{median(alone[name]):>14.2f} s"
        )


if __name__ == "__main__":
    main()
