"""How much does K tighten the bound?  Run: python examples/04_how_k_tightens.py [--smoke]

First on a linear-Gaussian pair, where the exact IWAE_K and log p(x) are known: they are compared
with the estimated bound. Then on digits: training with K = 1, 5, 50, measured by one evaluator.
Writes how_k_tightens.png.
"""

import argparse
from functools import partial

import pyro
import torch
from matplotlib.figure import Figure

from pyrovae import data, fit, log_evidence
from pyrovae.models import VAE
from pyrovae.nn import MLP, Binomial
from pyrovae.objectives import IWAE


def exact_curve(axes, smoke):
    oracle = data.LinearGaussian.random(data_dim=5, latent_dim=3, seed=0)
    x = oracle.sample(1, seed=0)
    many = x.expand(2_000 if smoke else 20_000, -1)  # one datum, many independent estimates
    ks = [1, 2, 5, 10, 20, 50]
    log_px = oracle.log_px(x).item()
    exact = [oracle.iwae(x, k).item() for k in ks]
    print(f"linear-Gaussian pair, log p(x) = {log_px:.4f}\n  K   estimate  +-       exact")
    means, errors = [], []
    for k, truth in zip(ks, exact, strict=True):
        bounds = IWAE(num_particles=k).per_datum(oracle.model, oracle.guide, many)
        means.append(bounds.mean().item())
        errors.append((bounds.std() / len(bounds) ** 0.5).item())
        print(f"{k:3d}  {means[-1]:9.4f}  {errors[-1]:.4f}  {truth:9.4f}")
    axes.axhline(log_px, color="black", linewidth=1, label="log p(x), exact")
    axes.plot(ks, exact, color="C0", label="IWAE bound, exact")
    axes.errorbar(ks, means, 3 * torch.tensor(errors), fmt="o", ms=4, color="C1",
                  label="estimate, 3 standard errors")  # fmt: skip
    axes.set(xscale="log", xlabel="K", ylabel="nats", title="a pair with a known answer")
    axes.set_xticks(ks, ks)
    axes.minorticks_off()
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)


def trained_curve(axes, smoke):
    digits = data.digits()
    network = partial(MLP, hidden=(128,))
    ks = [1, 5] if smoke else [1, 5, 50]
    nlls = []
    for k in ks:
        pyro.set_rng_seed(0)
        vae = VAE((1, 8, 8), 6, encoder=network, decoder=network, likelihood=Binomial(16))
        run = fit(
            vae.model,
            vae.guide,
            digits,
            objective=IWAE(num_particles=k),
            epochs=2 if smoke else 150,
            lr=2e-3,
            patience=20,
            progress=not smoke,
        )
        run.load_best()
        found = log_evidence(vae.model, vae.guide, digits.test, num_particles=1000, seed=0)
        nlls.append((-found.mean(), found.mean_standard_error()))
        print(f"trained with K={k:3d}: test NLL {nlls[-1][0]:.2f} +- {nlls[-1][1]:.2f} nats")
    axes.errorbar(ks, *zip(*nlls, strict=True), fmt="o-", color="C0")
    axes.set(xscale="log", xlabel="K in training", ylabel="test NLL, nats", title="8x8 digits")
    axes.set_xticks(ks, ks)
    axes.minorticks_off()
    axes.grid(alpha=0.3)


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    pyro.set_rng_seed(0)
    figure = Figure(figsize=(9, 3.6), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    exact_curve(left, smoke)
    trained_curve(right, smoke)
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("how_k_tightens.png")
    print("how_k_tightens.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
