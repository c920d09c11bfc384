"""Why draw z from a guide?  Run: python examples/13_why_a_guide.py [--smoke]

A simple prior is no limit: g(z) = z/10 + z/|z| maps a normal to a ring. But the mean of p(x|z)
over draws from the prior needs too many draws. On an exact pair and digits; why_a_guide.png.
"""

import argparse
from functools import partial

import pyro
import pyro.distributions as dist
import torch
from matplotlib.figure import Figure

from pyrovae import data, fit, log_evidence
from pyrovae.nn import MLP
from pyrovae.objectives import IWAE

LATENT, PIXELS, LEVELS = 8, 64, 16


def make_pair():
    encoder, decoder = MLP(PIXELS, 2 * LATENT), MLP(LATENT, PIXELS)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Binomial(LEVELS, logits=decoder(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x / LEVELS).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


def prior(x, plate="data"):  # a guide that ignores x
    with pyro.plate(plate, len(x)):
        pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))


def curves(axes, title, ks, guides, estimate):
    """What draws from each guide say of log p(x), with three standard errors."""
    print(f"{title}\n    draws             prior             guide")
    rows = [[estimate(guide, k) for guide in guides] for k in ks]
    for k, row in zip(ks, rows, strict=True):
        print(f"{k:9d}" + "".join(f"{mean:10.3f} +- {error:.3f}" for mean, error in row))
    for name, found in zip(("prior", "guide"), torch.tensor(rows).unbind(1), strict=True):
        axes.errorbar(ks, found[:, 0], 3 * found[:, 1], fmt="o-", ms=4, label=f"z from the {name}")
    axes.set(xscale="log", title=title, xlabel="draws of z for each x", ylabel="log p(x), nats")
    axes.grid(alpha=0.3)
    return rows[-1][1][0] - rows[-1][0][0]


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    pyro.set_rng_seed(0)
    figure = Figure(figsize=(14, 3.5), dpi=150, layout="constrained")
    left, right, known, real = figure.subplots(1, 4, width_ratios=[1, 1, 1.4, 1.4])
    z = torch.randn(2000, 2)
    g = z / 10 + z / z.norm(dim=1, keepdim=True)  # Doersch (2016), fig. 2
    for axes, points, title in ((left, z, "z ~ N(0, I)"), (right, g, "g(z) = z/10 + z/|z|")):
        axes.scatter(*points.T, c=torch.atan2(*z.T), cmap="hsv", s=3, linewidths=0)
        axes.set(title=title, aspect="equal", xticks=[], yticks=[])
    ks = [1, 10, 100] if smoke else [1, 10, 100, 1000, 10_000]

    oracle = data.LinearGaussian.random(data_dim=20, latent_dim=LATENT, seed=0)
    x = oracle.sample(1, seed=0)

    def of_one(guide, k):  # 200 independent estimates for one datum
        bounds = IWAE(num_particles=k).per_datum(oracle.model, guide, x.expand(200, -1))
        return bounds.mean().item(), bounds.std().item() / 200**0.5

    known.axhline(truth := oracle.log_px(x).item(), color="black", linewidth=1, label="exact")
    guides = (partial(prior, plate="batch"), oracle.guide)
    curves(known, f"known: log p(x) = {truth:.3f}", ks, guides, of_one)
    known.legend(frameon=False)

    digits, (model, guide) = data.digits(), make_pair()
    train, test = digits.train.x.flatten(1), digits.test.x.flatten(1)
    fit(model, guide, train, objective=IWAE(5), lr=2e-3, epochs=2 if smoke else 100, device="cpu")

    def of_all(guide, k):  # with the error from the spread of the data
        found = log_evidence(model, guide, test, num_particles=k, seed=0)
        return found.mean(), found.mean_standard_error()

    short = curves(real, "digits, mean of the test data", ks, (prior, guide), of_all)
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("why_a_guide.png")
    print(f"{ks[-1]} draws from the prior are {short:.1f} nats short; why_a_guide.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
