"""What does log p(x) cost?  Run: python benchmarks/evidence.py [--device cuda]

`log_evidence` against the loop that one would write by hand for this very model, on the one-layer
net of the IWAE paper with random weights: first both estimates, then the time per datum.
"""

import argparse
import math
from functools import partial
from statistics import median

import pyro
import torch
from timing import interleaved_ms, where
from torch import nn

from pyrovae import log_evidence
from pyrovae.models import VAE
from pyrovae.nn import MLP


def one_layer_net(device, num_data):
    """The net with random weights, and binary data."""
    pyro.set_rng_seed(0)
    network = partial(MLP, hidden=(200, 200), activation=nn.Tanh)
    vae = VAE((784,), 50, encoder=network, decoder=network).to(device)
    return vae, torch.bernoulli(torch.full((num_data, 784), 0.3, device=device))


@torch.no_grad()
def by_hand(vae, x, num_particles, chunk=128):
    """Importance sampling with Bernoulli and normal densities written out. [N] -> [N]"""
    found = []
    for row in x:
        q = vae.encode(row[None]).base_dist
        log_w = []
        for start in range(0, num_particles, chunk):
            size = min(chunk, num_particles - start)
            noise = torch.randn(size, q.loc.shape[-1], device=x.device)
            z = q.loc + q.scale * noise
            logits = vae.decoder(z).reshape(size, -1)
            log_lik = -nn.functional.binary_cross_entropy_with_logits(
                logits, row.flatten().expand_as(logits), reduction="none"
            ).sum(-1)
            log_ratio = (0.5 * noise**2 + q.scale.log() - 0.5 * z**2).sum(-1)
            log_w.append(log_lik + log_ratio)
        found.append(torch.cat(log_w).logsumexp(0) - math.log(num_particles))
    return torch.stack(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--num-particles", type=int, default=5000)
    parser.add_argument("--data", type=int, default=32)
    words = parser.parse_args()
    vae, x = one_layer_net(words.device, words.data)
    k = words.num_particles

    ours = log_evidence(vae.model, vae.guide, x, num_particles=k, seed=1)
    theirs = by_hand(vae, x, k).cpu().double()
    z = (ours.log_px - theirs) / (math.sqrt(2) * ours.standard_error)
    print(where(words.device))
    print(
        f"log p(x) {ours.mean():.4f} and by hand {theirs.mean():.4f}; worst z {z.abs().max():.2f}"
    )
    assert z.abs().max() < 5, "the two do not compute the same thing"

    times = interleaved_ms(
        {
            "log_evidence": lambda: log_evidence(vae.model, vae.guide, x, num_particles=k),
            "by hand": lambda: by_hand(vae, x, k),
        },
        device=words.device,
        warmup=1,
        repeats=5,
    )
    for name, values in times.items():
        print(f"{name:<14}{median(values) / words.data:8.2f} ms per datum, K = {k}")
