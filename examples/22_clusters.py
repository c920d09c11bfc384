"""Which digits belong together?  Run: python examples/22_clusters.py [--smoke]

Training uses no labels. A VAE is trained, then the same networks with a mixture of ten normals as
prior (VaDE), whose component is the cluster. The accuracy of the best assignment of clusters to
classes is compared with k-means on pixels and a mixture fitted to the VAE's codes; clusters.png.
"""

import argparse
from functools import partial

import pyro
import torch
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from pyrovae import data, fit, plots
from pyrovae.evaluate import cluster_accuracy, posterior_means
from pyrovae.models import VAE, MixtureVAE
from pyrovae.nn import MLP, Binomial
from pyrovae.objectives import ELBO

NET = partial(MLP, hidden=(256, 128))
PARTS = {"encoder": NET, "decoder": NET, "likelihood": Binomial(16)}


def clusters_of(method, codes, asked, y):
    found = method.fit(codes).predict(asked)
    return cluster_accuracy(torch.as_tensor(found).long(), y)


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits()
    train, test = digits.train, digits.test
    rows = []
    for seed in range(1 if smoke else 3):
        pyro.clear_param_store()
        pyro.set_rng_seed(seed)
        settings = {"objective": ELBO(), "lr": 2e-3, "compile": not smoke, "device": "cpu",
                    "progress": False, "seed": seed}  # fmt: skip
        vae = VAE(digits.shape, 10, **PARTS)
        fit(vae.model, vae.guide, train, epochs=2 if smoke else 150, **settings)
        codes, asked = (posterior_means(vae.model, vae.guide, s, seed=0) for s in (train, test))
        mixture = MixtureVAE(digits.shape, 10, 10, encoder=vae.encoder, decoder=vae.decoder,
                             likelihood=vae.likelihood)  # fmt: skip
        mixture.start(train.x, seed=seed)
        start = cluster_accuracy(mixture.clusters(test.x).argmax(-1), test.y)
        fit(mixture.model, mixture.guide, train, epochs=2 if smoke else 150, **settings)
        rows.append([
            clusters_of(KMeans(10, n_init=5, random_state=seed), train.x.flatten(1).numpy(),
                        test.x.flatten(1).numpy(), test.y),
            clusters_of(GaussianMixture(10, n_init=5, random_state=seed), codes.numpy(),
                        asked.numpy(), test.y),
            start,
            cluster_accuracy(mixture.clusters(test.x).argmax(-1), test.y),
        ])  # fmt: skip
    print("cluster accuracy     by seed")
    names = ("k-means on pixels", "mixture on codes", "MixtureVAE, start", "MixtureVAE, trained")
    for name, each in zip(names, zip(*rows, strict=True), strict=True):
        print(f"{name:<20} {' '.join(f'{a:.3f}' for a in each)}  mean {sum(each) / len(each):.3f}")
    made = mixture.generate(torch.arange(10).repeat_interleave(8)) / 16
    figure = plots.image_grid(made, columns=8, title="Draws of each cluster, a row for each")
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("clusters.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
