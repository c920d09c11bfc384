"""Which VAE makes large digits of small ones?  Run: python benchmarks/super_resolution.py RUN

MNIST digits of 28 x 28, binarised, seen as 14 x 14 averages with noise. The trained run RUN, an
unconditional VAE, restores them by `super_resolve`, which needs no training for it. A conditional
VAE p(x|y) is trained for this task alone. PSNR and SSIM (scikit-image) are of the mean of p(x|y)
against x; log p(x|y) is in nats per digit, by annealing and importance sampling (see
`Completion.log_hidden` for their bias) and by `log_evidence`. Pixels repeated, and cubic splines,
are what costs nothing.

    python benchmarks/super_resolution.py RUN --data-root DIR --digits 50 --epochs 3
"""

import argparse
import time

import pyro
import torch
from scipy.ndimage import zoom
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from timing import where

import pyrovae
from pyrovae import data, fit, log_evidence
from pyrovae.apply import super_resolve
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.train.optim import schedules

NOISE = 0.05


def net(in_shape, out_shape):
    return MLP(in_shape, out_shape, hidden=(200, 200))


def small(x, seed):
    noise = torch.randn(len(x), 1, 14, 14, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.avg_pool2d(x, 2) + NOISE * noise


def likeness(made, x):
    pairs = list(zip(x.squeeze(1).numpy(), made.squeeze(1).numpy(), strict=True))
    ssim = sum(structural_similarity(a, b, data_range=1) for a, b in pairs) / len(pairs)
    return peak_signal_noise_ratio(x.numpy(), made.numpy(), data_range=1), ssim


def row(name, made, x, seconds, **held):
    psnr, ssim = likeness(made, x)
    found = "  ".join(f"{key} {value:.2f}" for key, value in held.items())
    print(f"{name:<24} {psnr:6.2f} {ssim:6.3f} {seconds:8.1f}   {found}", flush=True)


def main(options):
    torch.set_num_threads(1)
    mnist = data.mnist(options.data_root, binarize="dynamic")
    x = mnist.test.binarized(0).x[: options.digits]
    y = small(x, 2)
    print(f"{where(torch.device('cpu'))}; {len(x)} digits")
    print("                           PSNR   SSIM  seconds   log p(x|y), nats")
    row("pixels repeated", y.repeat_interleave(2, -1).repeat_interleave(2, -2), x, 0)
    row("cubic splines", torch.tensor(zoom(y.numpy(), (1, 1, 2, 2), grid_mode=True,
                                           mode="nearest")), x, 0)  # fmt: skip
    vae = pyrovae.load(options.run)
    for method in options.methods:
        start = time.perf_counter()
        found = super_resolve(vae, x, noise=NOISE, method=method, seed=0, num_completions=5,
                              num_steps=options.steps)  # fmt: skip
        held = {n: h["mean"] for n, h in found.numbers()["log_hidden"].items()}
        row(f"VAE, {found.method}", found.mean, x, time.perf_counter() - start, **held)

    pyro.set_rng_seed(0)
    pair = ConditionalVAE((1, 28, 28), 50, condition_shape=(1, 14, 14), encoder=net, decoder=net,
                          prior_network=net)  # fmt: skip
    start = time.perf_counter()
    train = mnist.train.binarized(0).x
    fit(pair.model, pair.guide, (train, small(train, 1)), objective=ELBO(), device="cpu", seed=0,
        epochs=options.epochs, lr=2e-3, schedule=schedules.cosine(), progress=False)  # fmt: skip
    seconds = time.perf_counter() - start
    mean = torch.stack([pair.generate(y) for _ in range(200)]).mean(0)
    evidence = log_evidence(pair, x, y, num_particles=1000, seed=0).mean()
    row(f"conditional, {options.epochs} epochs", mean, x, seconds, importance=evidence)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="a folder that `pyrovae fit` wrote, of binarised MNIST")
    parser.add_argument("--data-root", default=None)
    parser.add_argument("--digits", type=int, default=500)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--methods", nargs="+", default=["hmc", "metropolis-gibbs", "importance"])
    main(parser.parse_args())
