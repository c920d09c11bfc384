"""Which estimator for this model?  Run: python examples/05_estimators_compared.py [--smoke]

A VAE on digits is trained a little. Then estimators are compared on it, at equal K and with the
same random numbers: those of the library, of Pyro, and one written here in ten lines. Writes
estimators_compared.png.
"""

import argparse
import math
from functools import partial

import pyro
import torch
from pyro.infer import RenyiELBO

from pyrovae import compare, data, fit, plots
from pyrovae.math import log_mean_exp
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, IWAE, STL, DReG, ParticleELBO, Renyi


class TruncatedIWAE(ParticleELBO):
    """IWAE with weights cut at sqrt(K) times their mean (Ionides, 2008): less noise, less bound.

    This is all that an estimator needs. Batches, plates, scales, sequential or vectorised
    particles, gradients, `SVI`, `fit`, `compare` and the command line come with the base.
    """

    def bound(self, p):  # p.log_w: [K, B], here to [B]
        cut = log_mean_exp(p.log_w) + 0.5 * math.log(p.num_particles)
        return log_mean_exp(torch.minimum(p.log_w, cut))


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    pyro.set_rng_seed(0)
    digits = data.mnist_sample(binarize="dynamic")
    network = partial(MLP, hidden=(200,))
    vae = VAE((1, 28, 28), 10, encoder=network, decoder=network)
    fit(
        vae.model,
        vae.guide,
        digits,
        objective=ELBO(),
        epochs=1 if smoke else 30,
        lr=3e-3,
        device="cpu",
        progress=not smoke,
    )
    objectives = {
        "ELBO": ELBO(),
        "ELBO, closed-form KL": ELBO(closed_form_kl=True),
        "STL": STL(),
        "IWAE": IWAE(),
        "DReG": DReG(),
        "Renyi 0.5": Renyi(0.5),
        "truncated IWAE (mine)": TruncatedIWAE(),
        "Pyro's RenyiELBO": RenyiELBO(
            alpha=0, num_particles=2, vectorize_particles=True, max_plate_nesting=1
        ),
    }
    table = compare(
        vae.model,
        vae.guide,
        digits.test[: 10 if smoke else 50],
        objectives,
        num_particles=16,
        evidence_particles=500 if smoke else 5000,
        num_draws=10 if smoke else 100,
        repeats=3 if smoke else 10,
        progress=not smoke,
    )
    print(table)
    table.to_csv("estimators_compared.csv")
    figure = plots.comparison(table, title="Estimators on 50 digits of MNIST, K = 16")
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("estimators_compared.png")
    # The mean of n gradients takes n times as long and has sqrt(n) times the SNR.
    best = min(table.rows, key=lambda row: row["milliseconds"] / row["guide_snr"] ** 2)
    work = best["milliseconds"] / best["guide_snr"] ** 2
    print(f"fastest to a guide gradient of SNR 1: {best['objective']}, {work:.3f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
