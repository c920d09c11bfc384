"""How many killed and resumed runs equal the uninterrupted one, bit for bit?

    python benchmarks/kills.py [--kills 50] [--seed 0]

Each run is killed by SIGKILL, with its compilers, at random times from its first second on (half
of the kills at a random step), and resumed until it ends. Then all tensors of its last checkpoint
are compared with those of an uninterrupted run. Eager runs, compiled runs, and compiled runs of
four steps per call take turns. A kill takes about ten seconds.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KINDS = {
    "eager": {},
    "compiled": {"compile": True},
    "compiled, four steps a call": {"compile": True, "steps_per_call": 4},
}
EPOCHS, STEPS = 3, 60


def train(folder: str, kind: str, die_at: int) -> None:
    """One process of a run, which may kill itself and its children at a step."""
    import pyro
    import torch

    from pyrovae import fit
    from pyrovae.data import digits
    from pyrovae.models import VAE
    from pyrovae.nn import Binomial
    from pyrovae.objectives import IWAE
    from pyrovae.train import Callback

    class Die(Callback):
        def on_step(self, loop):
            if loop.step == die_at:
                os.killpg(0, signal.SIGKILL)

    torch.set_num_threads(1)
    pyro.set_rng_seed(1)
    vae = VAE((1, 8, 8), 2, likelihood=Binomial(16))
    fit(
        vae.model, vae.guide, digits(), objective=IWAE(2), epochs=EPOCHS, batch_size=20,
        run_dir=folder, resume=True, callbacks=[Die()], progress=False, device="cpu",
        checkpoint_seconds=0.05, **KINDS[kind],
    )  # fmt: skip


def started(folder: Path, kind: str, die_at: int = -1) -> subprocess.Popen:
    words = [sys.executable, __file__, "--run", str(folder), kind, str(die_at)]
    return subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL)


def same_as(folder: Path, other: Path) -> bool:
    import torch

    from pyrovae.train.checkpoint_file import read_checkpoint

    one, two = (read_checkpoint(f / "last.safetensors")[0] for f in (folder, other))
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--kills", type=int, default=50)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.run:
        train(given.run[0], given.run[1], int(given.run[2]))
        return 0
    chance, kills, exact = random.Random(given.seed), 0, 0
    with tempfile.TemporaryDirectory() as place:
        whole, seconds = {}, {}
        for kind in KINDS:
            whole[kind] = Path(place) / kind
            for i in range(2):  # the second run has a warm cache
                began = time.perf_counter()
                assert started(whole[kind] / str(i), kind).wait() == 0
                seconds[kind] = time.perf_counter() - began
            assert same_as(whole[kind] / "0", whole[kind] / "1"), f"two whole runs, {kind}"
        while kills < given.kills:
            kind = chance.choice(list(KINDS))
            folder, here = Path(place) / f"run-{kills}", 0
            for _ in range(chance.choice([1, 1, 2])):
                at_step = chance.random() < 0.5
                process = started(folder, kind, chance.randrange(1, EPOCHS * STEPS)
                                  if at_step else -1)  # fmt: skip
                if not at_step:
                    time.sleep(chance.uniform(1.0, seconds[kind]))
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)
                here += process.wait() == -signal.SIGKILL
            if not here:
                continue
            ended = started(folder, kind).wait()
            right = ended == 0 and same_as(folder, whole[kind] / "0")
            kills, exact = kills + here, exact + here * right
            print(f"{kind}: {here} kills, {'exact' if right else f'WRONG (exit {ended})'}",
                  flush=True)  # fmt: skip
    print(f"{kills} kills, {exact} exact")
    return int(exact < kills)


if __name__ == "__main__":
    sys.exit(main())
