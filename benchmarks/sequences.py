"""What does a step on long sequences cost with one site, and with a site for each step?

Run: python benchmarks/sequences.py [--steps 100 1000] [--repeats 5]

Both sides are one deep Markov model with the same networks and the same guide, `AffineSteps` from
a backward GRU. One is `DeepMarkovModel` under `pyrovae.SVI`: a site z [T, L], drawn by a scan of
log T rounds and scored in one expression. The other is written as Pyro's tutorials write it, a
Python loop with sites z_1, ..., z_T and x_1, ..., x_T, under `pyro.infer.SVI`. Their log p(x, z)
and log q(z|x) are first shown to be equal at draws of the guide, then the steps are timed in turn.
"""

import argparse
from functools import partial

import pyro
import torch
from pyro import poutine
from timing import Report, interleaved_ms, table, where

from pyrovae import SVI
from pyrovae.models import CombinedSteps, DeepMarkovModel
from pyrovae.nn import RecurrentSteps
from pyrovae.objectives import ELBO

D, L = 3, 4
FORMS = {"affine": {}, "combined": {"posterior": CombinedSteps}}


def deep(**parts):
    encoder = partial(RecurrentSteps, hidden=32, direction="backward")
    return DeepMarkovModel((10, D), L, encoder=encoder, **parts)


class Loop:
    """The same pair, a site for each step."""

    def __init__(self, dmm):
        self.dmm = dmm

    def model(self, x):
        pyro.module("dmm", self.dmm)
        with pyro.plate("data", len(x)):
            z = None
            for t in range(x.shape[1]):
                prior = self.dmm.initial() if t == 0 else self.dmm.transition(z)
                z = pyro.sample(f"z_{t}", prior)
                emission = self.dmm.likelihood(self.dmm.decoder(z), 1)
                pyro.sample(f"x_{t}", emission, obs=x[:, t])

    def guide(self, x):
        pyro.module("dmm", self.dmm)
        params = self.dmm.encoder(x)
        with pyro.plate("data", len(x)):
            z = None
            for t in range(x.shape[1]):
                z = pyro.sample(f"z_{t}", self.dmm.posterior.step(params[:, t], z))


@torch.no_grad()
def densities(dmm, x):
    """log p(x, z) and log q(z|x) of both sides at the same z, summed over the batch."""
    z = dmm.encode(x).sample()
    ours = dmm.chain(x.shape[1]).log_prob(z) + dmm.decode(z).log_prob(x)
    loop = Loop(dmm)
    values = {f"z_{t}": z[:, t] for t in range(x.shape[1])}
    model = poutine.trace(poutine.condition(loop.model, values)).get_trace(x)
    guide = poutine.trace(poutine.condition(loop.guide, values)).get_trace(x)
    return (
        (float(ours.sum()), float(model.log_prob_sum())),
        (float(dmm.encode(x).log_prob(z).sum()), float(guide.log_prob_sum())),
    )


def check_equal(dmm, x):
    """The largest relative difference of the two sides.

    Raises:
        AssertionError: They are not the same.
    """
    worst = max(abs(a - b) / abs(b) for a, b in densities(dmm, x))
    assert worst < 1e-4, f"the two sides differ by {worst:.1e}"
    return worst


def main(options):
    say = Report(options.out, "sequences.txt")
    say(where())
    say(f"batch {options.batch}, D = {D}, L = {L}, one particle; ms of a training step\n")
    for steps in options.steps:
        x = torch.randn(options.batch, steps, D, generator=torch.Generator().manual_seed(0))
        for name, parts in FORMS.items():
            pyro.clear_param_store()
            pyro.set_rng_seed(0)
            dmm = deep(**parts)
            worst = check_equal(dmm, x[:2])
            ours = SVI(dmm.model, dmm.guide, torch.optim.Adam(dmm.parameters(), 1e-4), ELBO())
            loop = Loop(deep(**parts))
            theirs = pyro.infer.SVI(
                loop.model, loop.guide, pyro.optim.Adam({"lr": 1e-4}), pyro.infer.Trace_ELBO()
            )
            sides = {"one site": partial(ours.step, x), "a loop of sites": partial(theirs.step, x)}
            with pyro.validation_enabled(False):
                times = interleaved_ms(sides, warmup=1, repeats=options.repeats)
            say(f"T = {steps}, {name} steps; densities differ by {worst:.0e} of their size")
            say(table(times, to=["one site"]) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--steps", nargs="+", type=int, default=[100, 1000])
    add("--batch", type=int, default=20)
    add("--repeats", type=int, default=5)
    add("--out", help="by default benchmarks/results/sequences.txt")
    torch.set_num_threads(1)
    main(parser.parse_args())
