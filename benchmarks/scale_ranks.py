"""The axis of ranks of `scale.py`; run by torchrun, it is one rank that trains.

Each rank takes batches of 100 rows, on one thread: equal work per rank. More ranks than cores
share the cores; the seconds of one core that a rank takes show what the ranks say to each other.
"""

import json
import subprocess
import sys
from functools import partial
from time import perf_counter, process_time

ROWS, BATCH = 20_000, 100


def ranks_axis():
    for count in (1, 2, 4):
        for name in ("64-64-8", "784-200-200-50"):
            yield name, count, partial(_launched, name, count)


def _launched(name, count):
    words = ["--standalone", f"--nproc-per-node={count}", __file__, name]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(name):
    import os

    import torch

    from pyrovae import VAE, fit
    from pyrovae.nn import MLP
    from pyrovae.objectives import ELBO
    from pyrovae.train.callbacks import Callback

    torch.set_num_threads(1)
    count, rank = int(os.environ["WORLD_SIZE"]), int(os.environ["RANK"])
    width, hidden, latents = (64, (64,), 8) if name == "64-64-8" else (784, (200, 200), 50)
    nets = partial(MLP, hidden=hidden)
    generator = torch.Generator().manual_seed(0)
    steps = 150
    x = torch.bernoulli(torch.full((steps * BATCH * count, width), 0.3), generator=generator)

    class Clock(Callback):
        readings = []

        def on_step(self, loop):
            self.readings.append((perf_counter(), process_time()))

    pyro_pair = VAE(width, latents, encoder=nets, decoder=nets)
    words = {"epochs": 1, "batch_size": BATCH * count, "progress": False, "device": "cpu"}
    fit(pyro_pair, x, objective=ELBO(), callbacks=[Clock()], **words)
    (wall, cpu), (wall_end, cpu_end) = Clock.readings[50], Clock.readings[-1]
    taken = len(Clock.readings) - 51
    if rank == 0:
        seconds = {"seconds": (wall_end - wall) / taken, "core": (cpu_end - cpu) / taken}
        print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1])
