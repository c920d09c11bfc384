"""Are forecasts of pendulums better with latents, and are their intervals honest?

Run: python examples/36_forecasting.py [--smoke]

Noisy pendulums swing up to 150 degrees, and a wide swing takes longer than a narrow one. A deep
Markov model and a variational RNN learn from 400 of them; on others they forecast the last 15 of
40 steps, with intervals as they come and calibrated on validation series. A linear autoregression
and a random walk stand beside them. Writes forecasts.png. It takes about three minutes on one
core. After Krishnan, Shalit & Sontag (2017), https://arxiv.org/abs/1609.09869, and Chung et al.
(2015), https://arxiv.org/abs/1506.02216.
"""

import argparse
from functools import partial

import pyro
import torch

from pyrovae import apply, data, fit
from pyrovae.models import DeepMarkovModel, VariationalRNN
from pyrovae.nn import RecurrentSteps
from pyrovae.objectives import ELBO


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    swings = data.pendulums(num_steps=40, train=40 if smoke else 400,
                            val=20 if smoke else 100, test=20 if smoke else 200)  # fmt: skip
    pyro.set_rng_seed(0)
    encoder = partial(RecurrentSteps, hidden=32)
    pairs = {
        "deep Markov": (DeepMarkovModel(swings.shape, 4, encoder=encoder), 120),
        "recurrent": (VariationalRNN(swings.shape, 4, hidden=32, features=16), 40),
    }
    best = None
    for name, (pair, epochs) in pairs.items():
        run = fit(
            pair, swings, objective=ELBO(), epochs=1 if smoke else epochs, batch_size=40, lr=5e-3,
            schedule="cosine", seed=0, device="cpu", progress=not smoke,
        )  # fmt: skip
        run.load_best()
        steps = swings.test.x[:, :, 0].numel()
        nats = float(pair.filter(swings.test.x, num_particles=50).log_evidence.sum() / steps)
        found = apply.forecast(pair, swings.test, horizon=15, train=swings.train, val=swings.val,
                               num_samples=50 if smoke else 300, seed=0)  # fmt: skip
        print(f"\n{name}: log p(x) {nats:.3f} nats a step, by a particle filter\n{found}")
        if best is None or found.scores["pair"].crps < best.scores["pair"].crps:
            best = found
    figure = best.plot()
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("forecasts.png")
    cover = best.scores["pair, calibrated"].coverage[best.levels.index(0.9)]
    print(f"\ncalibrated 90% intervals of the better one cover {float(cover):.3f}: forecasts.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    main(arguments.smoke)
