"""What are labels worth to M2 on MNIST?  Run: python benchmarks/semi_supervised.py --help

Test accuracy with few labels of M2, a classifier on the labelled data alone (the same network), M1
(a support vector machine on the codes of a VAE) and M1+M2 (an M2 of these codes, as in the paper).
Pyro's tutorial, with 500 hidden units, 50 latents and some hundred epochs, publishes for
100 / 600 / 1000 / 3000 labels: M2 .932 / .944 / .949 / .958, a classifier alone .771 / .872 /
.886 / .911. For example:

    python benchmarks/semi_supervised.py --data-root DIR --labels 100 600 --epochs 20
"""

import argparse
import time
from functools import partial
from statistics import mean

import pyro
import torch
from sklearn.svm import SVC
from timing import Report, where
from torch.nn.functional import cross_entropy

from pyrovae import data, fit
from pyrovae.data import Dataset, SemiSupervisedBatches, few_labels
from pyrovae.evaluate import probe
from pyrovae.models import VAE, SemiSupervisedVAE
from pyrovae.nn import MLP, PredictedNormal
from pyrovae.objectives import ELBO, StratifiedELBO
from pyrovae.train import Callback, Loop
from pyrovae.train.optim import schedules

PUBLISHED = {100: 0.932, 600: 0.944, 1000: 0.949, 3000: 0.958}


def accuracy(classifier: torch.nn.Module, split: data.Split) -> float:
    with torch.no_grad():
        return (classifier(split.x).argmax(-1) == split.y).double().mean().item()


class Watch(Callback):
    """Says after every epoch how the classifier does; the validation data choose nothing."""

    def __init__(self, vae: SemiSupervisedVAE, split: data.Split) -> None:
        self.vae, self.split, self.started = vae, split, time.perf_counter()

    def on_epoch(self, loop: Loop) -> None:
        found = accuracy(self.vae.classifier, self.split)
        seconds = time.perf_counter() - self.started
        print(f"  epoch {loop.epoch}: bound {loop.history[-1]['train']:.2f}, validation accuracy "
              f"{found:.4f}, {seconds:.0f} s", flush=True)  # fmt: skip


def m2(few: Dataset, given: argparse.Namespace, seed: int) -> float:
    net = partial(MLP, hidden=(given.hidden,))
    vae = SemiSupervisedVAE(few.shape, given.latent_dim, 10, encoder=net, decoder=net,
                            classifier=net, classification_weight=given.weight)  # fmt: skip
    source = SemiSupervisedBatches(
        few.train, given.batch_size, num_labelled=given.labelled_per_batch, seed=seed, device="cpu"
    )
    fit(vae.model, vae.guide, source, objective=StratifiedELBO(10), epochs=given.epochs,
        lr=given.lr, schedule=schedules.cosine(), compile=True, seed=seed, device="cpu",
        callbacks=[Watch(vae, few.val)], progress=False)  # fmt: skip
    return accuracy(vae.classifier, few.test)


def stacked(few: Dataset, vae: VAE, given: argparse.Namespace, seed: int) -> float:
    """M1+M2: an M2 of the active units of M1, each image drawn and encoded several times."""
    known = few.train.y >= 0
    with torch.no_grad():
        active = vae.encode(few.train.x[:5000]).mean.var(0) > 0.1

    @torch.no_grad()
    def codes(x: torch.Tensor, times: int) -> torch.Tensor:
        drawn = [torch.bernoulli(part) for _ in range(times) for part in x.split(2000)]
        return torch.cat([vae.encode(part).sample()[:, active] for part in drawn])

    parts = [(few.train.x[~known], 4), (few.train.x[known], 40)]
    x = torch.cat([codes(images, times) for images, times in parts])
    y = torch.cat([few.train.y[~known].repeat(4), few.train.y[known].repeat(40)])
    net = partial(MLP, hidden=(300,))
    made = SemiSupervisedVAE(x.shape[1:], 10, 10, encoder=net, decoder=net, classifier=net,
                             likelihood=PredictedNormal(), classification_weight=3.0)  # fmt: skip
    source = SemiSupervisedBatches(
        data.Split(x, y=y), 100, num_labelled=20, seed=seed, device="cpu"
    )
    fit(made.model, made.guide, source, objective=StratifiedELBO(10), epochs=given.stacked_epochs,
        lr=2e-3, schedule=schedules.cosine(), compile=True, seed=seed, device="cpu",
        progress=False)  # fmt: skip
    with torch.no_grad():
        asked = torch.cat([vae.encode(part).mean[:, active] for part in few.test.x.split(2000)])
    return accuracy(made.classifier, data.Split(asked, y=few.test.y))


