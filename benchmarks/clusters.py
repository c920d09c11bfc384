"""How well does a mixture of ten normals cluster digits, without labels?

Run: python benchmarks/clusters.py --help

Cluster accuracy on MNIST of MixtureVAE (VaDE: Jiang et al., 2017), of k-means on pixels, and of a
mixture of normals on the codes of the VAE from which MixtureVAE starts. For example:

    python benchmarks/clusters.py --data-root DIR --epochs 10 20
"""

import argparse
from functools import partial

import pyro
import torch
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from timing import Report, where

from pyrovae import data, fit
from pyrovae.evaluate import cluster_accuracy, posterior_means
from pyrovae.models import VAE, MixtureVAE
from pyrovae.nn import MLP
from pyrovae.objectives import Beta
from pyrovae.train import Anneal
from pyrovae.train.optim import schedules


def clusters_of(method, codes, asked, y):
    return cluster_accuracy(torch.as_tensor(method.fit(codes).predict(asked)).long(), y)


def main(given):
    torch.set_num_threads(given.threads)
    say = Report(given.out, "clusters.txt")
    say(where())
    first, second = given.epochs
    say(
        f"MNIST, dynamic binarisation, networks 784-{'-'.join(map(str, given.hidden))}-10, "
        f"{first} epochs as a VAE of KL weight {given.start_beta:g}, {second} with the mixture, "
        f"batch 100, seeds {given.seeds}; accuracy on the 10,000 test images\n"
    )
    whole = data.mnist(given.data_root, binarize="dynamic")
    train, test = whole.train.binarized(0), whole.test
    some = train[torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:10_000]]
    say("seed  k-means on pixels  mixture on codes  MixtureVAE at its start   trained")
    for seed in given.seeds:
        pyro.clear_param_store()
        pyro.set_rng_seed(seed)
        net = partial(MLP, hidden=given.hidden)
        back = partial(MLP, hidden=given.hidden[::-1])
        settings = {"lr": 1e-3, "seed": seed, "compile": True, "device": "cpu"}
        vae = VAE(whole.shape, 10, encoder=net, decoder=back)
        weight = Beta(given.start_beta, closed_form_kl=True)
        fit(vae.model, vae.guide, whole.train, objective=weight, epochs=first, **settings)
        codes, asked = (
            posterior_means(vae.model, vae.guide, split.x, seed=0).numpy()
            for split in (some, test)
        )
        pixels = KMeans(10, n_init=3, random_state=seed)
        plain = clusters_of(pixels, some.x.flatten(1).numpy(), test.x.flatten(1).numpy(), test.y)
        fitted = GaussianMixture(10, n_init=3, random_state=seed)
        on_codes = clusters_of(fitted, codes, asked, test.y)
        made = MixtureVAE(whole.shape, 10, 10, encoder=vae.encoder, decoder=vae.decoder)
        made.start(some.x, seed=seed)
        start = cluster_accuracy(made.clusters(test.x).argmax(-1), test.y)
        beta = torch.tensor(given.start_beta)
        fit(made.model, made.guide, whole.train, objective=Beta(beta, closed_form_kl=False),
            callbacks=[Anneal(beta, given.start_beta, 1.0, fraction=0.5)], epochs=second,
            schedule=schedules.cosine(), **settings)  # fmt: skip
        trained = cluster_accuracy(made.clusters(test.x).argmax(-1), test.y)
        say(f"{seed:4d}  {plain:17.4f}  {on_codes:16.4f}  {start:23.4f}  {trained:8.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", required=True, help="folder of MNIST")
    parser.add_argument("--epochs", type=int, nargs=2, default=[10, 20],
                        metavar=("START", "MIXTURE"))  # fmt: skip
    parser.add_argument("--hidden", type=int, nargs="+", default=[500, 500, 1000])
    parser.add_argument("--start-beta", type=float, default=0.2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", help="file of the results")
    main(parser.parse_args())
