"""Every CUDA check and timing in one call.  Run: python benchmarks/cuda.py [--out FILE]

Runs the tests marked cuda, then the benchmarks on the device, and prints one table after another;
--out keeps what was printed.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent

STEPS = {
    "tests": [sys.executable, "-m", "pytest", "-m", "cuda", "-q", "tests/test_cuda.py"],
    "training step": [sys.executable, "benchmarks/svi_step.py", "--device", "cuda"],
    "evidence": [
        sys.executable, "benchmarks/evidence.py", "--device", "cuda", "--data", "256"
    ],
    "memory": [sys.executable, "benchmarks/memory.py", "--device", "cuda"],
}  # fmt: skip


def main(out):
    if not torch.cuda.is_available():
        print("there is no CUDA device")
        return 1
    printed, failed = [], []
    for name, words in STEPS.items():
        done = subprocess.run(words, cwd=HERE.parent, capture_output=True, text=True, check=False)
        text = f"== {name} (exit {done.returncode})\n{done.stdout}{done.stderr[-3000:]}"
        print(text, flush=True)
        printed.append(text)
        failed += [name] if done.returncode else []
    if out:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text("\n".join(printed))
    print("failed:", failed or "nothing")
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", help="keep what is printed, e.g. benchmarks/results/cuda.txt")
    sys.exit(main(parser.parse_args().out))
