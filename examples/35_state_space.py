"""How much does a learned state-space model lose against the one that made the data?

Run: python examples/35_state_space.py [--smoke]

The data are of a linear-Gaussian state-space model, for which Kalman's filter gives log p(x) and
forecasts exactly. A deep Markov model learns from 300 series with networks that know nothing of
it. Printed is log p(x) of test series under both, the bound, and how often 90% intervals of the
forecast cover what came. Writes state_space.png. After Krishnan, Shalit & Sontag (2017),
https://arxiv.org/abs/1609.09869.
"""

import argparse
from functools import partial

import pyro
import torch
from matplotlib.figure import Figure

from pyrovae import apply, fit
from pyrovae.data import LinearGaussianStateSpace
from pyrovae.models import DeepMarkovModel
from pyrovae.nn import RecurrentSteps
from pyrovae.objectives import ELBO

STEPS, HORIZON = 30, 10


class Kalman(LinearGaussianStateSpace):
    """The model that made the data, which forecasts by the filter and its own dynamics."""

    def forecast(self, x, horizon, y=None, *, num_samples=1000):
        means, covs = super().forecast(x, horizon)
        scales = covs.diagonal(dim1=-2, dim2=-1).sqrt()  # of each step by itself
        return means + scales * torch.randn(num_samples, *means.shape, dtype=means.dtype)


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    true = Kalman.random(2, 2, seed=1, dtype=torch.float32)
    train, test = true.sample(60 if smoke else 300, STEPS, 1), true.sample(200, STEPS, 2)
    pyro.set_rng_seed(0)
    dmm = DeepMarkovModel((STEPS, 2), 2, encoder=partial(RecurrentSteps, hidden=32))
    fit(dmm, train, objective=ELBO(), epochs=2 if smoke else 120, batch_size=50, lr=5e-3, seed=0,
        device="cpu", progress=not smoke)  # fmt: skip
    exact = true.log_px(test).mean().item()
    bound = ELBO(20).per_datum(dmm.model, dmm.guide, test).mean().item()
    nats = dmm.filter(test, num_particles=300).log_evidence.mean().item()
    print("nats a series of the test data")
    print(f"log p(x) of the model that made them, by Kalman's filter  {exact:8.2f}")
    print(f"log p(x) of the deep Markov model, by a particle filter   {nats:8.2f}")
    print(f"ELBO of the deep Markov model                             {bound:8.2f}\n")
    found = {}
    for name, pair in (("Kalman", true), ("deep Markov", dmm)):
        found[name] = apply.forecast(pair, test, horizon=HORIZON, num_samples=300, seed=0,
                                     levels=[0.5, 0.9], train=train)  # fmt: skip
        print(f"{name}\n{found[name]}\n")

    figure = Figure(figsize=(9, 4.5), dpi=150, layout="constrained")
    for axes, row in zip(figure.subplots(2, 2).flat, range(4), strict=True):
        ahead = range(STEPS - HORIZON, STEPS)
        axes.plot(test[row, :, 0], color="0.3", lw=1, label="series")
        for color, (name, each) in zip(("C1", "C0"), found.items(), strict=True):
            low, high = (end[row, :, 0].numpy() for end in each.interval(0.9))
            axes.fill_between(ahead, low, high, color=color, alpha=0.25, lw=0)
            axes.plot(ahead, each.mean[row, :, 0], color=color, label=f"{name}, 90%")
        axes.axvline(STEPS - HORIZON - 0.5, color="0.7")
    figure.axes[0].legend(fontsize=8)
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("state_space.png")
    cover = found["deep Markov"].scores["pair"].coverage[1]
    print(f"its 90% intervals cover {float(cover):.3f} of what came: state_space.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
