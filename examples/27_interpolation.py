"""Which way from one digit to another?  Run: python examples/27_interpolation.py [--smoke]

Straight through latent space, around its origin, or along the shortest way in what is decoded
(a geodesic of the decoder's pulled-back metric). How long is each, in the Fisher-Rao metric of
p(x|z)? Then a class is taken away from digits and another added. Writes interpolation.png,
manifold.png and arithmetic.png.
"""

import argparse
from functools import partial

import pyro

from pyrovae import data, fit, plots
from pyrovae.apply import arithmetic, interpolate, latent_manifold
from pyrovae.models import VAE
from pyrovae.nn import MLP, Binomial
from pyrovae.objectives import ELBO

NET = partial(MLP, hidden=(256, 128))


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits()
    for latent_dim in (2, 8):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        vae = VAE(digits.shape, latent_dim, encoder=NET, decoder=NET, likelihood=Binomial(16))
        fit(vae.model, vae.guide, digits.train, objective=ELBO(), epochs=2 if smoke else 120,
            lr=2e-3, seed=0, device="cpu", progress=False)  # fmt: skip
        print(f"{latent_dim} latent units")
        found = interpolate(vae, digits.test, metric="fisher", num_pairs=2 if smoke else 40,
                            num_iterations=5 if smoke else 100, seed=0)  # fmt: skip
        print(found, "\n")
        if latent_dim == 2:
            figure = found.plot()
            figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
            figure.savefig("interpolation.png")
            grid = latent_manifold(vae, digits.test, steps=12).flatten(0, 1)
            figure = plots.image_grid(grid, columns=12, title="What quantiles of z decode to")
            figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
            figure.savefig("manifold.png")
    for by in ("means", "classifier"):
        moved = arithmetic(vae, digits.test, train=digits.train, minus=3, plus=8, by=by, seed=0)
        print(f"attribute vector by {by}")
        print(moved)
    figure = moved.plot()
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("arithmetic.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
