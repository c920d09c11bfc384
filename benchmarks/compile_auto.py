"""After how many steps has compiling paid?

Run: python benchmarks/compile_auto.py [--cases digits]

For each pair: the eager step and the compiled one in turn, after equal losses; and what capturing
and compiling costs with nothing in torch's cache. The number of steps by which it has paid is the
cost over what a step saves. `compile="auto"` of `fit` compiles runs of `_LONG` steps or more
(`pyrovae/train/compile_ahead.py`).

Seconds of compiling are those of the processor, its compilers included: on a busy machine the
clock says little. On a quiet one with several cores it takes less by the clock.
"""

import argparse
import os
import tempfile

import torch
from cases import CASES
from sides import COMPILED, check_equal, our_side, prepare
from timing import Report, interleaved_ms, table, where

from pyrovae.train.compile_ahead import is_worth_compiling

EAGER = "pyrovae, eager"


def processor_seconds():
    """Of this process and of the compilers that it has called."""
    return sum(os.times()[:4])


def compare(key, rounds, say):
    case = CASES[key]
    eager = our_side(case, "cpu", "eager", compile=False)
    compiled = our_side(case, "cpu", "compiled", compile=True)
    for _ in range(3):
        eager.step()
    before = processor_seconds()
    prepare({COMPILED: compiled}, warmup=3)
    cost = processor_seconds() - before
    sides = {EAGER: eager, COMPILED: compiled}
    apart = check_equal(sides)
    steps = {name: side.step for name, side in sides.items()}
    times = interleaved_ms(steps, warmup=5, repeats=rounds, block_ms=20)
    saved = sorted(a - b for a, b in zip(times[EAGER], times[COMPILED], strict=True))
    middle = saved[len(saved) // 2]
    say(f"\n{key}: {case.title}; losses equal to {apart:.0e}; ms per step")
    say(table(times))
    paid = f"paid after {1e3 * cost / middle:,.0f} steps" if middle > 0 else "never paid"
    say(f"compiling {cost:.1f} s of processor time, {middle:.2f} ms saved a step: {paid}")


def main(words):
    if words.threads:
        torch.set_num_threads(words.threads)
    say = Report(words.out, "compile_auto.txt")
    say(where())
    longest = next(n for n in range(500, 10**6, 500) if is_worth_compiling("auto", n))
    say(f'compile="auto" compiles from {longest:,} steps on')
    for key in words.cases:
        compare(key, words.rounds, say)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--out", help="by default benchmarks/results/compile_auto.txt")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        main(parsed)
