"""What does a better prior improve?  Run: python examples/12_priors.py [--smoke]

One pair on binary digits, latents in the plane, five priors, equal training: test NLL, mutual
information of x and z, KL(q(z) || p(z)), which a better prior reduces. Writes priors.png.
"""

import argparse
from dataclasses import replace
from functools import partial

import pyro
import pyro.distributions as dist
import torch
from matplotlib.figure import Figure

from pyrovae import data, elbo_surgery, fit, log_evidence
from pyrovae.models import FlowPrior, MixturePrior, NormalPrior, StandardNormal, VampPrior
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO

LATENT, PIXELS = 2, 64
PRIORS = {
    "standard": StandardNormal,
    "learned": NormalPrior,
    "mixture": partial(MixturePrior, num_components=50),
    "Vamp": partial(VampPrior, num_components=50),
    "flow": partial(FlowPrior, num_layers=6),
}


class Pair:
    def __init__(self, prior, x):
        self.encoder = MLP(PIXELS, 2 * LATENT, hidden=(128,))
        self.decoder = MLP(LATENT, PIXELS, hidden=(128, 128))
        self.prior = prior(LATENT)
        self.prior.shape_for((PIXELS,), (0, 1))  # shape and range of a datum, for Vamp
        if isinstance(self.prior, VampPrior):
            self.prior.start(x)

    def encode(self, x):
        loc, log_scale = self.encoder(x).chunk(2, -1)
        return dist.Normal(loc, log_scale.exp()).to_event(1)

    def model(self, x):
        for name in ("decoder", "prior", "encoder"):  # Vamp uses the encoder
            pyro.module(name, getattr(self, name))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", self.prior.with_encoder(self.encode))
            pyro.sample("x", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", len(x)):
            pyro.sample("z", self.encode(x))


@torch.no_grad()
def draw_panel(axes, pair, split, title):
    z = pair.encode(split.x).sample()
    sides = [torch.linspace(s.min() - 0.5, s.max() + 0.5, 200) for s in z.T]
    grid = torch.stack(torch.meshgrid(*sides, indexing="xy"), -1)
    log_p = pair.prior.with_encoder(pair.encode).log_prob(grid)
    levels = torch.linspace(-7, 0, 15) + log_p.max()  # from a thousandth of the peak up
    axes.contourf(*sides, log_p, levels=levels, cmap="Greys", vmax=log_p.max() + 4)
    axes.scatter(*z.T, c=split.y, cmap="tab10", s=3, linewidths=0)
    axes.set(title=title, xticks=[], yticks=[])


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits(binarize="dynamic")
    splits = digits.train, digits.val, digits.test
    train, val, test = (replace(split, x=split.x.flatten(1)) for split in splits)
    figure = Figure(figsize=(13, 2.9), dpi=150, layout="constrained")
    print("nats\nprior      test NLL  gain over standard  information  KL(q(z) || p(z))  seconds")
    drawn, first, particles = train.binarized(0), None, 20 if smoke else 500
    for axes, (name, prior) in zip(figure.subplots(1, 5), PRIORS.items(), strict=True):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        pair = Pair(prior, train.x)
        run = fit(pair.model, pair.guide, train, objective=ELBO(), val=val, lr=2e-3, seed=0,
                  epochs=1 if smoke else 400, compile=not smoke, device="cpu",
                  progress=not smoke)  # fmt: skip
        run.load_best()
        log_px = log_evidence(pair.model, pair.guide, test, num_particles=particles, seed=0).log_px
        gain = log_px - (first := log_px if first is None else first)
        cut = elbo_surgery(pair.model, pair.guide, drawn, num_particles=2, seed=0).means()
        print(f"{name:<9} {-log_px.mean():9.2f} {gain.mean():10.2f} +- "
              f"{gain.std() / len(gain) ** 0.5:.2f} {cut['mutual_information']:12.2f} "
              f"{cut['marginal_kl']:17.2f} {run.seconds:8.1f}")  # fmt: skip
        draw_panel(axes, pair, drawn, f"{name}: NLL {-log_px.mean():.2f}")
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("priors.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
