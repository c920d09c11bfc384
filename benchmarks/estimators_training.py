"""Which estimator trains the better model?  Run: python benchmarks/estimators_training.py --help

The one-layer net of the IWAE paper (examples/mnist.yaml) is trained on dynamically binarised MNIST
for equal steps, from the same initialisation under each objective. One evaluator measures all, and
differences are paired by seed. With --run-dir a stopped comparison can be continued. For example:

    python benchmarks/estimators_training.py --data-root DIR --epochs 30 --seeds 0 1 \
        --objectives "ELBO(num_particles=1)" "IWAE(num_particles=5)" "DReG(num_particles=5)"
"""

import argparse
from functools import partial
from pathlib import Path

import torch
from timing import where

from pyrovae import data
from pyrovae.cli.objective_words import make_objective
from pyrovae.data.base import pick_device
from pyrovae.evaluate import compare_training
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.train.optim import schedules


def make_pair():
    network = partial(MLP, hidden=(200, 200), activation=torch.nn.Tanh)
    return VAE((1, 28, 28), 50, encoder=network, decoder=network)


def main(options):
    device = pick_device(options.device)
    print(where(device), flush=True)
    mnist = data.mnist(options.data_root, binarize="dynamic", val_size=0)
    train = mnist.train.subset(options.limit) if options.limit else mnist.train
    test = mnist.test.subset(options.limit) if options.limit else mnist.test
    table = compare_training(
        make_pair,
        train,
        {words: make_objective(words, options.num_particles) for words in options.objectives},
        epochs=options.epochs,
        seeds=options.seeds,
        test=test,
        schedule=schedules.cosine(),
        num_particles=options.test_particles,
        run_dir=options.run_dir,
        device=device,
        compile=options.compile,
        progress=options.progress,
        on_run=lambda name, seed, nll: print(f"{name}, seed {seed}: NLL {nll:.3f}", flush=True),
    )
    print(table)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out)
    table.to_json(options.out.with_suffix(".json"))
    print(options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--objectives",
        nargs="+",
        default=["ELBO(num_particles=1)", "IWAE"],
        help="names, with arguments where needed; the first is what others are compared to",
    )
    add("--num-particles", type=int, default=5, help="K where an objective does not say its own")
    add("--seeds", type=int, nargs="+", default=[0, 1])
    add("--epochs", type=int, default=30)
    add("--limit", type=int, help="only the first so many training and test data")
    add("--test-particles", type=int, default=5000)
    add("--data-root", help="folder of the data; else $PYROVAE_DATA")
    add("--run-dir", type=Path, help="keep run folders here, and continue from them")
    add("--device")
    add("--compile", action="store_true", help="capture and compile the training step")
    add("--progress", action="store_true")
    add("--out", type=Path, default=Path(__file__).parent / "results/estimators_training.csv")
    main(parser.parse_args())
