"""What does annealing cost?  Run: python benchmarks/annealing.py [--quick]

`ais`, `bdmc` and `inference_gaps` of ten digits on a net of 64-128-6 with random weights, as they
run by default (`compile="auto"`), and with gradients that Pyro traces anew each time
(`compile=False`), which is how they ran before. First a shorter path shows that both give equal
numbers for equal seeds. Each time is that of one call, with the trace and the checks of its graph;
the two take turns.
"""

import argparse
from functools import partial
from statistics import median
from time import perf_counter, process_time

import pyro
import torch
from timing import Report, where

from pyrovae import ais, bdmc, data, inference_gaps
from pyrovae.models import VAE
from pyrovae.nn import MLP, Binomial

EAGER, AUTO = "compile=False", 'compile="auto"'
FIELDS = {
    "ais": ("log_px", "acceptance"),
    "bdmc": ("lower", "upper"),
    "inference_gaps": ("elbo", "elbo_optimised"),
}


def measures(num_data, scale=1.0):
    """The three measurements by name, each a function of `compile`."""
    pyro.set_rng_seed(0)
    network = partial(MLP, hidden=(128,))
    vae = VAE((1, 8, 8), 6, encoder=network, decoder=network, likelihood=Binomial(16))
    x = data.digits().test.x[:num_data]
    path = {"num_temperatures": round(100 * scale), "seed": 0}
    return {
        "ais": partial(ais, vae.model, vae.guide, x, **path),
        "bdmc": partial(bdmc, vae.model, vae.guide, x, **path),
        "inference_gaps": partial(
            inference_gaps, vae.model, vae.guide, x, num_steps=round(300 * scale), seed=0
        ),
    }


def largest_difference(one, other, fields):
    """Of any number of a result, in nats or as a share."""
    return max(float((getattr(one, f) - getattr(other, f)).abs().max()) for f in fields)


def seconds(call):
    """Of the clock and of the processor."""
    start, used = perf_counter(), process_time()
    call()
    return perf_counter() - start, process_time() - used


def main(quick, rounds, out):
    report = Report(out, "annealing.txt")
    report(f"{where()}\nten digits, 64-128-6, 16 chains, 100 temperatures, 300 steps\n")
    report("largest difference from compile=False, same seed, in nats")
    for name, measure in measures(10, 0.3).items():
        eager, auto = measure(compile=False), measure(compile="auto")
        apart = largest_difference(eager, auto, FIELDS[name])
        assert apart < 1e-6, f"{name} gives other numbers: {apart}"
        report(f"  {name:15s} {apart:.1e}")
    found = {}
    for name, measure in measures(10, 0.1 if quick else 1.0).items():
        times = found[name] = ([], [])
        for _ in range(rounds):
            for side, compile in zip(times, (False, "auto"), strict=True):
                side.append(seconds(partial(measure, compile=compile)))
    for which, kind in enumerate(("seconds of the clock", "seconds of the processor")):
        report(f"\n{kind:26s} {EAGER:>14s} {AUTO:>15s}   ratio")
        sides = [0.0, 0.0]
        for name, times in found.items():
            slow, fast = (median(reading[which] for reading in side) for side in times)
            sides = [sides[0] + slow, sides[1] + fast]
            report(f"{name:26s} {slow:14.2f} {fast:15.2f} {slow / fast:7.1f}")
        report(f"{'together':26s} {sides[0]:14.2f} {sides[1]:15.2f} {sides[0] / sides[1]:7.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the path, once")
    parser.add_argument("--rounds", type=int, default=3, help="calls of each, in turn")
    parser.add_argument("--out", help="file of the results; by default under results/")
    parser.add_argument("--threads", type=int, help="of torch")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    main(given.quick, given.rounds, given.out)
