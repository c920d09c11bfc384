"""Every CUDA check and timing in one call.  Run: python benchmarks/gpu.py

(It is not called `cuda.py`, because torch imports a package of that name.)

It prints one table in sections. Each section runs in its own process with a time limit, so one
that fails, hangs or kills its process is a row of the table, and the others continue. `--device
cpu --quick` runs the same code without a GPU, as far as possible.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import torch
from gpu_sections import SECTIONS, Rows
from timing import Report, where

MARK = "ROW "


def child(section, device, quick):
    """Run one section; its rows go to the parent as lines of JSON."""

    def emit(name, words, fine):
        print(MARK + json.dumps([name, words, fine]), flush=True)

    SECTIONS[section](Rows(emit), device, quick)


def run_section(section, device, quick, seconds, say):
    """Names of the rows that failed."""
    say(f"\n{section}")
    words = [sys.executable, str(Path(__file__)), "--section", section, "--device", device]
    words += ["--quick"] if quick else []
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    try:
        printed, ended = process.communicate(timeout=seconds)[0], ""
    except subprocess.TimeoutExpired:
        process.kill()
        printed, ended = process.communicate()[0], f"stopped after {seconds:.0f} s"
    failed, others = [], []
    for line in printed.splitlines():
        if not line.startswith(MARK):
            others.append(line)
            continue
        name, found, fine = json.loads(line[len(MARK) :])
        say(f"  {'' if fine else 'FAILED '}{name:<44} {found}")
        failed += [] if fine else [f"{section}: {name}"]
    if process.returncode and not ended:
        ended = f"its process ended with {process.returncode}: " + " | ".join(others[-3:])[-400:]
    if ended:
        say(f"  FAILED the rest of it: {ended}")
        failed.append(f"{section}: the rest of it")
    return failed


def main(words):
    if torch.device(words.device).type == "cuda" and not torch.cuda.is_available():
        print("there is no CUDA device; --device cpu --quick runs what can run without one")
        return 1
    say = Report(words.out, f"gpu_{torch.device(words.device).type}.txt")
    say(where(words.device))
    started, failed = perf_counter(), []
    for section in words.sections:
        left = words.seconds - (perf_counter() - started)
        if left < 20:
            say(f"\n{section}\n  FAILED not reached within {words.seconds:.0f} s")
            failed.append(f"{section}: not reached")
            continue
        failed += run_section(section, words.device, words.quick, min(left, words.limit), say)
    say(f"\n{perf_counter() - started:.0f} s; failed: {'; '.join(failed) or 'nothing'}")
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="few rounds and rows")
    parser.add_argument("--seconds", type=float, default=570, help="for all sections together")
    parser.add_argument("--limit", type=float, default=150, help="for one section")
    parser.add_argument("--out", help="by default benchmarks/results/gpu_cuda.txt")
    parser.add_argument("--section", choices=SECTIONS, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.section:
        child(words.section, words.device, words.quick)
    else:
        sys.exit(main(words))
