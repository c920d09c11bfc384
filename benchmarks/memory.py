"""What memory do K particles take?  Run: python benchmarks/memory.py [--device cuda]

Peak memory and time of one training step (forward and backward) of the one-layer net of the IWAE
paper, all particles at once and in chunks. First losses and gradients are compared under equal
noise, then the peaks. The same for `log_evidence`, whose chunks follow from a memory budget. Live
tensors are counted; on a CPU the process may hold more, which glibc does not return.
"""

import argparse
from time import perf_counter

import pyro
import torch
from evidence import one_layer_net
from timing import synchronise, where

from pyrovae import log_evidence, trainable
from pyrovae.evaluate.comparison.cost import peak_bytes
from pyrovae.objectives import IWAE, DReG


def gradient(objective, vae, x):
    """Loss, and the gradient in all leaves."""
    pyro.set_rng_seed(0)
    leaves = list(trainable(vae.model, vae.guide, x).values())
    loss = objective.differentiable_loss(vae.model, vae.guide, x)
    return loss.detach(), torch.cat([g.flatten() for g in torch.autograd.grad(loss, leaves)])


def prove_equal(make, vae, x):
    """One after the other on the CPU, particles draw the same noise alone and in chunks of one."""
    plain = make(4, vectorize_particles=False)
    (loss, one), (chunked, other) = (gradient(o, vae, x) for o in (plain, plain.in_chunks(1)))
    apart = float((one - other).norm() / one.norm())
    print(f"{plain!r}: losses {float(loss):.4f} and {float(chunked):.4f},")
    print(f"gradients differ by {apart:.1e}, relative")
    assert apart < 1e-5, "the two do not compute the same thing"


def row(name, step, device):
    step()  # allocate what is kept: the nesting of the plates, a library's workspace
    peak = peak_bytes(step, device)
    synchronise(device)
    started = perf_counter()
    step()
    synchronise(device)
    ms = 1e3 * (perf_counter() - started)
    print(f"{name:<46}{peak / 1e6:10.1f} MB{ms:10.0f} ms", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--chunk", type=int, default=10)
    parser.add_argument("--data", type=int, default=16, help="for log_evidence")
    words = parser.parse_args()
    vae, x = one_layer_net(words.device, max(words.batch, words.data))
    print(where(words.device))
    batch = x[: words.batch]
    for make in (IWAE, DReG):
        prove_equal(make, vae, batch[:2])
        for k in (50, 100, 500):
            plain = make(num_particles=k)
            for objective in (plain, plain.in_chunks(words.chunk)):
                row(f"{objective!r}", lambda o=objective: gradient(o, vae, batch), words.device)
    for k in (500, 5000):
        row(
            f"log_evidence, K = {k}, {words.data} data",
            lambda k=k: log_evidence(vae.model, vae.guide, x[: words.data], num_particles=k),
            words.device,
        )
