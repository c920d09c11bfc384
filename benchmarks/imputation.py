"""Imputation of mixed tables: TableVAE beside the imputers of scikit-learn.

Run: python benchmarks/imputation.py [--smoke] [--repeats 3]

scikit-learn's embedded tables, of which some columns are made categories and levels. A fifth of
the cells is removed completely at random, from training and held-out rows. Every imputer is
fitted to the training rows, and fills the held-out rows (a fifth). For the imputers of
scikit-learn numbers are standardised, and logarithms where the column is positive, and categories
are one-hot; the category with the largest value is taken. Prints the RMSE of numbers in training
standard deviations (of log x where the column is positive), and the share of wrong categories,
means over splits and masks with their standard errors.
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pyro
import torch
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from pyrovae import data, fit
from pyrovae.models import TableVAE
from pyrovae.nn import MLP
from pyrovae.objectives import IWAE

NET = partial(MLP, hidden=(32,), activation=torch.nn.Tanh)


def levels(column, names):
    """A column cut at its quantiles into named levels."""
    return pd.Categorical(pd.qcut(column, len(names), labels=names), names, ordered=True)


def wine():
    frame = datasets.load_wine(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
    frame["hue"] = levels(frame["hue"], ["low", "middle", "high", "very high"])
    frame["ash"] = np.where(frame["ash"] > frame["ash"].median(), "much", "little")
    return frame


def diabetes():
    frame = datasets.load_diabetes(as_frame=True, scaled=False).frame
    frame["sex"] = frame["sex"].map({1.0: "one", 2.0: "other"})
    frame["bmi"] = pd.cut(
        frame["bmi"], [0, 22, 25, 30, 99], labels=["low", "normal", "over", "obese"]
    )
    frame["s3"] = np.asarray(levels(frame["s3"], ["a", "b", "c"]).astype(str))
    return frame


def breast_cancer():
    frame = datasets.load_breast_cancer(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "malignant", 1: "benign"})
    frame["mean texture"] = levels(frame["mean texture"], ["low", "middle", "high", "very high"])
    for name in ("mean smoothness", "worst concavity"):
        frame[name] = np.asarray(levels(frame[name], ["a", "b", "c"]).astype(str))
    return frame


def encoded(head, x, mask):
    """Standardised numbers and one-hot codes, NaN where missing, for the imputers."""
    whole = head.seen(x, torch.ones_like(mask))
    return torch.where(mask[:, head.sources], whole, torch.nan).numpy()


def decoded(head, table, filled):
    """Standardised numbers, and codes, of what an imputer gives [N, D]."""
    filled = torch.as_tensor(filled).float()
    made = torch.empty(len(filled), len(table))
    for place, column in enumerate(table):
        own = filled[:, head.sources == place]
        if column.kind == "categorical":
            made[:, place] = own.argmax(1).float()
        elif column.is_number:
            made[:, place] = own[:, 0]
        else:  # scaled to -1..1
            top = len(column.values) - 1
            made[:, place] = ((own[:, 0] + 1) / 2 * top).round().clamp(0, top)
    return made


def errors(table, made, truth, holes):
    """RMSE of numbers in standard deviations, share of wrong categories."""
    numbers = torch.tensor([column.is_number for column in table])
    gone = holes & numbers
    rmse = (made - truth)[gone].square().mean().sqrt()
    return float(rmse), float((made != truth)[holes & ~numbers].double().mean())


def once(frame, seed, smoke):
    """Errors and seconds of each way to fill in, on one split with one mask."""
    whole = data.table(frame, val=0.1, test=0.2, seed=seed)
    gaps = data.missing(whole, 0.2, seed=seed)
    table = data.TableColumns.from_json(whole.supplies["columns"])
    pyro.set_rng_seed(seed)
    vae = TableVAE(len(table), 6, columns=table, encoder=NET, decoder=NET)
    head = vae.likelihood
    train, test, holes = gaps.train, gaps.test, ~gaps.test.y
    known = torch.cat([gaps.train.y, gaps.val.y])
    fitted = encoded(head, torch.cat([whole.train.x, whole.val.x]), known)
    asked = encoded(head, whole.test.x, test.y)
    truth = decoded(head, table, head.seen(whole.test.x, torch.ones_like(test.y)))
    codes = torch.tensor([not table[int(p)].is_number for p in head.sources])
    found = {}

    def note(name, fill):
        begin = time.perf_counter()
        made = fill()
        found[name] = (*errors(table, made, truth, holes), time.perf_counter() - begin)

    def simple():
        made = SimpleImputer().fit(fitted).transform(asked)
        made[:, codes] = (
            SimpleImputer(strategy="most_frequent").fit(fitted).transform(asked)[:, codes]
        )
        for place, column in enumerate(table):  # of one-hot codes the column of the mode
            if column.kind == "categorical":
                own = head.sources.numpy() == place
                shares = np.nanmean(fitted[:, own], 0)
                made[np.ix_(np.isnan(asked[:, own][:, 0]), own)] = shares
        return decoded(head, table, made)

    note("mean and mode", simple)
    note("5 neighbours", lambda: decoded(head, table, KNNImputer().fit(fitted).transform(asked)))
    chained = IterativeImputer(max_iter=2 if smoke else 20, random_state=0)
    note("chained regressions", lambda: decoded(head, table, chained.fit(fitted).transform(asked)))

    def ours():
        run = fit(vae.model, vae.guide, train.labelled(), objective=IWAE(10), lr=3e-3, seed=seed,
                  val=gaps.val.labelled(), epochs=2 if smoke else EPOCHS, batch_size=64,
                  compile=False, device="cpu", progress=False)  # fmt: skip
        run.load_best()
        made = vae.impute(test.x, test.y, num_particles=100 if smoke else 2000)
        return decoded(head, table, head.seen(made, torch.ones_like(test.y)))

    note("TableVAE", ours)
    return found


EPOCHS = 150


def main(smoke, repeats):
    print("smoke: not trained\n" * smoke, end="")
    for make in (wine, diabetes, breast_cancer):
        frame = make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = [once(frame, seed, smoke) for seed in range(1 if smoke else repeats)]
        print(f"\n{make.__name__}: {len(frame)} x {frame.shape[1]}")
        print("filled in by            RMSE of numbers    wrong categories    seconds")
        for name in found[0]:
            values = np.array([each[name] for each in found])
            mean, error = values.mean(0), values.std(0) / max(len(found) - 1, 1) ** 0.5
            print(f"{name:<20}   {mean[0]:6.3f} +- {error[0]:5.3f}   {100 * mean[1]:6.1f} % +- "
                  f"{100 * error[1]:4.1f} %   {mean[2]:8.1f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    parser.add_argument("--repeats", type=int, default=3, help="splits and masks")
    args = parser.parse_args()
    main(args.smoke, args.repeats)
