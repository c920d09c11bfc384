"""Does made data help with few labels?  Run: python examples/29_augmentation.py [--smoke]

A support vector machine is fitted on n labelled digits, and on these with 100 made ones of each
class: shifted and turned a little, without any pair; made by a conditional VAE of the n digits
alone; drawn around the n digits by a VAE of all digits, without their labels. Prints the accuracy
and its change, paired by the choice of labelled digits: not every way helps at every n.
augmentation.png shows it.
"""

import argparse
from dataclasses import replace

import numpy as np
import pyro
import torch
from scipy.ndimage import rotate, shift
from sklearn.svm import SVC

from pyrovae import apply, data, fit, plots
from pyrovae.data import Split, few_labels
from pyrovae.models import VAE, ConditionalVAE
from pyrovae.nn import Binomial
from pyrovae.objectives import ELBO


def shifted_and_turned(few, num_per_class, seed):
    rng = np.random.default_rng(seed)
    made, labels = [], []
    for label in few.y.unique():
        x = few.x[few.y == label, 0].numpy()
        for i in range(num_per_class):
            turned = rotate(x[i % len(x)], rng.uniform(-10, 10), reshape=False, order=1)
            made.append(shift(turned, rng.uniform(-0.7, 0.7, 2), order=1))
            labels.append(label)
    return Split(torch.tensor(np.stack(made))[:, None], torch.stack(labels))


def trained(pair, split, steps):
    epochs = max(1, steps // max(1, len(split) // 100))
    fit(pair.model, pair.guide, split, objective=ELBO(), epochs=epochs, lr=2e-3, device="cpu",
        progress=False)  # fmt: skip
    return pair


def accuracy(test, *splits):
    x, y = torch.cat([s.x for s in splits]).flatten(1), torch.cat([s.y for s in splits])
    return SVC(C=10.0).fit(x, y).score(test.x.flatten(1), test.y)


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits, steps, made = data.digits(), 5 if smoke else 1000, 5 if smoke else 100
    sizes, seeds = ((50,), range(2)) if smoke else ((50, 100, 500), range(5))
    pyro.set_rng_seed(0)
    vae = trained(VAE(digits.shape, 16, likelihood=Binomial(16)), digits.train, steps)
    scores = {name: [] for name in ("none", "shifts and turns", "CVAE, few", "VAE, all")}
    for num_labelled in sizes:
        found = {name: [] for name in scores}
        for seed in seeds:
            train = few_labels(digits, num_labelled, seed=seed).train
            few = replace(train[train.y >= 0], with_labels=False)
            pyro.set_rng_seed(seed)
            cvae = ConditionalVAE(digits.shape, 16, num_classes=10, likelihood=Binomial(16))
            trained(cvae, few.labelled(), steps)
            more = {
                "none": few[:0],
                "shifts and turns": shifted_and_turned(few, made, seed),
                "CVAE, few": apply.augment(cvae, few, num_per_class=made, seed=seed).split,
                "VAE, all": apply.augment(vae, few, num_per_class=made, seed=seed).split,
            }
            for name, split in more.items():
                found[name].append(accuracy(digits.test, few, split))
        for name, values in found.items():
            scores[name].append(values)
            change = np.array(values) - found["none"]
            error = change.std(ddof=1) / len(change) ** 0.5
            print(f"{num_labelled:4d} labels  {name:<17} {np.mean(values):.3f}  "
                  f"{change.mean():+.3f} +- {error:.3f}")  # fmt: skip
    curves = {name: torch.tensor(values) for name, values in scores.items()}
    figure = plots.label_curves(curves, sizes)
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("augmentation.png")
    test = f"{len(digits.test)} test digits"
    print(f"accuracy on {test} over {len(seeds)} choices of labels; augmentation.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
