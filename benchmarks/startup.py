"""How long until Python has Pyro, this library, a help?  Run: python benchmarks/startup.py

Each line is a process of its own, and the processes are started in turn, so that a busy machine
slows all of them equally. Wall time is what a user waits for; the time of the processor counts no
waiting for others. A first round, which fills the caches of the disk, is not counted.

The library is to add at most 0.3 s to `import pyro`, and `pyrovae --help` to take half a second.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from timing import Report, table, where

ROOT = Path(__file__).parent.parent

STATEMENTS = (
    "import pyro",
    "import pyrovae",
    "import pyro, pyrovae",
    "from pyrovae import fit",
    "from pyrovae import fit, data, models, objectives, log_evidence, compare",
    "import pyrovae; pyrovae.VAE, pyrovae.IWAE",
)
COMMANDS = ("--help", "--version", "fit --help", "evaluate --help")


def processes():
    """Words of each process, by the name of its row."""
    found = {f"`{statement}`": [sys.executable, "-c", statement] for statement in STATEMENTS}
    for words in COMMANDS:
        found[f"`pyrovae {words}`"] = [sys.executable, "-m", "pyrovae", *words.split()]
    return {"`python -c pass`": [sys.executable, "-c", "pass"]} | found


def seconds_of(words):
    """Wall time and processor time of a process.

    Raises:
        CalledProcessError: It failed, so that its time means nothing.
    """
    before, start = os.times(), perf_counter()
    subprocess.run(
        words,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    wall, after = perf_counter() - start, os.times()
    used = [getattr(after, n) - getattr(before, n) for n in ("children_user", "children_system")]
    return wall, sum(used)


def main(repeats, out):
    rows = processes()
    walls, used = ({name: [] for name in rows} for _ in range(2))
    for round_ in range(repeats + 1):
        for name, words in rows.items():
            wall, cpu = seconds_of(words)
            if round_:
                walls[name].append(wall)
                used[name].append(cpu)
    report = Report(out, "startup.txt")
    report(f"{where()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for title, times in (("wall", walls), ("processor", used)):
        report(f"\n{repeats} processes each, seconds ({title}); ratio to `import pyro`\n")
        report(table(times, to=["`import pyro`"]))
    extra = [two - one for one, two in zip(used["`import pyro`"], used[LONGEST], strict=True)]
    report(
        f"\nprocessor time beyond `import pyro`, all imports: {sorted(extra)[repeats // 2]:.2f} s"
    )


LONGEST = f"`{STATEMENTS[-2]}`"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--out", help="file; benchmarks/results/startup.txt")
    options = parser.parse_args()
    main(options.repeats, options.out)
