"""What does each estimator's step cost relative to IWAE?  Run: python benchmarks/estimators.py

The one-layer net of the IWAE paper at equal numbers of particles. First the loss of each, at one
seed, is compared with its bound; then the time of a gradient is measured, then its memory.
"""

import argparse
from functools import partial
from statistics import median

import pyro
import torch
from timing import interleaved_ms, table, where
from torch import nn

from pyrovae import trainable
from pyrovae.evaluate.comparison.cost import peak_bytes
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.objectives import (
    CIWAE,
    CUBO,
    ELBO,
    EUBO,
    IWAE,
    JVI,
    MIWAE,
    PIWAE,
    REINFORCE,
    RWS,
    STL,
    TVO,
    VIMCO,
    DReG,
    DReGCIWAE,
    DReGMIWAE,
    DReGPIWAE,
    Renyi,
    VRMax,
)


def estimators(k):
    """Of k particles each; groups of as many as divide k."""
    groups = next(m for m in range(2, k + 1) if k % m == 0)
    return [
        IWAE(k),
        ELBO(k),
        Renyi(0.5, k),
        VRMax(k),
        CIWAE(0.5, k),
        MIWAE(groups, k // groups),
        PIWAE(groups, k // groups),
        STL(k),
        DReG(k),
        DReG(k, 0.5),
        DReGCIWAE(0.5, k),
        DReGMIWAE(groups, k // groups),
        DReGPIWAE(groups, k // groups),
        VIMCO(k),
        REINFORCE(k),
        RWS(k),
        TVO(k),
        JVI(k),
        CUBO(k),
        EUBO(k),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--num-particles", type=int, default=5)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=200)
    words = parser.parse_args()
    pyro.set_rng_seed(0)
    network = partial(MLP, hidden=(200, 200), activation=nn.Tanh)
    vae = VAE((784,), 50, encoder=network, decoder=network).to(words.device)
    x = torch.bernoulli(torch.full((words.batch, 784), 0.3, device=words.device))
    call = (vae.model, vae.guide, x)
    leaves = list(trainable(*call).values())

    def step(objective):
        for leaf in leaves:
            leaf.grad = None
        return objective.loss_and_grads(*call)

    steps = {repr(o): partial(step, o) for o in estimators(words.num_particles)}
    for objective in estimators(words.num_particles):
        pyro.set_rng_seed(1)
        expected = objective.loss(*call)
        pyro.set_rng_seed(1)
        torch.testing.assert_close(steps[repr(objective)](), expected, rtol=1e-5, atol=0)
    print(where(words.device))
    print(f"784-200-200-50, batch {words.batch}, K = {words.num_particles}; ms per gradient")
    times = interleaved_ms(steps, device=words.device, repeats=words.repeats)
    print(table(times))
    first = median(times[next(iter(times))])
    slowest = max(median(values) for values in times.values()) / first
    print(f"slowest: {slowest:.2f} times IWAE")

    print("\npeak memory of a step in MB, by K; linear where the last column is about 1")
    ks = [k * words.num_particles for k in (1, 2, 4)]
    rows = {}
    for k in ks:
        for objective in estimators(k):
            step(objective)  # the first step finds the plates
            found = peak_bytes(partial(step, objective), words.device) / 1e6
            rows.setdefault(type(objective).__name__, {})[k] = found
    print(f"{'':<12}" + "".join(f"{k:>8d}" for k in ks))
    for name, found in rows.items():
        growth = (found[ks[2]] - found[ks[1]]) / (2 * (found[ks[1]] - found[ks[0]]))
        print(f"{name:<12}" + "".join(f"{found[k]:8.1f}" for k in ks) + f"{growth:8.2f}")
