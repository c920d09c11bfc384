"""Which digit is hardest to find by a VAE that never saw it?  Run: python benchmarks/anomalies.py

For each digit a VAE is trained on binarised MNIST without it, with a background model for the
likelihood ratio. The test digits of the class it never saw are the anomalies, all others are
normal. AUROC by score, with DeLong's standard error. `--num-train` and `--epochs` say how long it
is trained.

    PYROVAE_DATA=DIR python benchmarks/anomalies.py --out benchmarks/results/anomalies.txt
"""

import argparse
from functools import partial

import pyro
import torch
from timing import Report, where

from pyrovae import data, fit
from pyrovae.apply import (
    ELBOScore,
    InputComplexity,
    KLScore,
    LatentDensity,
    LikelihoodRatio,
    ReconstructionScore,
    Typicality,
    detect_anomalies,
    fit_background,
)
from pyrovae.models import VAE
from pyrovae.nn import MLP


def pair(options):
    net = partial(MLP, hidden=(options.hidden, options.hidden))
    return VAE((1, 28, 28), options.latents, encoder=net, decoder=net)


def measured(mnist, digit, options):
    """What scores find of one digit."""
    train = mnist.train[mnist.train.y != digit].subset(options.num_train)
    settings = {"epochs": options.epochs, "batch_size": 200, "lr": 1e-3, "seed": 0,
                "progress": False, "device": options.device}  # fmt: skip
    pyro.set_rng_seed(0)
    vae, background = pair(options), pair(options)
    fit(vae, train, **settings)
    fit_background(background, train, rate=options.rate, **settings)
    k = options.particles
    elbo = ELBOScore(k)
    scores = [
        elbo,
        ReconstructionScore(num_particles=k),
        KLScore(k),
        LatentDensity(),
        Typicality(elbo),
        LikelihoodRatio(background, elbo),
        InputComplexity(elbo),
    ]
    test = mnist.test.subset(options.num_test)
    return detect_anomalies(vae, test, held_out_class=digit, val=mnist.val.subset(1000),
                            scores=[], others=scores, seed=0)  # fmt: skip


def main(options):
    torch.set_num_threads(options.threads)
    mnist = data.mnist(options.data_root, binarize="dynamic")
    report = Report(options.out, "anomalies.txt")
    settings = {k: v for k, v in vars(options).items() if k not in ("data_root", "out", "device")}
    report(f"{where(options.device)}; {settings}")
    head = False
    for digit in options.digits:
        found = measured(mnist, digit, options).discrimination
        if not head:
            report("digit  " + "  ".join(f"{name:>14}" for name in found))
            head = True
        report(f"{digit:>5}  " + "  ".join(
            f"{d.auroc:6.3f} +- {d.auroc_error:.3f}" for d in found.values()))  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root")
    parser.add_argument("--digits", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--num-train", type=int, default=60_000)
    parser.add_argument("--num-test", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--latents", type=int, default=20)
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--particles", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out")
    main(parser.parse_args())
