"""Does data from a VAE help with few labels?  Run: python benchmarks/augmentation.py --help

MNIST, grey levels. A support vector machine is fitted on n labelled digits, and on these and as
many made ones of each class for every way of making them:

    shifts and turns    by up to 2 pixels and 15 degrees (scipy.ndimage): no pair, no other data
    VAE, few            around the labelled digits, by a VAE of the n digits alone
    CVAE, few           by class from the prior, by a conditional VAE of the n digits alone
    VAE, all            around the labelled digits, by a VAE of unlabelled digits too
    VAE, all, beyond    the same, extrapolated as by DeVries & Taylor (2017)
    M2, all             by class from the prior, by a semi-supervised VAE of both
    both                shifts and turns, and "VAE, all"

What a VAE makes are means of p(x|z), which are grey as the digits are; it sees digits drawn from
the grey levels. Prints accuracy on test digits, and the difference to no augmentation, paired by
the choice of labelled digits: means and standard errors over these choices.

    python benchmarks/augmentation.py --data-root DIR --out benchmarks/results/augmentation.txt
"""

import argparse
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pyro
import torch
from scipy.ndimage import rotate, shift
from sklearn.svm import SVC
from timing import Report, where

from pyrovae import apply, data, fit
from pyrovae.data import SemiSupervisedBatches, Split, few_labels
from pyrovae.models import VAE, ConditionalVAE, SemiSupervisedVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, StratifiedELBO


def trained(pair, source, num_data, given, objective=None, updates=None):
    """The pair after about so many steps."""
    epochs = max(1, round((updates or given.updates) * given.batch_size / num_data))
    fit(pair.model, pair.guide, source, objective=objective or ELBO(), epochs=epochs,
        batch_size=given.batch_size, lr=given.lr, device="cpu", progress=False)  # fmt: skip
    return pair


def shifted_and_turned(few, given, seed):
    """Each class alike, given.per_class of it."""
    rng = np.random.default_rng(seed)
    made, labels = [], []
    for label in few.y.unique():
        x = few.x[few.y == label, 0].numpy()
        for i in range(given.per_class):
            turned = rotate(x[i % len(x)], rng.uniform(-15, 15), reshape=False, order=1)
            made.append(shift(turned, rng.uniform(-2, 2, 2), order=1))
            labels.append(label)
    return Split(torch.tensor(np.stack(made))[:, None].clamp(0, 1), torch.stack(labels))


def around(pair, few, given, seed, **options):
    """Draws around the labelled digits, each drawn anew from its grey levels."""
    times = -(-given.per_class // max(1, len(few) // 10))
    many = Split(few.x.repeat(times, 1, 1, 1), few.y.repeat(times)).binarized(seed)
    return apply.augment(
        pair, many, num_per_class=given.per_class, way="posterior", mean=True, seed=seed, **options
    ).split


def by_class(pair, few, given, seed):
    drawn = few.binarized(seed)
    return apply.augment(
        pair, drawn, num_per_class=given.per_class, way="prior", mean=True, seed=seed
    ).split


def made_sets(whole, shared, num_labelled, seed, given):
    """The labelled digits, and by name what is made of them."""
    mlp = partial(MLP, hidden=(given.hidden,))
    nets = {"encoder": mlp, "decoder": mlp}
    with_few = few_labels(whole, num_labelled, seed=seed)
    known = with_few.train.y >= 0
    few = replace(with_few.train[known], dynamic=False, with_labels=False)
    pyro.clear_param_store()
    pyro.set_rng_seed(seed)
    dynamic = replace(few, dynamic=True)
    vae = trained(VAE(whole.shape, given.latents, **nets), dynamic, num_labelled, given)
    cvae = ConditionalVAE(whole.shape, given.latents, num_classes=10, **nets)
    trained(cvae, dynamic.labelled(), num_labelled, given)
    made = {
        "shifts and turns": shifted_and_turned(few, given, seed),
        "VAE, few": around(vae, few, given, seed),
        "CVAE, few": by_class(cvae, few, given, seed),
        "VAE, all": around(shared, few, given, seed),
        "VAE, all, beyond": around(shared, few, given, seed, extrapolate=0.5),
    }
    if given.m2_updates:
        m2 = SemiSupervisedVAE(whole.shape, given.latents, 10, classifier=mlp, **nets)
        source = SemiSupervisedBatches(with_few.train, given.batch_size, num_labelled=20,
                                       seed=seed, device="cpu")  # fmt: skip
        trained(m2, source, len(whole.train), given, StratifiedELBO(10), given.m2_updates)
        made["M2, all"] = by_class(m2, few, given, seed)
    both = [made["shifts and turns"], made["VAE, all"]]
    made["both"] = Split(torch.cat([b.x for b in both]), torch.cat([b.y for b in both]))
    return few, made


def accuracy(train, test):
    machine = SVC(C=10.0).fit(train.x.flatten(1).numpy(), train.y.numpy())
    return machine.score(test.x.flatten(1).numpy(), test.y.numpy())


def joined(one, other):
    return Split(torch.cat([one.x, other.x]), torch.cat([one.y, other.y]))


def said(values, sign=""):
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{values.mean():{sign}.4f} +- {error:.4f}"


def main(given):
    torch.set_num_threads(given.threads)
    grey = data.mnist(given.data_root, unit=True)
    whole = replace(grey, train=replace(grey.train[: given.unlabelled], dynamic=True))
    test = grey.test[: given.test]
    say = Report(given.out, "augmentation.txt")
    say(where())
    say(f"MNIST: {len(whole.train)} digits without labels, {len(test)} of the test set; seeds "
        f"{given.seeds}; {given.per_class} made per class; networks of {given.hidden} hidden "
        f"units, {given.latents} latents; {given.updates} steps of {given.batch_size} digits "
        f"(M2: {given.m2_updates})\n")  # fmt: skip
    started = time.perf_counter()
    mlp = partial(MLP, hidden=(given.hidden,))
    shared = VAE(whole.shape, given.latents, encoder=mlp, decoder=mlp)
    pyro.set_rng_seed(0)
    trained(shared, replace(whole.train, y=None), len(whole.train), given,
            updates=given.shared_updates)  # fmt: skip
    for num_labelled in given.labels:
        found = {}
        for seed in given.seeds:
            few, made = made_sets(whole, shared, num_labelled, seed, given)
            found.setdefault("no augmentation", []).append(accuracy(few, test))
            for name, split in made.items():
                found.setdefault(name, []).append(accuracy(joined(few, split), test))
        base = np.array(found["no augmentation"])
        say(f"{num_labelled} labels{'':12}  accuracy            minus no augmentation, paired")
        for name, values in found.items():
            change = "" if name == "no augmentation" else said(np.array(values) - base, "+")
            say(f"  {name:<20}  {said(np.array(values))}  {change}")
        say(f"  ({time.perf_counter() - started:.0f} s)\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", required=True, help="folder of MNIST")
    parser.add_argument("--labels", type=int, nargs="+", default=[50, 100, 500])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--per-class", type=int, default=100, help="made data of each class")
    parser.add_argument("--unlabelled", type=int, default=10_000)
    parser.add_argument("--test", type=int, default=5_000)
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--latents", type=int, default=20)
    parser.add_argument("--updates", type=int, default=400, help="steps on the few labels")
    parser.add_argument("--shared-updates", type=int, default=2000, help="steps of 'VAE, all'")
    parser.add_argument("--m2-updates", type=int, default=500, help="steps of M2; 0 leaves it out")
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", help="file of the results")
    main(parser.parse_args())
