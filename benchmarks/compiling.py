"""How long does the first compiled step take, on a fresh machine and in the next process?

Run: python benchmarks/compiling.py [--cases iwae1 conv ...]

"before" is torch's inductor as it is: a library of each kernel, libraries that test the
processor, and Adam's update of each parameter in the graph. Each side runs in a process of its
own with an empty cache, then in another with what the first has left. All must give the same
losses. "step" is a step once it is compiled.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from contextlib import nullcontext
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

SIDES = ("before", "now")


def child(key, side):
    import pyro
    import torch
    from compiling_cases import make

    import pyrovae
    from pyrovae.capture import inductor
    from pyrovae.train.step import tensor_step

    if side == "before":
        inductor.code_folder = lambda: None
        inductor.quick_instruction_tests = nullcontext
        tensor_step.steps_together = lambda *_: False
    model, guide, objective, args = make(key)
    svi = pyrovae.SVI(model, guide, pyro.optim.Adam({"lr": 1e-3}), objective, compile=True)
    losses, times = [], []
    pyro.set_rng_seed(0)
    for _ in range(4):  # eager, captured, compared, compiled
        start = perf_counter()
        losses.append(svi.step(*args))
        times.append(perf_counter() - start)
    blocks = []
    for _ in range(20):
        start = perf_counter()
        for _ in range(10):
            svi.step(*args)
        blocks.append(100 * (perf_counter() - start))
    first = {"losses": losses, "first": times[0], "capture": times[1] + times[2]}
    print(json.dumps({**first, "step": median(blocks), "threads": torch.get_num_threads()}))


def measured(key, side, folder):
    places = {"TORCHINDUCTOR_CACHE_DIR": folder, "TMPDIR": folder}  # TMPDIR: torch's headers
    words = [sys.executable, __file__, "--child", key, side]
    start, before = perf_counter(), cpu_seconds()
    found = subprocess.run(words, env={**os.environ, **places}, capture_output=True, check=True)
    return {
        **json.loads(found.stdout.splitlines()[-1]),
        "all": perf_counter() - start,
        "cpu": cpu_seconds() - before,
    }


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(key, say):
    results = {}
    with TemporaryDirectory() as before, TemporaryDirectory() as now:
        for again in ("fresh machine", "again"):
            for side, folder in zip(SIDES, (before, now), strict=True):
                results[side, again] = measured(key, side, folder)
    expected = results["before", "fresh machine"]["losses"]
    for found in results.values():
        apart = [abs(a - b) / abs(b) for a, b in zip(found["losses"], expected, strict=True)]
        assert max(apart) < 1e-5, f"{key}: other losses, {found['losses']} and {expected}"
    say(f"\n{key}: four losses equal; seconds, of a step in ms")
    say(f"{'':22s} {'capture':>7s} {'process':>7s} {'CPU':>7s} {'step':>7s}")
    for (side, again), found in results.items():
        say(
            f"{side:7s} {again:14s} {found['capture']:7.2f} {found['all']:7.2f} "
            f"{found['cpu']:7.2f} {found['step']:7.3f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", default=["iwae1", "dreg5", "conv"])
    parser.add_argument("--child", nargs=2, help="of this script itself")
    parser.add_argument("--out")
    words = parser.parse_args()
    if words.child:
        child(*words.child)
    else:
        from timing import Report, where

        say = Report(words.out, "compiling.txt")
        say(where())
        for key in words.cases:
            compare(key, say)
