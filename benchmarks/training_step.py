"""How long does a training step take?

Run: python benchmarks/training_step.py [--cases digits wide ...] [--device cuda] [--threads 2]

The same step (forward, backward, Adam) by Pyro's SVI, by pyrovae's, eager and compiled, and by a
loop written by hand, eager and compiled. First their losses and weights are compared over some
steps from the same weights and noise, then their times are measured, in turn. The last row of each
table is the time of the step's matrix products (and convolutions) alone: no step can be faster.
"""

import argparse
from statistics import median

import torch
from cases import CASES
from products import large_product, operations, products_of
from sides import COMPILED, EAGER_HAND, HAND, PYRO, all_sides, check_equal, prepare
from timing import Report, interleaved_ms, ratio, table, where

PRODUCTS, SQUARE = "its products alone", "a product of 1024 squares"
AIMS = {"digits": 8.0, "iwae1": 1.6, "iwae5": 1.8}  # times faster than Pyro's SVI, on two cores


def compare(key, device, rounds, say):
    case = CASES[key]
    sides = all_sides(case, device)
    prepare(sides)
    apart = check_equal(sides)
    steps = {name: side.step for name, side in sides.items()}
    steps[PRODUCTS], count = products_of(sides[EAGER_HAND].step)
    steps[SQUARE] = large_product(device)
    flops, square = operations(steps[PRODUCTS]), operations(steps[SQUARE])
    times = interleaved_ms(steps, device=device, warmup=3, repeats=rounds, block_ms=20)
    say(f"\n{key}: {case.title}; losses equal to {apart:.0e} over 5 steps; ms per step")
    say(table({n: t for n, t in times.items() if n != SQUARE}, [PYRO, HAND]))
    rate = square / median(times[SQUARE]) / 1e6
    reached = flops / median(times[COMPILED]) / 1e6
    aim = f" (aim on two cores: {AIMS[key]})" if key in AIMS else ""
    say(
        f"compiled: {1 / ratio(times, COMPILED, PYRO):.2f} times faster than {PYRO}{aim}; "
        f"{ratio(times, COMPILED, HAND):.2f} of the compiled loop by hand (aim: 1.0); its {count} "
        f"products are {ratio(times, PRODUCTS, COMPILED):.0%} of it; {reached:.0f} GFLOP/s, "
        f"{reached / rate:.0%} of the {rate:.0f} of a square product (aim at K = 5: 75 %)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="by default as torch decides")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--out", help="by default benchmarks/results/training_step_<device>.txt")
    words = parser.parse_args()
    if words.threads:
        torch.set_num_threads(words.threads)
    say = Report(words.out, f"training_step_{torch.device(words.device).type}.txt")
    say(where(words.device))
    for key in words.cases:
        compare(key, words.device, words.rounds, say)
