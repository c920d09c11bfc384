"""How to train latents without a gradient?  Run: python examples/07_discrete_latents.py [--smoke]

A digit is coded in eight bits. No gradient passes through a bit, so the guide learns by the score
function, and estimators differ in their noise. First their gradients are compared with the exact
one of a small pair; then the NLL after equal training, by one evaluator.
"""

import argparse

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from pyrovae import data, fit, log_evidence
from pyrovae.objectives import ELBO, IWAE, REINFORCE, RWS, VIMCO

BITS, HIDDEN, PIXELS, LEVELS = 8, 64, 64, 16


def make_pair():
    encoder = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, BITS))
    decoder = nn.Sequential(nn.Linear(BITS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS))

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", x.shape[0]):
            bits = pyro.sample("bits", dist.Bernoulli(x.new_full((BITS,), 0.5)).to_event(1))
            pyro.sample("x", dist.Binomial(LEVELS, logits=decoder(bits)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", x.shape[0]):
            pyro.sample("bits", dist.Bernoulli(logits=encoder(x / LEVELS)).to_event(1))

    return model, guide


def exact_gradient(smoke):
    """Against enumeration: a pair with three bits, whose bounds and gradients are finite sums."""
    oracle = data.DiscreteLatent.random(data_dim=4, latent_dim=3, seed=0)
    x, k = oracle.sample(1, seed=1), 3
    logits = oracle.encoder.loc  # the guide's logits
    for name, bound, objectives in (
        ("ELBO", oracle.elbo(x), (REINFORCE(k, baseline="none"), ELBO(k))),
        ("IWAE bound", oracle.iwae(x, k), (IWAE(k), VIMCO(k))),
    ):
        (exact,) = torch.autograd.grad(bound.sum(), logits)
        print(f"gradient of the {name} in the first bit, K = {k}: exactly {exact[0]:.4f}")
        for objective in objectives:
            draws = []
            for _ in range(50 if smoke else 4000):
                loss = objective.differentiable_loss(oracle.model, oracle.guide, x)
                draws.append(-torch.autograd.grad(loss, logits)[0][0])
            draws = torch.stack(draws)
            error = draws.std() / len(draws) ** 0.5
            print(f"  {type(objective).__name__:<10} mean {draws.mean():7.4f} +- {error:.4f}, "
                  f"variance of one draw {draws.var():7.4f}")  # fmt: skip


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    pyro.set_rng_seed(0)
    exact_gradient(smoke)
    digits = data.digits()
    train, val, test = (s.x.flatten(1) for s in (digits.train, digits.val, digits.test))
    for objective in (REINFORCE(), ELBO(5), VIMCO(5), RWS(5)):
        pyro.set_rng_seed(0)
        model, guide = make_pair()
        epochs = 2 if smoke else 100
        fit(model, guide, train, val=val, objective=objective, epochs=epochs, lr=2e-3,
            progress=not smoke)  # fmt: skip
        found = log_evidence(model, guide, test, num_particles=100 if smoke else 1000, seed=0)
        print(f"{objective!r:<52} test NLL {-found.mean():.2f} +- "
              f"{found.mean_standard_error():.2f} nats")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
