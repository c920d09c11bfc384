"""Does a file larger than memory train at the speed of the step?

Run: python benchmarks/scale_streaming.py [--gib 4] [--limit-gib 2] [--eager]

A child process that may have 2 GiB of data of its own (RLIMIT_DATA) trains on a memory-mapped file
of 4 GiB. First it is shown that the file does not fit, and that batches hold the rows of the file.
Then one run of `fit` takes batches of 100 shuffled rows from each source in turn, 100 at a time:
from tensors in memory, from the file of which nothing is in the system's cache, the same batches
again, which now are, and rows in the order of the file, of which nothing is cached.
A busy machine so slows all of them alike.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pyro
import torch
from timing import where

from pyrovae import VAE, fit
from pyrovae.data import batches
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.train.callbacks import Callback

WIDTH, BATCH, TURN, HELD = 784, 100, 100, 100_000


def write(path, gib):
    """A .npy file of bits as float32, and labels beside it."""
    n = int(gib * 2**30) // (4 * WIDTH)
    generator = np.random.default_rng(0)
    x = np.lib.format.open_memmap(path / "x.npy", "w+", np.float32, (n, WIDTH))
    pool = (generator.random((20_000, WIDTH)) < 0.13).astype(np.float32)
    for start in range(0, n, len(pool)):
        x[start : start + len(pool)] = pool[: n - start]
    x.flush()
    np.save(path / "y.npy", generator.integers(0, 10, 4 * n))
    os.sync()


def draw(x, *labels):
    """Bits of chances that are stored as bytes."""
    return torch.bernoulli(x.float() / 255)


def forget(path):
    """Take the file out of the system's cache; nothing may have it mapped."""
    for name in ("x.npy", "y.npy"):
        file = os.open(path / name, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def opened(path, kind):
    x = np.load(path / "x.npy", mmap_mode="r")
    if kind == "float32":
        return x
    x = x.view(np.uint8).reshape(-1, WIDTH)
    return x if kind == "uint8" else (x, np.load(path / "y.npy", mmap_mode="r"))


class Turns:
    """Batches of all sources in turn; a `BatchSource`."""

    def __init__(self, path, rounds):
        self.path, self.rounds = path, rounds
        self.held = {
            "float32": torch.from_numpy(np.array(opened(path, "float32")[:HELD])),
            "uint8": torch.from_numpy(np.array(opened(path, "uint8")[:HELD])),
        }
        self.kinds = {"float32": None, "uint8": draw, "uint8 and labels": draw}
        self.sides = [
            (kind, place)
            for kind in self.kinds
            for place in ("in memory", "not cached", "cached", "in order, not cached")
            if kind in self.held or place != "in memory"
        ]
        self.num_data = len(self) * BATCH
        self.current = None

    def __len__(self):
        return self.rounds * len(self.sides) * TURN

    def epoch(self, epoch, start=0):
        for turn in range(self.rounds):
            for kind, place in self.sides:
                yield from self._some(turn, kind, place)

    def _some(self, turn, kind, place):
        if place.endswith("not cached"):
            forget(self.path)
        data = self.held[kind] if place == "in memory" else opened(self.path, kind)
        how = {"shuffle": not place.startswith("in order"), "transform": self.kinds[kind]}
        source = batches(data, BATCH, seed=turn, device="cpu", **how)
        start = 0 if how["shuffle"] else turn * TURN
        for index, batch in zip(range(TURN), source.epoch(0, start), strict=False):
            self.current = (kind, place) if index > 1 else None  # a thread starts
            yield batch


class Clock(Callback):
    def __init__(self, turns):
        self.turns, self.times = turns, {side: [] for side in turns.sides}

    def on_start(self, loop):
        self.last = perf_counter()

    def on_step(self, loop):
        now = perf_counter()
        if self.turns.current is not None:
            self.times[self.turns.current].append(1e3 * (now - self.last))
        self.last = now


def prove(path):
    """The file does not fit; batches of it hold its rows, in the order of those in memory."""
    try:
        np.array(opened(path, "float32"))
        raise AssertionError("the file fits into memory, so that nothing is shown; raise --gib")
    except MemoryError:
        print("read whole, the file is too large for the process: MemoryError")
    for kind in ("float32", "uint8"):
        part = opened(path, kind)[:5000]
        of_file = batches(part, BATCH, device="cpu").epoch(0)
        in_memory = batches(torch.from_numpy(np.array(part)), BATCH, device="cpu").epoch(0)
        for (one,), (other,) in zip(of_file, in_memory, strict=True):
            assert torch.equal(one, other), kind
    print("batches of the file equal those of the same rows in memory, bit for bit")


def train(path, rounds, compile):
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    size = (path / "x.npy").stat().st_size
    print(f"{size / 2**30:.1f} GiB in the file, {limit / 2**30:.1f} GiB of data for the process")
    prove(path)
    pyro.set_rng_seed(0)
    # Of the bytes of such floats half are always 0. Adam's averages for their weights would decay
    # to denormal numbers while bytes are the data, which makes all later steps slower.
    torch.set_flush_denormal(True)
    nets = partial(MLP, hidden=(200, 200))
    vae = VAE(WIDTH, 50, encoder=nets, decoder=nets)
    turns = Turns(path, rounds)
    clock = Clock(turns)
    words = {"epochs": 1, "progress": False, "device": "cpu", "callbacks": [clock]}
    fit(vae, turns, objective=ELBO(), compile=compile, **words)
    how = "compiled" if compile else "eager"
    print(f"{how} steps of 784-200-200-50, ELBO, batches of {BATCH}; {where()}")
    print(f"{'rows':<18}{'where they are':<22}{'ms a step':>10}{'mean':>8}{'to memory':>11}")
    for (kind, place), times in clock.times.items():
        memory = clock.times["float32" if kind == "float32" else "uint8", "in memory"]
        ratio = _trimmed(times) / _trimmed(memory)
        print(f"{kind:<18}{place:<22}{median(times):>10.3f}{_trimmed(times):>8.3f}{ratio:>11.3f}")


def _trimmed(times):
    """The mean without the slowest hundredth, in which something else ran."""
    return float(np.mean(sorted(times)[: round(0.99 * len(times))]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=4)
    parser.add_argument("--limit-gib", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help="a folder with the files of an earlier run")
    words = parser.parse_args()
    if words.child:
        train(words.child, words.rounds, not words.eager)
        return

    def limited():
        limit = int(words.limit_gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    with tempfile.TemporaryDirectory() as made:
        folder = words.file or Path(made)
        if not (folder / "y.npy").exists():
            write(folder, words.gib)
        further = ["--child", str(folder), "--rounds", str(words.rounds)]
        further += ["--eager"] if words.eager else []
        subprocess.run([sys.executable, __file__, *further], check=True, preexec_fn=limited)


if __name__ == "__main__":
    main()
