"""Can counts of two batches be compared?

Run: python examples/37_counts_in_batches.py [--smoke]

Cells of four types are counted in two batches, which measure each gene with a factor of their own;
the second counts half as much. A VAE with a size factor is compared with CountVAE, which is given
the batch. Printed: what a classifier of 15 neighbours finds of batch and type in draws of
q(z|x), the evidence, and by how much shares of genes are off from the true ones in batch 0: raw,
and `expression(x, y, batch=0)`. Writes counts_in_batches.png. After Lopez et al. (2018).
"""

import argparse
from functools import partial

import pyro
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from pyrovae import data, fit, log_evidence
from pyrovae.models import VAE, CountVAE, LatentSizeCountVAE
from pyrovae.nn import MLP, NegativeBinomial, Poisson

NET = partial(MLP, hidden=(64,))


def trained(pair, sets, smoke):
    run = fit(pair, sets.train, val=sets.val, epochs=1 if smoke else 40, lr=3e-3, seed=0,
              device="cpu", progress=not smoke)  # fmt: skip
    run.load_best()
    return pair.eval()


def told(codes, labels):
    """Share of the labels of every second datum that its neighbours among the others tell."""
    codes = (codes - codes.mean(0)) / codes.std(0)
    judge = KNeighborsClassifier(15).fit(codes[::2], labels[::2])
    return judge.score(codes[1::2], labels[1::2])


def off(shares, cells):
    """Mean total variation distance to the true shares, of cells in batch 1."""
    wrong = (shares - cells.shares[cells.type]).abs().sum(-1) / 2
    return float(wrong[cells.batch == 1].mean())


def panels(axes, codes, cells, title):
    flat = PCA(2).fit_transform(codes)
    for place, (labels, what) in enumerate(((cells.type, "type"), (cells.batch, "batch"))):
        axes[place].scatter(*flat.T, c=labels, s=2, cmap="tab10", vmax=9)
        axes[place].set(title=f"{title}: {what}", xticks=[], yticks=[])


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    cells = data.Cells.simulate(600 if smoke else 3000, seed=0)
    plain = data.counts(cells.x)
    sets = data.counts(cells.x, cells.batch).labelled()
    print(f"{sets.train}; half of the cells are of a batch, a quarter of a type")
    print("model                   batch    type       log p  shares off by")
    raw = cells.x / cells.x.sum(-1, keepdim=True)
    print(f"{'raw shares':20s}{told(raw, cells.batch):9.3f}{told(raw, cells.type):8.3f}"
          f"{off(raw, cells):27.3f}")  # fmt: skip

    axes = (figure := Figure(figsize=(9, 8), dpi=120, layout="constrained")).subplots(2, 2)
    genes = cells.x.shape[1:]
    head = partial(NegativeBinomial, "learned", shape=genes, size_factor="total")
    parts = {"encoder": NET, "decoder": NET}
    pairs = {
        "VAE": lambda: VAE(genes, 5, likelihood=head(), **parts),
        "CountVAE, Poisson": lambda: CountVAE(genes, 5, 2, likelihood=Poisson("total"), **parts),
        "CountVAE": lambda: CountVAE(genes, 5, 2, **parts),
        "LatentSizeCountVAE": lambda: LatentSizeCountVAE(genes, 5, **sets.supplies, **parts),
    }
    for name, make in pairs.items():
        pyro.set_rng_seed(0)
        own = plain if name == "VAE" else sets
        pair = trained(make(), own, smoke)
        given = (cells.x,) if name == "VAE" else (cells.x, cells.batch)
        codes = pair.encode(*given).sample()
        nll = log_evidence(pair, own.test, num_particles=10 if smoke else 500, seed=0).mean()
        if name == "VAE":
            shares = pair.reconstruct(cells.x, latent="mean") / cells.x.sum(-1, keepdim=True)
            panels(axes[0], codes, cells, "VAE")
        else:
            shares = pair.expression(*given, batch=0)
        if name == "CountVAE":
            panels(axes[1], codes, cells, "CountVAE")
        line = f"{told(codes, cells.batch):9.3f}{told(codes, cells.type):8.3f}{nll:12.2f}"
        print(f"{name:20s}{line}{off(shares, cells):15.3f}", flush=True)
    print("log p: nats per cell of the test data, whose size is its total, or latent in the last")
    figure.savefig("counts_in_batches.png")
    print("counts_in_batches.png; by chance .500 of the batches and .250 of the types")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
