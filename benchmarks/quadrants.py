"""Does a conditional VAE beat a network at completing digits?  Run: python benchmarks/quadrants.py

MNIST with 1, 2 or 3 of 4 quadrants given, as in Pyro's tutorial after Sohn, Lee & Yan (2015),
https://pyro.ai/examples/cvae.html: bottom left; left half; all but the bottom right. Negative
conditional log-likelihood of the other pixels, nats per digit of the test set, of a network (with
pixels independent given y) and of a CVAE with networks of the same width.

The tutorial scores grey levels x in [0, 1] by x log p + (1 - x) log(1 - p), which is not a
likelihood of them. It trains on that score, chooses the epoch by the test set, and publishes minus
the ELBO of 10 particles. Here network and CVAE are trained on the same score, but 5,000 digits of
the training set choose the epoch. The test set is scored in three ways: as published ("grey
-ELBO"), by importance sampling ("grey"), and ("binary") as a proper likelihood, by importance
sampling, of pixels drawn once with probability x. For the network the three differ by that draw
only.

    python benchmarks/quadrants.py --data-root DIR --out benchmarks/results/quadrants.txt
"""

import argparse
from functools import partial

import pyro
import torch
from timing import Report, where

from pyrovae import data, fit, log_evidence
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP, Bernoulli
from pyrovae.objectives import ELBO
from pyrovae.train.optim import schedules

PUBLISHED = {1: (100.4, 71.8), 2: (61.9, 51.0), 3: (25.4, 24.2)}  # network, CVAE


class GreyBernoulli(Bernoulli):
    """The tutorial's score of grey levels."""

    def accepts(self, values):
        return values.low >= 0 and values.high <= 1


class Network(torch.nn.Module):
    """p(x|y) without latents."""

    def __init__(self, given, found, mlp):
        super().__init__()
        self.net, self.likelihood = mlp((given,), (1, found)), GreyBernoulli()

    def model(self, x, y):
        pyro.module("net", self.net)
        with pyro.plate("data", len(x)):
            pyro.sample("x", self.likelihood(self.net(y), event_dim=1), obs=x)

    def guide(self, x, y):
        pass


def cvae(given, found, mlp, options):
    return ConditionalVAE(
        (found,), options.latents, condition_shape=(given,), likelihood=GreyBernoulli(),
        encoder=mlp, decoder=mlp, prior_network=mlp if options.prior_network else None,
    )  # fmt: skip


def trained(pair, sets, options, epochs):
    run = fit(
        pair.model, pair.guide, sets.train.labelled(),
        objective=ELBO(closed_form_kl=isinstance(pair, ConditionalVAE)), val=sets.val.labelled(),
        epochs=epochs, batch_size=options.batch_size, lr=options.lr, schedule=schedules.cosine(),
        compile=True, seed=options.seed, device=options.device,
    )  # fmt: skip
    run.load_best()
    return run


@torch.no_grad()
def nelbo(pair, split, num_particles):
    """Minus the ELBO."""
    parts = zip(split.x.split(1000), split.y.split(1000), strict=True)
    bounds = [ELBO(num_particles).per_datum(pair.model, pair.guide, x, y) for x, y in parts]
    return -float(torch.cat(bounds).mean())


def nll(pair, split, options):
    """By importance sampling, with the median effective sample size."""
    found = log_evidence(
        pair.model, pair.guide, split.labelled(), num_particles=options.num_particles, seed=1,
        compile=True,
    )  # fmt: skip
    return -found.mean(), float(found.ess.median())


def main(options):
    say = Report(options.out, "quadrants.txt")
    device = torch.device(options.device)
    settings = {k: v for k, v in vars(options).items() if k not in ("data_root", "out")}
    say(f"{where(device)}\n{settings}\n")
    say("given  model    published  grey -ELBO   grey  binary   ESS  epochs  seconds")
    whole = data.mnist(options.data_root, unit=True)
    mlp = partial(MLP, hidden=tuple(options.hidden))
    for given in options.given:
        grey = data.quadrants(whole, given)
        binary = grey.binarized("static")
        rows = slice(0, options.test)
        tests = [s.test[rows].to(device) for s in (grey, binary)]
        sizes = grey.train.y.shape[1], grey.train.x.shape[1]
        for row, name in enumerate(("network", "CVAE")):
            pyro.clear_param_store()
            pyro.set_rng_seed(options.seed)
            pair = cvae(*sizes, mlp, options) if row else Network(*sizes, mlp)
            epochs = options.epochs[row]
            run = trained(pair, grey, options, epochs)
            published = PUBLISHED[given][row]
            bound = nelbo(pair, tests[0], 10 if row else 1)
            (score, _), (proper, ess) = (
                [nll(pair, t, options) for t in tests]
                if row
                else [(nelbo(pair, t, 1), float("nan")) for t in tests]
            )
            say(f"{given:5d}  {name:<8} {published:9.1f}  {bound:10.2f} {score:6.2f} "
                f"{proper:7.2f} {ess:5.0f}  {epochs:6d} {run.seconds:8.0f}")  # fmt: skip
    say("\nnats per digit; of the published figures that of the CVAE is minus an ELBO")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data-root", default=None, help="folder of MNIST; else $PYROVAE_DATA")
    add("--given", type=int, nargs="+", default=[1, 2, 3], help="quadrants")
    add("--hidden", type=int, nargs="+", default=[400, 400], help="widths of all networks")
    add("--latents", type=int, default=32)
    add("--no-prior-network", dest="prior_network", action="store_false",
        help="p(z) the same for every y")  # fmt: skip
    add("--epochs", type=int, nargs=2, default=[6, 10], help="of network and CVAE")
    add("--batch-size", type=int, default=128)
    add("--lr", type=float, default=2e-3)
    add("--num-particles", type=int, default=100, help="of the importance sampling")
    add("--test", type=int, default=10_000, help="digits of the test set")
    add("--seed", type=int, default=0)
    add("--device", default="cpu")
    add("--out", default=None, help="file for the table")
    main(parser.parse_args())
