"""The same program, captured and compiled.  Run: python examples/08_compiled.py [--smoke]

A pair written in Pyro is trained twice, from the same weights and with the same noise: eagerly,
and with `compile=True`, which traces the whole step (Pyro's handlers, backward pass, Adam) once
into one graph of tensors. Prints both losses and the time of a step.
"""

import argparse
from time import perf_counter

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from pyrovae import SVI, data
from pyrovae.objectives import IWAE

LATENT = 8


def make_pair():
    """A model and a guide, as a user writes them."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2 * LATENT))
    decoder = nn.Sequential(nn.Linear(LATENT, 64), nn.Tanh(), nn.Linear(64, 64))

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Binomial(16, logits=decoder(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        loc, log_scale = encoder(x / 16).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


def train(batches, compile):
    """Losses per datum of every step, and milliseconds of one, the first few left out."""
    pyro.clear_param_store()
    model, guide = make_pair()
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-3}), IWAE(num_particles=5), compile=compile)
    pyro.set_rng_seed(1)
    losses = []
    for step, (x,) in enumerate(batches):
        if step == 5:  # tracing, compiling and comparing are done: from here on the graph runs
            started = perf_counter()
        losses.append(svi.step(x) / len(x))
    return losses, (perf_counter() - started) / (len(batches) - 5) * 1e3


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits().train.x.flatten(1)
    source = data.batches(digits, 64, seed=0, device="cpu")
    epochs = 3 if smoke else 60
    batches = [
        batch for epoch in range(epochs) for batch in source.epoch(epoch) if len(batch[0]) == 64
    ]
    eager, slow = train(batches, compile=False)
    compiled, fast = train(batches, compile=True)
    apart = max(abs(a - b) / a for a, b in zip(eager, compiled, strict=True))
    print(f"last losses    {eager[-1]:.3f} eager, {compiled[-1]:.3f} compiled nats per datum")
    print(f"furthest apart {apart:.1e}, relative, in {len(eager)} steps")
    print(
        f"a step takes   {slow:.2f} ms eager, {fast:.2f} ms compiled: {slow / fast:.1f} times less"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true", help="short, to see that it works")
    main(parser.parse_args().smoke)
