"""Do rows that a VAE makes pass for real ones?  Run: python examples/39_tables.py [--smoke]

Breast-cancer measurements (569 rows) with a diagnosis and a level; a fifth of the cells is gone.
One likelihood a column: normal, log-normal, ordinal, Bernoulli. Prints what each column was taken
for; how far imputed cells of held-out rows are off, beside the mean; and whether made rows look
like real ones. At an AUC of 0.5 a classifier cannot tell them, and the distance to the closest
training row tells copies; rows of the training are checked too. Writes tables.png. After Nazabal
et al. (2020), HI-VAE, and Mattei & Frellsen (2019), MIWAE.
"""

import argparse
from functools import partial

import numpy as np
import pandas as pd
import pyro
import torch
from sklearn.datasets import load_breast_cancer

from pyrovae import data, fit
from pyrovae.apply import imputed, resemblance, synthesise
from pyrovae.models import TableVAE
from pyrovae.nn import MLP
from pyrovae.objectives import IWAE

NET = partial(MLP, hidden=(32,), activation=torch.nn.Tanh)
KEPT = ["mean radius", "mean texture", "mean smoothness", "mean concavity", "mean symmetry",
        "area error", "worst texture", "worst area", "worst smoothness"]  # fmt: skip


def whole_table():
    """Nine measurements, a level and the diagnosis; complete."""
    raw = load_breast_cancer(as_frame=True).frame
    names = ["low", "middle", "high", "very high"]
    worst = pd.qcut(raw["worst concavity"], 4, labels=names)
    target = raw["target"].map({0: "malignant", 1: "benign"})
    return raw[KEPT].assign(**{"worst concavity": worst, "diagnosis": target})


def errors(filled, truth, holes, sd):
    """RMSE of numbers in standard deviations, and the share of wrong levels and diagnoses."""
    numbers = [(filled[n] - truth[n])[holes[n]] / sd[n] for n in KEPT]
    wrong = [(filled[n].astype(str) != truth[n].astype(str))[holes[n]]
             for n in ("worst concavity", "diagnosis")]  # fmt: skip
    return np.sqrt((np.concatenate(numbers) ** 2).mean()), np.concatenate(wrong).mean()


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    truth = whole_table().sample(frac=1, random_state=0)
    holes = pd.DataFrame(np.random.default_rng(0).random(truth.shape) < 0.2, truth.index,
                         truth.columns)  # fmt: skip
    frame = truth.mask(holes)
    known, held_out = frame[:380], frame[380:]

    table = data.table(known, val=40, test=0)
    columns = data.TableColumns.from_json(table.supplies["columns"])
    print(columns)
    pyro.set_rng_seed(0)
    vae = TableVAE(table.shape, 4, columns=columns, encoder=NET, decoder=NET)
    sets = table.labelled()
    run = fit(vae.model, vae.guide, sets.train, objective=IWAE(10), val=sets.val, lr=3e-3, seed=0,
              epochs=3 if smoke else 250, batch_size=64, device="cpu", progress=False)  # fmt: skip
    run.load_best()

    filled = imputed(vae, held_out, num_particles=50 if smoke else 1000, seed=0)
    guess = held_out.fillna({n: known[n].mean() for n in KEPT})
    for name in ("worst concavity", "diagnosis"):
        guess[name] = guess[name].fillna(known[name].mode()[0])
    print("\nmissing cells of held-out rows, filled in by    RMSE of numbers    wrong categories")
    for name, made in (("mean and mode", guess), ("TableVAE", filled)):
        rmse, wrong = errors(made, truth[380:], holes[380:], known.std(numeric_only=True))
        print(f"{name:<47} {rmse:6.3f}  {wrong:24.1%}")

    rows = synthesise(vae, 600, seed=0)
    print(f"\n{rows.iloc[:3, [0, 2, 9, 10]].to_string(index=False)}\n")
    found = resemblance(known, rows, held_out=held_out, columns=columns)
    print(found.sections()[0].title)
    for row in found.cells():
        print(f"{row[0]:<40} {row[1]:>10} {row[2]:>14}")
    found.plot().savefig("tables.png")
    copied = resemblance(known, known.sample(200, random_state=1), held_out=held_out,
                         columns=columns)  # fmt: skip
    print(f"\nof training rows as if they were made, {copied.copies.copied:.1%} are equal to one; "
          f"of the rows made here, {found.copies.copied:.1%}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
