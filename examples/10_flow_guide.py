"""How does one write a flow guide?  Run: python examples/10_flow_guide.py [--smoke]

Model and guide are plain Pyro functions. The encoder outputs a diagonal normal and a context;
layers of `pyrovae.nn.flows`, whose networks see the context, transform the normal. Prints the NLL
of each pair, by one evaluator, and the gap to its bound, which is smaller with the flow.
"""

import argparse
from functools import partial

import pyro
import pyro.distributions as dist
from torch import nn

from pyrovae import data, fit, log_evidence
from pyrovae.nn.flows import AffineCoupling, Permutation, stacked
from pyrovae.objectives import ELBO

LATENT, CONTEXT, HIDDEN, PIXELS, LEVELS = 6, 32, 128, 64, 16


def make_pair(with_flow):
    encoder = nn.Sequential(
        nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENT + CONTEXT)
    )
    decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS))
    coupling = partial(AffineCoupling, hidden=(64,))
    flow = stacked(coupling, 4, partial(Permutation, order="reversed"))(LATENT, CONTEXT)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Binomial(LEVELS, logits=decoder(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        loc, log_scale, context = encoder(x / LEVELS).split([LATENT, LATENT, CONTEXT], -1)
        q = dist.Normal(loc, log_scale.exp()).to_event(1)
        if with_flow:
            pyro.module("flow", flow)
            q = dist.TransformedDistribution(q, [flow.condition(context)])
        with pyro.plate("data", len(x)):
            pyro.sample("z", q)

    return model, guide


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits()
    train, val, test = (split.x.flatten(1) for split in (digits.train, digits.val, digits.test))
    for name, with_flow in (("diagonal", False), ("flow", True)):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        model, guide = make_pair(with_flow)
        run = fit(
            model,
            guide,
            train,
            val=val,
            objective=ELBO(),
            epochs=2 if smoke else 150,
            lr=2e-3,
            device="cpu",
            compile="auto",
            progress=not smoke,
        )
        run.load_best()
        found = log_evidence(model, guide, test, num_particles=100 if smoke else 1000, seed=0)
        bound = ELBO(20).per_datum(model, guide, test).mean()
        nll, error = -found.mean(), found.mean_standard_error()
        print(f"{name:<9} test NLL {nll:.2f} +- {error:.2f} nats, gap {-bound - nll:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