def alone(few: Dataset, given: argparse.Namespace, steps: int = 1000) -> float:
    known = few.train.y >= 0
    x, y = few.train.x[known], few.train.y[known]
    net = MLP(few.shape, 10, hidden=(given.hidden,))
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(steps):
        rows = torch.randint(len(x), (min(100, len(x)),))
        optimizer.zero_grad()
        cross_entropy(net(torch.bernoulli(x[rows])), y[rows]).backward()
        optimizer.step()
    return accuracy(net, few.test)


def m1(few: Dataset, vae: VAE) -> float:
    machine = SVC(C=10.0)
    return probe(vae.model, vae.guide, few.train.binarized(0), few.test, classifier=machine)


def features(whole: Dataset, given: argparse.Namespace) -> VAE:
    """What M1 classifies; it sees no label, and so is trained once."""
    net = partial(MLP, hidden=(500,))
    vae = VAE(whole.shape, 50, encoder=net, decoder=net)
    fit(vae.model, vae.guide, whole.train, objective=ELBO(), epochs=given.m1_epochs, lr=1e-3,
        schedule=schedules.cosine(), compile=True, device="cpu", progress=False)  # fmt: skip
    return vae


def main(given: argparse.Namespace) -> None:
    torch.set_num_threads(given.threads)
    whole = data.mnist(given.data_root, binarize="dynamic")
    say = Report(given.out, "semi_supervised.txt")
    say(where())
    say(
        f"MNIST, dynamic binarisation, seeds {given.seeds}\n"
        f"M1: {given.m1_epochs} epochs, 500 hidden units, 50 latents\n"
        f"M1+M2: {given.stacked_epochs} epochs of its codes, 10 latents, 300 hidden units\n"
        f"M2: {given.epochs} epochs, {given.hidden} hidden units, {given.latent_dim} latents, "
        f"weight {given.weight:g}, batches of {given.batch_size} with {given.labelled_per_batch} "
        "labelled\n"
    )
    nan = float("nan")
    trained = features(whole, given) if given.m1_epochs else None
    say(f"{'labels':>6}  {'alone':>6}  {'M1':>6}  {'M1+M2':>6}  {'M2':>6}  published M2  by seed")
    for num_labelled in given.labels:
        rows = []
        for seed in given.seeds:
            pyro.clear_param_store()
            pyro.set_rng_seed(seed)
            few = few_labels(whole, num_labelled, seed=seed)
            first = nan if trained is None else m1(few, trained)
            both = nan if trained is None else stacked(few, trained, given, seed)
            direct = m2(few, given, seed) if given.epochs else nan
            rows.append((alone(few, given), first, both, direct))
        means = [mean(column) for column in zip(*rows, strict=True)]
        each = " ".join(f"{row[2]:.4f}/{row[3]:.4f}" for row in rows)
        say(f"{num_labelled:6d}  {'  '.join(f'{value:6.4f}' for value in means)}  "
            f"{PUBLISHED.get(num_labelled, nan):12.3f}  {each}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", required=True, help="folder of MNIST")
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 600, 1000, 3000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=20, help="of M2; 0 leaves it out")
    parser.add_argument("--m1-epochs", type=int, default=40, help="0 leaves M1 and M1+M2 out")
    parser.add_argument("--stacked-epochs", type=int, default=12, help="of M1+M2")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--latent-dim", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--labelled-per-batch", type=int, default=20)
    parser.add_argument("--weight", type=float, default=50.0, help="of the classification")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", help="file of the results")
    main(parser.parse_args())
