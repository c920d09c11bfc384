"""Is the style kept under another label?  Run: python examples/28_style_transfer.py [--smoke]

A conditional VAE encodes a digit with its label, z ~ q(z|x, y), and decodes z with another one,
p(x|z, y'). A classifier of real digits says how often y' is recognised; whether the style is kept,
encoding what was made again: is the nearest of all sources its own? The longer the codes, the more
of the style they keep, and the more of the class too. style_transfer.png shows the grid of
analogies: a row for each style, a column for each label.
"""

import argparse

import pyro

from pyrovae import apply, data, fit
from pyrovae.models import ConditionalVAE
from pyrovae.nn import Binomial
from pyrovae.objectives import ELBO


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits().labelled()
    print("latents  label recognised  style found again  its correlation")
    for latent_dim in (2,) if smoke else (2, 4, 16):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        vae = ConditionalVAE(digits.shape, latent_dim, num_classes=10, likelihood=Binomial(16))
        fit(vae.model, vae.guide, digits.train, objective=ELBO(), epochs=3 if smoke else 150,
            lr=2e-3, device="cpu", progress=False)  # fmt: skip
        found = apply.transfer(vae, digits.test, train=digits.train, seed=0)
        print(f"{latent_dim:7d}  {found.recognised.share['new']}    "
              f"{found.kept.retrieved['new']}    {found.kept.correlation['new']:.3f}")  # fmt: skip
        figure = found.plot()
        figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
        figure.savefig("style_transfer.png")
    print(f"real digits are recognised {found.recognised.of_data}; by chance a style is found "
          f"again {1 / len(digits.test):.4f}; style_transfer.png")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
