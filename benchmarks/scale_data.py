"""The axis of rows of data of `scale.py`: what costs more where there are more data."""

import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import pyro
import torch

from pyrovae import VAE, active_units, data, elbo_parts, elbo_surgery, fit, log_evidence
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.train.callbacks import Callback
from pyrovae.train.run_store import RunStore

WIDTH, BATCH = 64, 1000
SMALL = partial(MLP, hidden=(64,))


class Clock(Callback):
    """When the steps begin and end, in seconds of one core."""

    def on_start(self, loop):
        self.start = process_time()

    def on_epoch(self, loop):
        self.end = process_time()


def data_axis():
    _measured(partial(_of_run, "begin"), 999)  # what the first run of a process loads is no point
    for n in (300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000):
        for name, (call, largest) in CALLS.items():
            if n <= largest and (n >= 1_000 or largest == 3_000):
                yield name, n, partial(_measured, call, n)


def _measured(call, n):
    pyro.set_rng_seed(0)
    return call(n, np.random.default_rng(0).random((n, WIDTH), np.float32).round())


def cost_of(call, least=0.1):
    """Seconds of one core, and the most memory of the process beyond that before."""
    readings = []
    before = _start_peak()
    while sum(readings) < least:
        start = process_time()
        call()
        readings.append(process_time() - start)
    return {"seconds": median(readings), "bytes": _status("VmHWM") - before}


def _start_peak():
    """Let the system count the peak from here on; memory at this moment."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"the system does not say {name}")


def small_pair():
    return VAE(WIDTH, 8, encoder=SMALL, decoder=SMALL)


def split(n, x):
    return cost_of(lambda: data.arrays(x))


def shuffle(n, x):
    source, epochs = data.batches(torch.from_numpy(x), BATCH, device="cpu"), iter(range(10**6))
    return cost_of(lambda: next(iter(source.epoch(next(epochs)))))


def first_epoch(n, x):
    """One run: to the first step, its epoch, its checkpoint."""
    held, pair, clock, saves = torch.from_numpy(x), small_pair(), Clock(), []
    save_last = RunStore.save_last

    def timed(store, *args, **kwargs):
        start = process_time()
        save_last(store, *args, **kwargs)
        saves.append(process_time() - start)

    with tempfile.TemporaryDirectory() as folder:
        RunStore.save_last = timed
        try:
            before, start = _start_peak(), process_time()
            words = {"epochs": 1, "batch_size": BATCH, "progress": False, "device": "cpu"}
            fit(pair, held, objective=ELBO(), callbacks=[clock], run_dir=folder, **words)
        finally:
            RunStore.save_last = save_last
        peak = _status("VmHWM") - before
        size = (Path(folder) / "last.safetensors").stat().st_size
    return clock.start - start, clock.end - clock.start, median(saves), size, peak


_runs = {}


def _of_run(part, n, x):
    if n not in _runs:
        _runs[n] = first_epoch(n, x)
    begun, epoch, save, size, peak = _runs[n]
    return {
        "begin": {"seconds": begun},
        "epoch": {"seconds": epoch, "bytes": peak},
        "save": {"seconds": save, "bytes": size},
    }[part]


def _measurement(function, n, x, **words):
    pair, held = small_pair(), torch.from_numpy(x)
    return cost_of(lambda: function(pair, held, progress=False, **words))


CALLS = {
    "build a split": (split, 1_000_000),
    "shuffle, first batch": (shuffle, 1_000_000),
    "fit to the first step": (partial(_of_run, "begin"), 1_000_000),
    "epoch, batches of 1,000": (partial(_of_run, "epoch"), 1_000_000),
    "checkpoint": (partial(_of_run, "save"), 1_000_000),
    "log_evidence, K = 2": (
        partial(_measurement, log_evidence, num_particles=2),
        1_000_000,
    ),
    "elbo_parts, K = 2": (partial(_measurement, elbo_parts, num_particles=2), 100_000),
    "active_units, K = 2": (partial(_measurement, active_units, num_particles=2), 100_000),
    "elbo_surgery, K = 2": (partial(_measurement, elbo_surgery, num_particles=2), 3_000),
}
