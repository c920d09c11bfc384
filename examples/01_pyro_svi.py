"""What does a VAE look like as a plain Pyro script?  Run: python examples/01_pyro_svi.py [--smoke]

It uses Pyro and torch only, apart from the data and the last line. It trains with Trace_ELBO, then
with RenyiELBO, whose bound with alpha = 0 is the importance-weighted one.
"""

import argparse

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import SVI, RenyiELBO, Trace_ELBO
from torch import nn

from pyrovae import data, log_evidence

LATENT, HIDDEN, PIXELS = 10, 200, 784


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(PIXELS, HIDDEN)
        self.loc = nn.Linear(HIDDEN, LATENT)
        self.log_scale = nn.Linear(HIDDEN, LATENT)

    def forward(self, x):
        hidden = torch.relu(self.hidden(x))
        return self.loc(hidden), self.log_scale(hidden).exp()


def make_pair():
    encoder = Encoder()
    decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS))

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", x.shape[0]):
            pyro.sample("z", dist.Normal(*encoder(x)).to_event(1))

    return model, guide


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.mnist_sample(binarize="dynamic")  # train.x: how probable ink is in each pixel
    train, test = digits.train.x.flatten(1), digits.test.x.flatten(1)
    epochs = 1 if smoke else 40
    for loss in (
        Trace_ELBO(),
        RenyiELBO(alpha=0, num_particles=5, vectorize_particles=True, max_plate_nesting=1),
    ):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        model, guide = make_pair()
        svi = SVI(model, guide, pyro.optim.Adam({"lr": 3e-3}), loss)
        for epoch in range(1, epochs + 1):
            order = torch.randperm(len(train))
            total = sum(svi.step(x.bernoulli()) for x in train[order].split(100))
            if epoch % 10 == 0 or epoch == epochs:
                print(f"{type(loss).__name__:<11} epoch {epoch:3d}  {-total / len(train):8.2f}")
        # Bounds of different estimators do not compare, so one evaluator measures all.
        found = log_evidence(model, guide, test, num_particles=10 if smoke else 500, seed=0)
        nll, error = -found.mean(), found.mean_standard_error()
        print(f"{type(loss).__name__:<11} test NLL {nll:.2f} +- {error:.2f} nats\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
