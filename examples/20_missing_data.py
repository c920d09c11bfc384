"""How well does a VAE fill in missing data?  Run: python examples/20_missing_data.py [--smoke]

Half of the values of breast-cancer measurements (569 x 30) are removed at random, and the pair is
trained on the rest. The RMSE of imputed values, in standard deviations of each column, is compared
with the mean, nearest neighbours and chained regressions of scikit-learn. Do intervals of several
imputations cover the true values? After Mattei & Frellsen (2019), MIWAE. Writes missing_data.png:
digits, digits with missing pixels, and imputations.
"""

import argparse
import warnings
from functools import partial

import pyro
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from pyrovae import data, fit, plots
from pyrovae.models import PartialVAE
from pyrovae.nn import MLP, Binomial, PredictedNormal
from pyrovae.objectives import IWAE

NET = partial(MLP, hidden=(128, 128), activation=torch.nn.Tanh)


def rmse(filled, truth, mask):
    return float((torch.as_tensor(filled) - truth)[~mask].square().mean().sqrt())


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    x = torch.tensor(load_breast_cancer().data, dtype=torch.float32)
    whole = data.arrays((x - x.mean(0)) / x.std(0), val=0, test=0)
    train, truth = data.missing(whole, 0.5, seed=0).train, whole.train.x
    mask = train.y
    gaps = torch.where(mask, truth, torch.nan).numpy()
    print(f"{len(truth)} x {truth.shape[1]}, {1 - mask.float().mean():.0%} missing")

    print("\nfilled in by         RMSE")
    others = {"mean": SimpleImputer(), "5 neighbours": KNNImputer(),
              "chained regressions": IterativeImputer(max_iter=2 if smoke else 20)}  # fmt: skip
    for name, imputer in others.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            print(f"{name:<19} {rmse(imputer.fit_transform(gaps), truth, mask):5.3f}")

    pyro.set_rng_seed(0)
    pair = PartialVAE((30,), 10, encoder=NET, decoder=NET, likelihood=PredictedNormal(0.05))
    run = fit(pair.model, pair.guide, train.labelled(), objective=IWAE(20), lr=1e-3,
              epochs=3 if smoke else 300, batch_size=64, compile=not smoke, device="cpu",
              seed=0, progress=not smoke)  # fmt: skip
    filled = pair.impute(train.x, mask, num_particles=100 if smoke else 1000)
    print(f"{'PartialVAE, IWAE':<19} {rmse(filled, truth, mask):5.3f}   in {run.seconds:.0f} s")

    several = pair.imputations(train.x, mask, 50, num_particles=100 if smoke else 1000)
    low, high = several.quantile(torch.tensor([0.05, 0.95]), 0)
    inside = ((low <= truth) & (truth <= high))[~mask].float().mean()
    print(f"truth within the central 90 % of 50 imputations: {100 * inside:.1f} %")
    draw(smoke)


def draw(smoke):
    digits = data.digits()
    holes, truth = data.missing(digits, 0.5, seed=0), digits.test.x[:12]
    pair = PartialVAE(digits.shape, 10, likelihood=Binomial(16))
    fit(pair.model, pair.guide, holes.train.labelled(), objective=IWAE(10), seed=0, device="cpu",
        epochs=2 if smoke else 150, compile=not smoke, progress=False)  # fmt: skip
    mask = holes.test.y[:12]
    filled = pair.impute(truth * mask, mask, num_particles=100 if smoke else 1000)
    rows = {"digits": truth, "observed": torch.where(mask, truth, 8.0), "filled in": filled}
    figure = plots.image_rows(rows, title="Digits of which half of the pixels are missing (grey)")
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("missing_data.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
