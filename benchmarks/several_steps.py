"""What do several steps in one call save?  Run: python benchmarks/several_steps.py [--threads 2]

The compiled step of the smallest net (64-64-8), one at a time by `SVI.step` and n at a time by
`SVI.steps`. First the losses over the same batches are compared, from the same weights and with
the same noise, then the time of a step. If a step computes for microseconds, most of it is Python.
"""

import argparse
from functools import partial
from statistics import median

import pyro
import torch
from cases import CASES
from sides import ours
from timing import Report, interleaved_ms, table, where

import pyrovae

NUMBERS, RATE = (1, 2, 4), 1e-3


def side(case, number):
    """Takes `number` steps at a time; gives their losses."""
    pyro.clear_param_store()
    networks = case.networks("cpu")
    model, guide = case.pair(networks, f"by {number}")
    svi = pyrovae.SVI(model, guide, pyro.optim.Adam({"lr": RATE}), ours(case), compile=True)
    x = case.data("cpu")
    return lambda: svi.steps([x] * number)


def check_equal(sides, count=24):
    """Largest relative difference of a loss."""
    losses = {}
    for number, steps in sides.items():
        pyro.set_rng_seed(1)
        losses[number] = torch.tensor(sum((steps() for _ in range(count // number)), []))
    first = losses[NUMBERS[0]]
    return max(float((other / first - 1).abs().max()) for other in losses.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, help="by default as torch decides")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--out", help="by default benchmarks/results/several_steps_cpu.txt")
    words = parser.parse_args()
    if words.threads:
        torch.set_num_threads(words.threads)
    say = Report(words.out, "several_steps_cpu.txt")
    case = CASES["digits"]
    sides = {number: side(case, number) for number in NUMBERS}
    apart = check_equal(sides)
    if apart > 1e-4:
        raise SystemExit(f"losses differ by {apart:.0e}: these are not the same steps")
    times = interleaved_ms(
        {str(number): partial(steps) for number, steps in sides.items()},
        device="cpu", warmup=20, repeats=words.rounds, block_ms=20,
    )  # fmt: skip
    each = {f"{n} in a call": [t / int(n) for t in found] for n, found in times.items()}
    say(where(torch.device("cpu")))
    say(f"{case.title}; losses equal to {apart:.0e} over 24 steps; ms per step")
    say(table(each, ["1 in a call"]))
    say(f"4 in a call: {median(each['4 in a call']) / median(each['1 in a call']):.2f} of one")
