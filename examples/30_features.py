"""What are latents worth as features?  Run: python examples/30_features.py [--smoke]

A VAE is trained on all digits without labels. Then a few are labelled, and a linear model is
fitted on E_q[z|x] of these, on their pixels, and on as many principal components. Prints accuracy
on test digits over choices of the labelled ones; features.png shows it. At the end the latents
stand in a pipeline of scikit-learn.
"""

import argparse

import pyro
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyrovae import apply, data, fit
from pyrovae.models import VAE
from pyrovae.nn import Binomial
from pyrovae.objectives import ELBO


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits()
    pyro.set_rng_seed(0)
    vae = VAE(digits.shape, 16, likelihood=Binomial(16))
    fit(vae.model, vae.guide, digits.train, objective=ELBO(), epochs=3 if smoke else 150, lr=2e-3,
        device="cpu", progress=False)  # fmt: skip
    found = apply.features(
        vae,
        digits.test,
        train=digits.train,
        num_labelled=[20] if smoke else [20, 50, 100, 500],
        num_repeats=2 if smoke else 10,
        seed=0,
    )
    print(found)
    figure = found.plot()
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("features.png")
    few = digits.train[:100]
    table, pixels = few.x.flatten(1).numpy(), digits.test.x.flatten(1).numpy()
    pipeline = make_pipeline(
        apply.Features(vae, data_shape=(1, 8, 8)), StandardScaler(), LogisticRegression()
    )
    score = pipeline.fit(table, few.y).score(pixels, digits.test.y)
    print(f"a pipeline on {len(few)} labelled digits: test accuracy {score:.3f}; features.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
