"""Started by test_kill.py: forks a training process for each request, so that it may be killed.

A request is one line of JSON on stdin, {"pair": ..., "run_dir": ..., "resume": ...}; the answers
are the line of the child's process id, and when it is gone, the line of its exit status.
"""

import json
import os
import signal
import sys
import warnings
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.infer import Trace_ELBO
from pyro.nn import PyroModule
from torch import nn

from pyrovae.data import digits
from pyrovae.objectives import IWAE, Beta
from pyrovae.train import Anneal, Callback, fit
from pyrovae.train.optim import schedules


def with_params():
    """Functions with `pyro.param`, from random initial values, and Pyro's own ELBO."""

    def model(x):
        weight = pyro.param("weight", lambda: 0.1 * torch.randn(3, 64))
        bias = pyro.param("bias", torch.zeros(64))
        with pyro.plate("batch", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
            likelihood = dist.Normal(z @ weight + bias, 4.0).to_event(1)
            pyro.sample("x", likelihood, obs=x.flatten(1))

    def guide(x):
        weight = pyro.param("q_weight", lambda: 0.01 * torch.randn(64, 3))
        scale = pyro.param("q_scale", torch.ones(3), constraint=constraints.positive)
        with pyro.plate("batch", len(x)):
            pyro.sample("z", dist.Normal(x.flatten(1) @ weight, scale).to_event(1))

    return model, guide, {"data": digits(), "objective": Trace_ELBO()}


def with_modules():
    """Functions that call `pyro.module`, dynamic binarisation, several particles, a schedule."""
    encoder = nn.Sequential(nn.Linear(64, 24), nn.Tanh(), nn.Linear(24, 8))
    decoder = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 64))

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("batch", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(4), 1.0).to_event(1))
            likelihood = dist.Bernoulli(logits=decoder(z)).to_event(1)
            pyro.sample("x", likelihood, obs=x.flatten(1))

    def guide(x):
        pyro.module("encoder", encoder)
        loc, log_scale = encoder(x.flatten(1)).chunk(2, -1)
        with pyro.plate("batch", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return (
        model,
        guide,
        {
            "data": digits(binarize="dynamic"),
            "objective": IWAE(num_particles=2),
            "schedule": schedules.cosine(warmup=0.1),
            "clip_norm": 5.0,
            "lr": 3e-3,
        },
    )


class Pair(PyroModule):
    """A PyroModule with running statistics, dropout, and a channels_last convolution."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2).to(memory_format=torch.channels_last)
        self.norm = nn.BatchNorm1d(36)
        self.head = nn.Linear(36, 6)
        self.decoder = nn.Sequential(nn.Linear(3, 16), nn.Dropout(0.1), nn.Linear(16, 64))

    def model(self, x):
        pyro.module("pair", self)
        with pyro.plate("batch", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
            likelihood = dist.Normal(self.decoder(z), 4.0).to_event(1)
            pyro.sample("x", likelihood, obs=x.flatten(1))

    def guide(self, x):
        pyro.module("pair", self)
        loc, log_scale = self.head(self.norm(self.conv(x / 16).flatten(1))).chunk(2, -1)
        with pyro.plate("batch", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


def with_buffers():
    """Buffers, a `pyro.optim` wrapper that keeps plain numbers, an annealed weight."""
    pair, weight = Pair(), torch.tensor(0.0)
    return (
        pair.model,
        pair.guide,
        {
            "data": digits(),
            "objective": Beta(weight),
            "val_objective": Trace_ELBO(),
            "optimizer": pyro.optim.ClippedAdam({"lr": 1e-3, "lrd": 0.999}),
            "callbacks": [Anneal(weight, fraction=0.5)],
        },
    )


class Witness(Callback):
    """Notes where each process started, and may kill its own at one step or end of an epoch."""

    def __init__(self, run_dir, kill_at, kill_at_epoch):
        self.file = Path(run_dir) / "starts.jsonl"
        self.kill_at, self.kill_at_epoch = kill_at, kill_at_epoch

    def on_start(self, loop):
        with open(self.file, "a") as file:
            file.write(json.dumps({"epoch": loop.epoch, "batch": loop.batch}) + "\n")

    def on_step(self, loop):
        if loop.step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_epoch(self, loop):
        if loop.epoch == self.kill_at_epoch:
            os.kill(os.getpid(), signal.SIGKILL)


def die_in_write(count):
    """Kill this process in its n-th write of a file, when half of it is written."""
    fsync, calls = os.fsync, []

    def deadly(file):
        calls.append(file)
        if len(calls) == count:
            os.ftruncate(file, os.fstat(file).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(file)

    os.fsync = deadly


def train(request):
    torch.manual_seed(5)
    model, guide, options = globals()[request["pair"]]()
    Path(request["run_dir"]).mkdir(parents=True, exist_ok=True)
    moments = request.get("kill_at"), request.get("kill_at_epoch")
    witness = Witness(request["run_dir"], *moments)
    if request.get("kill_in_write"):
        die_in_write(request["kill_in_write"])
    callbacks = [*options.pop("callbacks", []), witness]
    fit(
        model,
        guide,
        **options,
        epochs=4,
        batch_size=60,
        callbacks=callbacks,
        run_dir=request["run_dir"],
        resume=request["resume"],
        checkpoint_seconds=request.get("checkpoint_seconds", 0.03),
        patience=100,
        device="cpu",
        seed=3,
        progress=False,
    )


def main():
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    torch.optim.SGD([torch.zeros(1)])  # imports what is slow, once for all children
    digits()
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            train(json.loads(line))
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(status, flush=True)


if __name__ == "__main__":
    main()
