"""Does a model of clean digits denoise better than a filter?  Run: python examples/26_denoising.py

A VAE is trained on clean digits and knows nothing of noise. Bayes' rule folds the noise into its
likelihood, and draws from the posterior say what the clean digit may have been. Beside it: the
same VAE trained to encode noisy digits (the denoising criterion), and the filters of scikit-image
(pip install pyrovae[images]), each at its best strength. --smoke trains for seconds only.
Writes denoising.png.
"""

import argparse
from functools import partial

import pyro

from pyrovae import data, fit
from pyrovae.apply import denoise
from pyrovae.models import VAE
from pyrovae.nn import MLP, Binomial, GaussianNoise
from pyrovae.objectives import ELBO

NET = partial(MLP, hidden=(256, 128))
NOISES = {"gaussian": 6.0, "salt-and-pepper": 0.3, "masking": 0.5, "poisson": 4.0}


def trained(digits, epochs, corruption=None):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    vae = VAE(digits.shape, 10, encoder=NET, decoder=NET, likelihood=Binomial(16),
              corruption=corruption)  # fmt: skip
    fit(vae.model, vae.guide, digits.train, objective=ELBO(), epochs=epochs, lr=2e-3, seed=0,
        device="cpu", progress=False)  # fmt: skip
    return vae


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits()
    test = digits.test[: 4 if smoke else 100]
    vae = trained(digits, 1 if smoke else 120)
    settings = {"num_steps": 5, "num_moves": 2} if smoke else {}
    for noise, level in NOISES.items():
        found = denoise(vae, test, noise=noise, level=level, seed=0, **settings)
        print(found, "\n")
        if noise == "gaussian":
            figure = found.plot()
            figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
            figure.savefig("denoising.png")
    # The encoder sees levels scaled to [0, 1]: noise of 6 levels of 16 is .375 there.
    used_to_noise = trained(digits, 1 if smoke else 120, GaussianNoise(6 / 16))
    found = denoise(used_to_noise, test, noise="gaussian", level=6.0, seed=0, filters=False,
                    clip=False, **settings)  # fmt: skip
    print("trained with this noise:")
    print(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
