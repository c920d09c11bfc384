"""Which score finds data that a model was not trained on?

Run: python examples/25_anomalies.py [--smoke]

First the known failure (Nalisnick et al., 2019): a VAE is trained on patches of a photograph of
buildings and trees, and scores patches of another, of a flower and its smooth background. By raw
likelihood the flower is more normal than the VAE's own photograph, as smooth patches are simpler.
A ratio to a background model, typicality and the complexity of a patch are compared with it. Then
each digit in turn is left out of training: which is hardest to find? Writes anomaly.png.
"""

import argparse
from functools import partial

import numpy as np
import pyro
import torch
from sklearn.datasets import load_sample_image

from pyrovae import data, fit
from pyrovae.apply import (
    AnomalyDetector,
    ELBOScore,
    InputComplexity,
    KLScore,
    LikelihoodRatio,
    ReconstructionScore,
    Typicality,
    detect_anomalies,
    fit_background,
)
from pyrovae.models import VAE
from pyrovae.nn import MLP, BetaBinomial

NET = partial(MLP, hidden=(128,))
ELBO = ELBOScore(20)
SCORES = [ELBO, ReconstructionScore(num_particles=20), KLScore(), Typicality(ELBO),
          InputComplexity(ELBO)]  # fmt: skip


def new_pair():
    return VAE((1, 8, 8), 10, encoder=NET, decoder=NET, likelihood=BetaBinomial(16))


def patches(name, contrast):
    """Patches of 8x8 pixels with 17 levels, as the digits have; those of low contrast left out."""
    grey = torch.tensor(np.asarray(load_sample_image(name)).mean(-1))
    cut = (grey / 256 * 17).floor().float().unfold(0, 8, 8).unfold(1, 8, 8).reshape(-1, 1, 8, 8)
    cut = cut[cut.flatten(1).std(1) >= contrast]
    return cut[torch.randperm(len(cut), generator=torch.Generator().manual_seed(0))]


def photographs(settings, size, smoke):
    buildings, flower = patches("china.jpg", 2.0), patches("flower.jpg", 0.0)[:size]
    test, val, train = (buildings[a * size : b * size] for a, b in ((0, 1), (1, 2), (2, 22)))
    pyro.set_rng_seed(0)
    pair, background = new_pair(), new_pair()
    fit(pair, train, **settings)
    fit_background(background, train, rate=0.2, **settings)
    ratio = LikelihoodRatio(background, ELBO)
    found = detect_anomalies(pair, test, foreign=flower, val=val, scores=[], seed=0,
                             others=[*SCORES, ratio])  # fmt: skip
    print(f"trained on {len(train)} patches of buildings; foreign: a flower\n{found}\n")
    figure = found.plot()
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("anomaly.png")

    detector = AnomalyDetector(pair, by="typicality", false_alarm_rate=0.1).fit(val.numpy())
    alarms = {name: round(float((detector.predict(x.numpy()) == -1).mean()), 3)
              for name, x in (("own", test), ("flower", flower))}  # fmt: skip
    print(f"AnomalyDetector(by='typicality', false_alarm_rate=0.1): alarms {alarms}\n")


def held_out_digits(settings, digits, size):
    images = data.digits()
    print("AUROC of the digit left out of training, by score")
    print("digit  " + "  ".join(f"{score.name:>14}" for score in SCORES))
    for digit in digits:
        pyro.set_rng_seed(0)
        pair = new_pair()
        fit(pair, images.train[images.train.y != digit], **settings)
        found = detect_anomalies(pair, images.test[:size], held_out_class=digit, val=images.val,
                                 scores=[], others=SCORES, seed=0)  # fmt: skip
        aurocs = found.discrimination.values()
        print(f"{digit:>5}  " + "  ".join(f"{d.auroc:7.3f}+-{d.auroc_error:.3f}" for d in aurocs))


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    settings = {"epochs": 1 if smoke else 60, "lr": 2e-3, "seed": 0, "device": "cpu",
                "progress": False}  # fmt: skip
    photographs(settings, 40 if smoke else 300, smoke)
    held_out_digits(settings, [1] if smoke else range(10), 60 if smoke else 360)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
