"""What does a training step cost under each SVI?  Run: python benchmarks/svi_step.py [--device D]

Both sides take the same steps from the same weights first, and their losses are compared; then
the steps are timed in turn. All steps are eager.
"""

import argparse

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import RenyiELBO, Trace_ELBO
from timing import interleaved_ms, table, where
from torch import nn

import pyrovae
from pyrovae.objectives import ELBO, IWAE


def make_pair(pixels, hidden, latent, device):
    torch.manual_seed(0)
    encoder = nn.Sequential(
        nn.Linear(pixels, hidden), nn.Tanh(), nn.Linear(hidden, 2 * latent)
    ).to(device)
    decoder = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, pixels)).to(
        device
    )

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", dist.Normal(x.new_zeros(latent), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", x.shape[0]):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


def trainer(svi_class, loss, shape, device):
    pyro.clear_param_store()
    adam = pyro.optim.Adam({"lr": 1e-3})
    return svi_class(*make_pair(*shape, device), adam, loss)


def compare(title, shape, batch, pyros, ours, device):
    x = torch.bernoulli(torch.full((batch, shape[0]), 0.3, device=device))
    sides = {
        "pyro.infer.SVI": (pyro.infer.SVI, pyros),
        "pyrovae.SVI, same loss": (pyrovae.SVI, pyros),
        f"pyrovae.SVI, {ours!r}": (pyrovae.SVI, ours),
    }
    losses = {}
    for name, (svi_class, loss) in sides.items():
        svi = trainer(svi_class, loss, shape, device)
        pyro.set_rng_seed(1)
        losses[name] = [svi.step(x) for _ in range(5)]
    first = torch.tensor(losses["pyro.infer.SVI"])
    for values in losses.values():
        torch.testing.assert_close(torch.tensor(values), first, rtol=1e-5, atol=0)
    # Parameters of one name: each trainer's own network, whatever the store holds.
    steps = {}
    for name, (svi_class, loss) in sides.items():
        svi = trainer(svi_class, loss, shape, device)
        steps[name] = lambda svi=svi: svi.step(x)
    print(f"\n{title}: equal losses over 5 steps; ms per step")
    print(table(interleaved_ms(steps, device=device)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    print(where(device))
    renyi = RenyiELBO(alpha=0, num_particles=5, vectorize_particles=True, max_plate_nesting=1)
    compare("64-64-8, batch 64, K = 1", (64, 64, 8), 64, Trace_ELBO(), ELBO(), device)
    compare("784-400-20, batch 128, K = 1", (784, 400, 20), 128, Trace_ELBO(), ELBO(), device)
    compare("784-200-50, batch 100, K = 5", (784, 200, 50), 100, renyi, IWAE(5), device)
