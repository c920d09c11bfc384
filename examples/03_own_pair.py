"""What if no family fits?  Run: python examples/03_own_pair.py [--smoke]

You write a model and a guide. Here each digit has a shape z and an amount of ink w, a scalar that
raises or lowers all its pixels; pixels are a plate inside the plate of data. There is no base
class and no registration: every objective and every measurement takes such a pair.
"""

import argparse
from dataclasses import replace

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from pyrovae import data, elbo_parts, fit, kl_routes, log_evidence
from pyrovae.objectives import ELBO, IWAE, Beta, Renyi

LATENT, HIDDEN, PIXELS = 8, 200, 784


class InkedDigits:
    def __init__(self):
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS)
        )
        self.encoder = nn.Sequential(
            nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENT + 2)
        )

    def model(self, x):  # x: [B, 784]
        pyro.module("decoder", self.decoder)
        spread = pyro.param("spread", torch.tensor(0.5), constraint=dist.constraints.positive)
        with pyro.plate("data", x.shape[0], dim=-1):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            ink = pyro.sample("ink", dist.Normal(x.new_zeros(()), spread))
            logits = self.decoder(z).movedim(-1, -2)  # [..., B, 784] -> [..., 784, B]
            # With K particles z is [K, 1, B, L]: the inner plate has an axis of its own.
            logits = logits.squeeze(-3) if logits.dim() > 3 else logits
            with pyro.plate("pixels", PIXELS, dim=-2):
                pyro.sample("x", dist.Bernoulli(logits=logits + ink), obs=x.T)

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        loc, log_scale, ink = self.encoder(x).split([LATENT, LATENT, 2], -1)
        with pyro.plate("data", x.shape[0], dim=-1):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))
            pyro.sample("ink", dist.Normal(ink[:, 0], ink[:, 1].exp()))


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    pyro.set_rng_seed(0)
    digits = data.mnist_sample(binarize="dynamic")
    train, test = (
        replace(digits.train, x=digits.train.x.flatten(1)),
        digits.test.x.flatten(1)[:300],
    )
    pair = InkedDigits()
    print("closed-form KL:", kl_routes(pair.model, pair.guide, test[:2]))
    run = fit(
        pair.model,
        pair.guide,
        train,
        objective=IWAE(num_particles=3),
        epochs=1 if smoke else 40,
        lr=3e-3,
        device="cpu",
        progress=not smoke,
    )
    print(f"trained {run.steps} steps in {run.seconds:.1f} s")
    for objective in (ELBO(), ELBO(8, closed_form_kl=True), IWAE(50), Renyi(0.5, 50), Beta(2.0)):
        bound = objective.per_datum(pair.model, pair.guide, test).mean()
        print(f"{objective!r:<36} {bound:9.2f} nats per digit")
    print(elbo_parts(pair.model, pair.guide, test, seed=0))
    found = log_evidence(pair.model, pair.guide, test, num_particles=10 if smoke else 500)
    print(f"spread of ink {pyro.param('spread').item():.2f}, test NLL {-found.mean():.2f} nats")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
