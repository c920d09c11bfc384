"""Words of small runs, and what the tests of the command line do with them."""

import subprocess
import sys

from pyrovae.cli import main

SMALL = [
    "--model.latent_dim", "2", "--model.likelihood", "Binomial",
    "--model.encoder", "MLP", "--model.encoder.hidden", "[8]",
    "--model.decoder", "MLP", "--model.decoder.hidden", "[8]",
    "--epochs", "2", "--test-particles", "30",
]  # fmt: skip

# A pair as functions, and as a class.
OWN = """
import pyro
import pyro.distributions as dist
import torch
from torch import nn

net = nn.Linear(64, 6)
weight = torch.zeros(3, 64)


def model(x):
    w = pyro.param("w", weight)
    with pyro.plate("rows", len(x)):
        z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
        logits = (z @ w).reshape(*z.shape[:-1], 1, 8, 8)
        pyro.sample("x", dist.Binomial(16, logits=logits).to_event(3), obs=x)


def guide(x):
    pyro.module("net", net)
    with pyro.plate("rows", len(x)):
        loc, log_scale = net(x.flatten(1) / 16).chunk(2, -1)
        pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


class Wide(nn.Module):
    def __init__(self, data_shape, width: int = 3):
        super().__init__()
        self.data_shape, self.width = data_shape, width

    def model(self, x):
        assert tuple(x.shape[1:]) == self.data_shape and self.width == 5
        return model(x)

    def guide(self, x):
        return guide(x)
"""


def run_process(*words, cwd):
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pyrovae", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )


def fit(*words):
    """`pyrovae fit` in this process; its exit code."""
    return main(["fit", *map(str, words)])


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG")


def refused(capsys, *words):
    """Runs a command that must end with code 2 and one sentence; returns the sentence."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("pyrovae")
    assert len(error.splitlines()) == 1, error
    assert "Traceback" not in error
    return error
