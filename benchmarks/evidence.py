"""What does log p(x) cost?  Run: python benchmarks/evidence.py [--device cuda] [--num-particles K]

`log_evidence`, eager and compiled, is compared with a loop written by hand for this model, and
with its matrix products alone, by torch's `mm` and by oneDNN, on the one-layer net of the IWAE
paper with random weights. It is also compiled with the elementwise functions that inductor takes
by itself, and with `mm` in place of oneDNN. Pythae's `get_nll` is in `pythae_step.py`. First all
estimates are compared. Then the time per further datum is measured, so that costs paid once
(compiling) do not enter; these are printed too.
"""

import argparse
import math
import sys
from functools import partial
from statistics import median, quantiles
from time import perf_counter
from unittest import mock

import pyro
import torch
from timing import Report, interleaved_ms, where
from torch import nn

from pyrovae import log_evidence
from pyrovae.capture import inductor
from pyrovae.capture.onednn import linear
from pyrovae.models import VAE
from pyrovae.nn import MLP

collect = sys.modules["pyrovae.evaluate.collect"]
ROWS = 16  # data per block, on all sides; the particles of a draw fit in 64 MB
PARTICLES = 125


def one_layer_net(device, num_data):
    """The net with random weights, and binary data."""
    pyro.set_rng_seed(0)
    network = partial(MLP, hidden=(200, 200), activation=nn.Tanh)
    vae = VAE((784,), 50, encoder=network, decoder=network).to(device)
    return vae, torch.bernoulli(torch.full((num_data, 784), 0.3, device=device))


@torch.no_grad()
def by_hand(vae, x, num_particles, rows=ROWS, chunk=PARTICLES):
    """Importance sampling with Bernoulli and normal densities written out. [N] -> [N]"""
    found = []
    for block in x.split(rows):
        log_w = []
        for start in range(0, num_particles, chunk):
            size = min(chunk, num_particles - start)
            q = vae.encode(block).base_dist
            noise = torch.randn(size, *q.loc.shape, device=x.device)
            z = q.loc + q.scale * noise
            logits = vae.decoder(z).reshape(size, *block.shape)
            log_lik = -nn.functional.binary_cross_entropy_with_logits(
                logits, block.expand_as(logits), reduction="none"
            ).sum(-1)
            log_ratio = (0.5 * noise**2 + q.scale.log() - 0.5 * z**2).sum(-1)
            log_w.append(log_lik + log_ratio)
        found.append(torch.cat(log_w).logsumexp(0) - math.log(num_particles))
    return torch.cat(found)


@torch.no_grad()
def products(vae, x, num_particles, by_onednn=False):
    """The matrix products of the decoder alone, in draws of the same size."""
    weights = [layer.weight for layer in vae.decoder.layers if isinstance(layer, nn.Linear)]
    size = min(num_particles, PARTICLES) * ROWS
    pairs = [(torch.randn(size, w.shape[1], device=x.device), w.t()) for w in weights]
    outs = [torch.empty(size, w.shape[0], device=x.device) for w in weights]
    for _ in range(math.ceil(len(x) / ROWS) * math.ceil(num_particles / PARTICLES)):
        for (one, other), out in zip(pairs, outs, strict=True):
            if by_onednn:
                linear(one, other.t(), None, "none")
            else:
                torch.mm(one, other, out=out)


def with_library_calls(measure, **words):
    """Compiled as inductor does it by itself."""
    with mock.patch.object(inductor, "with_fast_elementwise", lambda graph: graph):
        return measure(compile=True, **words)


def with_mm(measure, **words):
    """Compiled with the products that torch takes by itself."""
    with mock.patch.object(collect, "with_fused_products", lambda graph: graph):
        return measure(compile=True, **words)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--num-particles", type=int, default=5000)
    parser.add_argument("--data", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of torch, on a CPU")
    parser.add_argument("--row-by-row", action="store_true", help="time such a loop as well")
    parser.add_argument("--output", help="file; by default results/evidence_<device>.txt")
    words = parser.parse_args()
    if words.threads:
        torch.set_num_threads(words.threads)
    say = Report(words.output, f"evidence_{words.device}.txt")
    few = ROWS  # the cost of these data is subtracted
    vae, x = one_layer_net(words.device, few + words.data)
    k = words.num_particles

    ours = partial(
        log_evidence, vae.model, vae.guide, num_particles=k, rows=ROWS, chunk=ROWS * PARTICLES,
        compile=False, seed=1,
    )  # fmt: skip
    products(vae, x[:few], k)
    say(where(words.device))
    eager, started = ours(x[:few]), perf_counter()
    compiled = ours(x[:few], compile=True)
    first = perf_counter() - started
    library = with_library_calls(ours, x=x[:few])
    plain = with_mm(ours, x=x[:few])
    pyro.set_rng_seed(2)
    theirs = by_hand(vae, x[:few], k).cpu().double()
    z = (eager.log_px - theirs) / (math.sqrt(2) * eager.standard_error)
    apart = (compiled.log_px - eager.log_px).abs().max()
    say(
        f"log p(x) {eager.mean():.4f}, compiled {compiled.mean():.4f} (no datum differs by more "
        f"than {apart:.1e}; with library calls "
        f"{(library.log_px - eager.log_px).abs().max():.1e}; with mm "
        f"{(plain.log_px - eager.log_px).abs().max():.1e}, "
        f"where Monte Carlo errs by {eager.standard_error.median():.1e}), by hand "
        f"{theirs.mean():.4f} (worst z {z.abs().max():.2f})"
    )
    assert z.abs().max() < 5 and apart < 1e-2, "they do not compute the same thing"

    contenders = {
        "matrix products alone": partial(products, vae, num_particles=k),
        "  by oneDNN": partial(products, vae, num_particles=k, by_onednn=True),
        "log_evidence, compiled": partial(ours, compile=True),
        "  with library calls": partial(with_library_calls, ours),
        "  with torch's mm": partial(with_mm, ours),
        "log_evidence, eager": ours,
        "by hand": partial(by_hand, vae, num_particles=k),
    }
    if words.row_by_row:
        contenders["by hand, row by row"] = partial(by_hand, vae, num_particles=k, rows=1)
    times = interleaved_ms(
        {
            (name, size): partial(run, x=x[:size])
            for name, run in contenders.items()
            for size in (few, len(x))
        },
        device=words.device,
        warmup=0,  # all have run
        repeats=words.repeats,
    )
    say(f"K = {k}; the first compiled call took {first:.1f} s, for {few} data")
    say(f"{'':<26}ms per datum   25 %    75 %   of the products")
    limit = None
    for name in contenders:
        pairs = zip(times[name, few], times[name, len(x)], strict=True)
        each = [(whole - part) / words.data for part, whole in pairs]
        low, _, high = quantiles(each, n=4)
        limit = limit or median(each)
        say(f"{name:<26}{median(each):8.2f}   {low:8.2f}{high:8.2f}{median(each) / limit:10.2f}")
