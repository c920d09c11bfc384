"""How large is the gap of each guide?  Run: python examples/09_inference_gaps.py [--smoke]

One decoder is trained once and then fixed; a guide of each form is fitted to it. The gap
log p(x) - ELBO has two parts: the approximation gap of the best member of the guide's form, and
the amortisation gap, as a network gives the parameters instead of an optimisation for each datum
(Cremer et al., 2018). Richer forms reduce the first part. A refined guide, with three steps for
each datum, reduces the second.
Writes inference_gaps.png.
"""

import argparse
from functools import partial

import matplotlib.pyplot as plt
import pyro

from pyrovae import ais, data, fit, inference_gaps
from pyrovae.models import (
    VAE,
    DiagonalNormal,
    FlowPosterior,
    FullNormal,
    LowRankNormal,
    MixturePosterior,
    Refinement,
)
from pyrovae.nn import MLP, Binomial, flows
from pyrovae.objectives import ELBO

LATENT = 6
GUIDES = {
    "diagonal normal": {},
    "the same, refined": {},
    "low rank": {"posterior": partial(LowRankNormal, rank=2)},
    "full covariance": {"posterior": FullNormal},
    "mixture of 3": {"posterior": partial(MixturePosterior, num_components=3)},
    "8 planar layers": {"posterior": partial(FlowPosterior, layer=flows.Planar, num_layers=8)},
    "4 IAF layers": {"posterior": partial(FlowPosterior, layer=flows.InverseAutoregressive)},
    "4 couplings": {"posterior": partial(FlowPosterior, layer=flows.AffineCoupling)},
}


def trained(digits, epochs, decoder, **parts):
    """A VAE whose guide, and decoder where it is not given, are trained."""
    pyro.set_rng_seed(0)
    network = partial(MLP, hidden=(128,))
    vae = VAE(
        (1, 8, 8), LATENT, encoder=network, decoder=decoder or network, likelihood=Binomial(16),
        **parts,
    )  # fmt: skip
    fit(
        vae.model, vae.guide, digits.train, objective=ELBO(4), epochs=epochs, lr=2e-3, seed=0,
        device="cpu", compile=epochs > 5,
    )  # fmt: skip
    return vae


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits()
    epochs, count = (2, 4) if smoke else (150, 50)
    decoder = trained(digits, epochs, None, posterior=DiagonalNormal).decoder.requires_grad_(False)
    x, rows = digits.test.x[:count], {}
    vae = log_px = None
    for name, parts in GUIDES.items():
        if name == "the same, refined":  # `vae` is that of the previous row
            vae.refinement = Refinement(LATENT, num_steps=3, differentiable=False)
        else:
            vae = trained(digits, epochs, decoder, **parts)
        if log_px is None:  # it depends on the decoder alone
            log_px = ais(
                vae.model, vae.guide, x, num_particles=4 if smoke else 16,
                num_temperatures=20 if smoke else 500, seed=0,
            ).log_px  # fmt: skip
        gaps = inference_gaps(
            vae.model, vae.guide, x, log_px=log_px, num_steps=20 if smoke else 300,
            num_particles=50 if smoke else 1000, seed=1,
        )  # fmt: skip
        rows[name] = gaps.approximation.mean().item(), gaps.amortisation.mean().item()
        print(f"{name:18s} approximation {rows[name][0]:6.2f}   amortisation {rows[name][1]:6.2f}")

    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    names = list(rows)[::-1]
    first, second = zip(*(rows[name] for name in names), strict=True)
    axes.barh(names, first, label="approximation")
    axes.barh(names, second, left=first, label="amortisation")
    axes.set_xlabel("log p(x) - ELBO in nats, 8x8 digits, one decoder")
    axes.legend(frameon=False)
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("inference_gaps.png", dpi=120)
    least = min(rows, key=lambda name: sum(rows[name]))
    print(f"smallest gap: {least}, {sum(rows[least]):.2f} nats")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
