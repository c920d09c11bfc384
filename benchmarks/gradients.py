"""How long do 1,000 draws of a gradient take, with those of their reference?

Run: python benchmarks/gradients.py

The pair of the digits, 64-64-8: `gradients` as it is, and with `compile=False`, which runs the
pair once for each draw. Both are first shown to give the same means, variances and references.
Then whole calls are timed in turn, their traces included. "first" is the first call with a graph:
in that of the process torch imports what tracing needs.
"""

import argparse
from statistics import median
from time import perf_counter

import torch
from cases import CASES
from timing import Report, where

from pyrovae import gradients
from pyrovae.objectives import ELBO, IWAE, DReG


def parser():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--output")
    return parser


def timed(case, objective, draws, compile):
    """Statistics of a gradient, and the seconds that they took."""
    pair, x = case
    started = perf_counter()
    found = gradients(*pair, x, objective, num_draws=draws, compile=compile, progress=False)
    return found, perf_counter() - started


def apart(one, other):
    """Largest relative difference of means, variances, references and their errors."""
    worst = 0.0
    for kind in ("mean", "variance", "reference", "reference_error"):
        a, b = (
            torch.cat([value.flatten() for value in getattr(found, kind).values()])
            for found in (one, other)
        )
        worst = max(worst, float((a - b).norm() / b.norm()))
    assert worst < 1e-4, f"the statistics differ by {worst:.1e}, relative"
    return worst


def main(options):
    torch.set_num_threads(options.threads)
    report = Report(options.output, "gradients.txt")
    report(where())
    case = CASES["digits"]
    networks = case.networks()
    prepared = case.pair(networks, "digits"), case.data()
    report(
        f"{case.title}; {options.draws:,} draws, and of the reference {4 * options.draws:,}\n"
        "seconds of a call, median; apart: largest relative difference of the statistics"
    )
    report(f"{'':24}{'eager':>9}{'graph':>9}{'first':>9}{'eager/graph':>13}{'apart':>10}")
    for objective in (ELBO(), IWAE(5), DReG(5)):
        times = {False: [], "auto": []}
        fast, first = timed(prepared, objective, options.draws, "auto")
        slow, seconds = timed(prepared, objective, options.draws, False)
        off = apart(fast, slow)
        times[False].append(seconds)
        for _ in range(options.rounds):
            times["auto"].append(timed(prepared, objective, options.draws, "auto")[1])
        for _ in range(options.rounds - 1):
            times[False].append(timed(prepared, objective, options.draws, False)[1])
        eager, graph = median(times[False]), median(times["auto"])
        report(
            f"{objective.row_name:24}{eager:9.2f}{graph:9.2f}{first:9.2f}{eager / graph:13.1f}"
            f"{off:10.0e}"
        )


if __name__ == "__main__":
    main(parser().parse_args())
