"""Does a trained model make such data?  Run: python examples/31_checking_a_model.py [--smoke]

A VAE of the binarised digits is checked in three ways. Do data sets drawn from it have the
statistics of held-out digits, when its latents come from the guide (posterior predictive), and
when they come from the prior? The guide has seen each digit, and can hide what is wrong with the
prior. Is the guide the posterior of the model (simulation-based calibration)? Writes
predictive_check.png and calibration.png.
"""

import argparse

import pyro
import torch

from pyrovae import data, fit
from pyrovae.apply import check_calibration, predictive_check
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO


def symmetry(x):
    """Mean absolute difference of digits and their mirror images, a statistic of one's own."""
    return (x - x.flip(-1)).abs().mean()


STATISTICS = {name: name for name in ("mean", "lit_sd", "roughness", "element_means")}
STATISTICS["symmetry"] = symmetry


def net(in_shape, out_shape):
    return MLP(in_shape, out_shape, hidden=(100,))


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits(binarize="static")
    pyro.set_rng_seed(0)
    vae = VAE(digits.shape, 10, encoder=net, decoder=net)
    fit(vae.model, vae.guide, digits.train, objective=ELBO(), epochs=2 if smoke else 150, lr=2e-3,
        device="cpu", compile=not smoke, seed=0, progress=not smoke)  # fmt: skip

    options = {"statistics": STATISTICS, "replicates": 20 if smoke else 500, "seed": 0}
    for predictive in ("posterior", "prior"):
        found = predictive_check(vae, digits.test.x, predictive=predictive, **options)
        print(f"\n{predictive} predictive, {len(digits.test)} held-out digits\n{found}")
    figure = found.plot()
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("predictive_check.png")

    shapes = torch.zeros(100 if smoke else 2000, *digits.shape)
    found = check_calibration(vae, shapes, num_draws=19 if smoke else 99, seed=0)
    print(f"\nis the guide the posterior of the model?\n{found}")
    figure = found.plot()
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("calibration.png")
    print("predictive_check.png, calibration.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
