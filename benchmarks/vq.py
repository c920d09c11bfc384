"""What do codes cost on 8-bit MNIST?  Run: python benchmarks/vq.py --help

Grey levels 0..255 under a discretised logistic, images as grids of 7 x 7 codes. A VQ-VAE is
trained for each quantiser from the same seed, by the ELBO under a uniform prior; then an
autoregressive prior is learned on its codes. Bits/dim are true bounds on test images, -log2 p(x|c)
- log2 p(c) over 784 dimensions at the code c of x. "used" counts the codes that occur in test
images. The row "relaxed" is the Gumbel-softmax family, measured as a discrete model, with one
particle. It takes about eight minutes on one core:

    python benchmarks/vq.py --data-root DIR
    python benchmarks/vq.py --data-root DIR --rows averages scalars --train 50000 --epochs 20
"""

import argparse
from functools import partial
from time import perf_counter

import pyro
import torch
from timing import Report, where

from pyrovae import data, fit, log_evidence
from pyrovae.math import nats_to_bits_per_dim
from pyrovae.models import VQVAE, AutoregressiveCodes, GumbelSoftmaxVAE
from pyrovae.nn import DiscretizedLogistic, GridDecoder, GridEncoder
from pyrovae.nn.quantizers import (
    FiniteScalar,
    LearnedCodebook,
    MovingAverageCodebook,
    perplexity,
    usage,
)
from pyrovae.objectives import ELBO
from pyrovae.train import Anneal
from pyrovae.train.optim import schedules

GRID = (7, 7)
ROWS = {
    "learned": lambda: LearnedCodebook(256, 32, decay=0.97),
    "averages": lambda: MovingAverageCodebook(256, 32, decay=0.97),
    "scalars": lambda: FiniteScalar([8, 6, 5]),  # 240 codes
    "relaxed": None,
}


def family(quantizer, channels):
    parts = {
        "encoder": partial(GridEncoder, channels=channels),
        "decoder": partial(GridDecoder, channels=channels),
        "likelihood": DiscretizedLogistic(),
    }
    if quantizer is None:
        return GumbelSoftmaxVAE((1, 28, 28), GRID, num_codes=256, **parts)
    return VQVAE((1, 28, 28), GRID, quantizer=quantizer(), **parts)


def train(pair, x, epochs, options, callbacks=()):
    """Seconds of training."""
    started = perf_counter()
    fit(
        pair.model, pair.guide, x, objective=ELBO(), epochs=epochs, lr=options.lr,
        schedule=schedules.cosine(), clip_norm=options.clip_norm, seed=options.seed,
        compile=options.compile, device=options.device, callbacks=callbacks, progress=False,
    )  # fmt: skip
    return perf_counter() - started


def bits(pair, x):
    found = log_evidence(pair.model, pair.guide, x, num_particles=1, chunk=500, seed=0)
    return float(nats_to_bits_per_dim(-found.log_px.mean(), x[0].numel()))


def codes_of(pair, x):
    return torch.cat([pair.encode(part) for part in x.split(500)])


def measured(name, mnist, options, say):
    pyro.clear_param_store()
    pyro.set_rng_seed(options.seed)
    x = mnist.train.x[: options.train].to(options.device)
    test = mnist.test.x[: options.test].to(options.device)
    pair = family(ROWS[name], options.channels).to(options.device)
    callbacks = []
    if isinstance(pair, GumbelSoftmaxVAE):
        callbacks = [Anneal(pair.temperature, 1.0, 0.5, fraction=0.5)]
    seconds = train(pair, x, options.epochs, options, callbacks)
    pair.eval()
    codes, uniform = codes_of(pair, test), bits(pair, test)
    shares = usage(codes, pair.num_codes)
    used = f"{int((shares > 0).sum())} of {pair.num_codes}"
    learned, prior_seconds = float("nan"), 0.0
    if isinstance(pair, VQVAE):
        prior = AutoregressiveCodes(GRID, pair.num_codes, width=64).to(options.device)
        prior_seconds = train(prior, codes_of(pair, x), options.prior_epochs, options)
        pair.prior = prior
        learned = bits(pair, test)
    say(f"{name:10s}{used:>12s}{float(perplexity(shares)):12.1f}{uniform:10.4f}{learned:10.4f}"
        f"{seconds:10.0f}{prior_seconds:9.0f}")  # fmt: skip


def main(options):
    say = Report(options.out, "vq.txt")
    say(where(torch.device(options.device)))
    mnist = data.mnist(options.data_root)
    say(
        f"8-bit MNIST, {options.train} images, {options.epochs} epochs of batch 100 (prior "
        f"{options.prior_epochs}), {options.channels} channels, lr {options.lr} with cosine, "
        f"gradient norm at most {options.clip_norm}, seed {options.seed}; "
        f"{options.test} test images; bits/dim\n"
    )
    say(f"{'':10s}{'used':>12s}{'perplexity':>12s}{'uniform':>10s}{'learned':>10s}"
        f"{'seconds':>10s}{'prior':>9s}")  # fmt: skip
    for name in options.rows:
        measured(name, mnist, options, say)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rows", nargs="+", choices=ROWS, default=["learned", "averages", "scalars"])
    add("--train", type=int, default=10_000, help="training images")
    add("--test", type=int, default=2000, help="test images")
    add("--epochs", type=int, default=5)
    add("--prior-epochs", type=int, default=3)
    add("--channels", type=int, default=32)
    add("--lr", type=float, default=1e-3)
    add("--clip-norm", type=float, default=1e4)
    add("--seed", type=int, default=0)
    add("--compile", action="store_true")
    add("--data-root", help="folder of the data; else $PYROVAE_DATA")
    add("--device", default="cpu")
    add("--out", help="by default benchmarks/results/vq.txt")
    main(parser.parse_args())
