"""What are data without labels worth?  Run: python examples/21_semi_supervised.py [--smoke]

Digits with few labels: a classifier trained on the labelled digits alone, a classifier on the
features of a VAE (M1), and M2, which sums over the classes of unlabelled digits. Prints the test
accuracy over three choices of labelled digits; semi_supervised.png shows M2's digits by class.
"""

import argparse
from functools import partial

import pyro
import torch
from torch.nn.functional import cross_entropy

from pyrovae import data, fit, plots
from pyrovae.data import SemiSupervisedBatches, few_labels
from pyrovae.evaluate import probe
from pyrovae.models import VAE, SemiSupervisedVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, StratifiedELBO

NET = partial(MLP, hidden=(128,))


def accuracy(classifier, test):
    with torch.no_grad():
        return (classifier(test.x).argmax(-1) == test.y).double().mean().item()


def alone(few, steps):
    """A network taught on the labelled digits alone."""
    known = few.train.y >= 0
    x, y = few.train.x[known], few.train.y[known]
    net = NET(few.shape, 10)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        cross_entropy(net(x), y).backward()
        optimizer.step()
    return accuracy(net, few.test)


def m1(few, epochs):
    vae = VAE(few.shape, 10, encoder=NET, decoder=NET)
    images = few.train.x if not few.train.dynamic else few.train.binarized(0).x
    fit(vae.model, vae.guide, images, objective=ELBO(), epochs=epochs, lr=2e-3, device="cpu",
        compile=epochs > 5, progress=False)  # fmt: skip
    drawn = few.train.binarized(0) if few.train.dynamic else few.train
    return probe(vae.model, vae.guide, drawn, few.test)


def m2(few, epochs):
    vae = SemiSupervisedVAE(few.shape, 10, 10, encoder=NET, decoder=NET, classifier=NET)
    source = SemiSupervisedBatches(few.train, 120, num_labelled=20, device="cpu")
    fit(vae.model, vae.guide, source, objective=StratifiedELBO(10), epochs=epochs, lr=2e-3,
        compile=epochs > 5, device="cpu", progress=False)  # fmt: skip
    return accuracy(vae.classifier, few.test), vae


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits(binarize="dynamic")
    epochs = 2 if smoke else 150
    print("labels  choice  classifier alone      M1      M2")
    for num_labelled in (50,) if smoke else (20, 50, 100, 300):
        rows = []
        for seed in range(1 if smoke else 3):
            pyro.clear_param_store()
            pyro.set_rng_seed(seed)
            few = few_labels(digits, num_labelled, seed=seed)
            found, vae = m2(few, epochs)
            rows.append((alone(few, 20 if smoke else 500), m1(few, epochs), found))
            print(
                f"{num_labelled:6d} {seed:7d} {rows[-1][0]:17.3f} {rows[-1][1]:7.3f} {found:7.3f}"
            )
        means = torch.tensor(rows).mean(0).tolist()
        print(f"{num_labelled:6d}    mean {means[0]:17.3f} {means[1]:7.3f} {means[2]:7.3f}")
    made = vae.generate(torch.arange(10).repeat_interleave(8))
    figure = plots.image_grid(made, columns=8, row_names="0123456789", title="M2: draws by class")
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("semi_supervised.png")
    print(f"accuracy on {len(digits.test)} test digits; semi_supervised.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
