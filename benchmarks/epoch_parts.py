"""Where does the time of an epoch of `fit` go?  Run: python benchmarks/epoch_parts.py

The CPU time of the calling thread, by parts of a step, while `fit` trains on 100 shuffled batches
an epoch: the compiled step (of it, the products of matrices), gathering rows, what else happens
between two calls, and what comes once an epoch. `numpyro_step.py` prints the same beside the time
of `lax.scan`. CPU time is steadier than seconds on a machine that has other work; what other
threads do is not in it, so the default is one.
"""

import argparse
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from statistics import median
from time import thread_time
from unittest.mock import patch

import pyro
import torch
from cases import CASES
from sides import ours
from timing import Report, where

import pyrovae
from pyrovae.capture import Captured, stored_code
from pyrovae.data.rows import TensorRows
from pyrovae.train import Callback, calls
from pyrovae.train.loop import Loop
from pyrovae.train.site_kl import SiteKLMonitor

STEPS = 100
CALL, PRODUCTS = "the compiled step", "  of it products of matrices"
ROWS, FIGURES, SITES = "rows gathered", "losses and norms added up", "KL by site, once an epoch"
TAKEN, REST = "other Python between steps", "all else, once an epoch or a series"


class Parts:
    """CPU seconds by part, of each epoch."""

    def __init__(self):
        self.now, self.epochs = {}, []

    def timed(self, name, function):
        def run(*args, **kwargs):
            start = thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.now[name] = self.now.get(name, 0.0) + thread_time() - start

        return run

    def close(self, whole):
        self.epochs.append({**self.now, "an epoch": whole})
        self.now = {}

    def per_step(self, name):
        """Microseconds a step, the median of all epochs but the first two."""
        return 1e6 / STEPS * median(epoch.get(name, 0.0) for epoch in self.epochs[2:])


class Epochs(Callback):
    """Closes the parts of each epoch; `every_step` is not asked for."""

    every_step = False

    def __init__(self, parts):
        self.parts, self.start = parts, thread_time()

    def on_epoch(self, loop):
        self.parts.close(thread_time() - self.start)
        self.start = thread_time()


@contextmanager
def watched(parts):
    """Within this context the parts of training are timed."""
    ready, series = Captured.ready, calls.Calls._series

    def timed_ready(self, key):
        found = ready(self, key)
        return found and replace(found, call=parts.timed(CALL, found.call))

    with ExitStack() as stack:
        for name in ("mm", "addmm", "new_mm", "new_addmm", "bmm", "baddbmm"):
            product = parts.timed(PRODUCTS, stored_code._EXTERN[name])
            stack.enter_context(patch.dict(stored_code._EXTERN, {name: product}))
        stack.enter_context(patch.object(Captured, "ready", timed_ready))
        stack.enter_context(patch.object(calls.Calls, "_series", parts.timed(TAKEN, series)))
        for owner, name, part in (
            (TensorRows, "take", ROWS),
            (Loop, "record_all", FIGURES),
            (SiteKLMonitor, "__call__", SITES),
        ):
            stack.enter_context(patch.object(owner, name, parts.timed(part, getattr(owner, name))))
        yield


def data_of(case):
    chance = torch.full((case.batch * STEPS, *case.data_shape), 0.3)
    return torch.bernoulli(chance, generator=torch.Generator().manual_seed(2))


def measured(case, epochs):
    """Parts of so many epochs of `fit`."""
    pyro.clear_param_store()
    parts = Parts()
    with watched(parts):
        pyrovae.fit(
            *case.pair(case.networks(), "parts"), data_of(case), batch_size=case.batch,
            objective=ours(case), epochs=epochs + 2, compile=True, callbacks=[Epochs(parts)],
            progress=False, device="cpu",
        )  # fmt: skip
    return parts


def lines(parts):
    """Microseconds a step by part, as lines of a table; the parts add up to the epoch."""
    found = {name: parts.per_step(name) for name in (CALL, PRODUCTS, ROWS, FIGURES, SITES)}
    found[TAKEN] = parts.per_step(TAKEN) - found[CALL] - found[FIGURES]
    whole = parts.per_step("an epoch")
    found[REST] = whole - sum(v for name, v in found.items() if name != PRODUCTS)
    return [f"{name:<38}{value:9.1f}" for name, value in [*found.items(), ("an epoch", whole)]]


def report(key, epochs, say):
    case = CASES[key]
    say(f"{key}: {case.title}; parts of an epoch of fit, us of CPU time a step")
    say("\n".join(lines(measured(case, epochs))))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=["digits", "iwae1"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", help="by default benchmarks/results/epoch_parts.txt")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    say = Report(words.out, "epoch_parts.txt")
    say(where())
    for key in words.cases:
        report(key, words.epochs, say)
