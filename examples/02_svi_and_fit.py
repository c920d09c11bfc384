"""What changes with pyrovae?  Run: python examples/02_svi_and_fit.py [--smoke]

First the script of 01 with one import changed: `pyrovae.SVI` takes the same steps. Then the same
model in two lines, trained by `fit`, which adds validation, checkpoints and a history.
"""

import argparse
from functools import partial

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import Trace_ELBO
from torch import nn

from pyrovae import SVI, data, fit, log_evidence
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.objectives import IWAE

LATENT, HIDDEN, PIXELS = 10, 200, 784


def make_pair():
    encoder = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENT))
    decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS))

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", x.shape[0]):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


def losses_of(svi_class, train, epochs):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    svi = svi_class(*make_pair(), pyro.optim.Adam({"lr": 3e-3}), Trace_ELBO())
    found = []
    for _ in range(epochs):
        order = torch.randperm(len(train))
        found += [svi.step(x.bernoulli()) for x in train[order].split(100)]
    return found


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.mnist_sample(binarize="dynamic")
    train = digits.train.x.flatten(1)
    epochs = 1 if smoke else 5
    theirs, ours = (losses_of(svi_class, train, epochs) for svi_class in (pyro.infer.SVI, SVI))
    print(f"{len(ours)} steps, last loss {theirs[-1]:.4f} with pyro.infer.SVI,")
    print(f"{ours[-1]:.4f} with pyrovae.SVI; every loss equal: {theirs == ours}")

    network = partial(MLP, hidden=(HIDDEN,))
    vae = VAE((1, 28, 28), LATENT, encoder=network, decoder=network)
    run = fit(
        vae.model,
        vae.guide,
        digits,
        objective=IWAE(num_particles=5),
        epochs=1 if smoke else 40,
        lr=3e-3,
        schedule="cosine",
        progress=not smoke,
    )
    run.load_best()
    print(f"fit: {run.steps} steps in {run.seconds:.1f} s, best epoch {run.best['epoch']}")
    found = log_evidence(
        vae.model, vae.guide, digits.test, num_particles=10 if smoke else 500, seed=0
    )
    print(f"test NLL {-found.mean():.2f} +- {found.mean_standard_error():.2f} nats")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
