"""How long does `compare` take, and what did it take?  Run: python benchmarks/comparing.py

Before: 200 eager draws of every bound, weight and gradient, 800 of every reference, 5,000
particles of the evidence, 23 timed steps, each objective for itself. This is run here by the same
loops with fewer draws, and the time of the draws is scaled. After: `compare` as it is, with its
limit of seconds: on a busy machine it draws less. First both sides are shown to give the
same numbers from the same seeds.
"""

import argparse
from functools import partial
from time import perf_counter, process_time

import pyro
import torch
from timing import Report, where
from torch import nn

from pyrovae import VAE, compare, data, gradients, log_evidence
from pyrovae.data.base import mix_seed
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder
from pyrovae.objectives import ELBO, IWAE, RWS, STL, DReG, Renyi

OLD_DRAWS, OLD_REPEATS, OLD_PARTICLES = 200, 23, 5000
SEED = 0


def digits():
    """Six objectives, 100 digits, the default network, 8 latents."""
    test = data.digits(binarize="static").test
    vae = VAE(test.x.shape[1:], latent_dim=8)
    every = [ELBO(), STL(), IWAE(), DReG(), Renyi(0.5), RWS()]
    return vae, test.x[:100], every, 8


def images():
    """Three objectives, 100 images, 784-200-200-50."""
    network = partial(MLP, hidden=(200, 200), activation=nn.Tanh)
    vae = VAE((784,), 50, encoder=network, decoder=network)
    x = torch.bernoulli(torch.full((100, 784), 0.3))
    return vae, x, [ELBO(), IWAE(), DReG()], 5


def convolutions():
    """Three objectives, six images of 64x64, convolutions."""
    vae = VAE((3, 64, 64), 32, encoder=ConvEncoder, decoder=ConvDecoder)
    return vae, torch.bernoulli(torch.full((6, 3, 64, 64), 0.3)), [ELBO(), IWAE(), DReG()], 5


MAKERS = {"digits": digits, "images": images, "convolutions": convolutions}


def resized(objectives, k):
    for objective in objectives:
        objective.num_particles = k
    return {repr(objective): objective for objective in objectives}


def plain_bounds(objective, vae, x, draws):
    """The bound of each draw, as `compare` seeds it."""
    found = []
    for index in range(draws):
        pyro.set_rng_seed(mix_seed(SEED, 0, index) % 2**32)
        found.append(objective.per_datum(vae.model, vae.guide, x).mean())
    return torch.stack(found).double()


def plain_gradients(objective, vae, x, draws, references):
    """Signal and noise, without graphs."""
    return gradients(
        vae, x, objective, num_draws=draws, reference_draws=references, seed=mix_seed(SEED, 2),
        compile=False, progress=False,
    )  # fmt: skip


def show_equal(vae, x, every):
    """Largest relative difference between `compare` and the plain loops, at equal seeds.

    Raises:
        AssertionError: It is more than rounding.
    """
    found = compare(
        vae, x, every, truth=0.0, num_draws=4, reference_draws=4, repeats=1, progress=False
    )
    worst = 0.0
    for row, objective in zip(found.rows, every.values(), strict=True):
        bound = float(plain_bounds(objective, vae, x, 4).mean())
        pairs = [(row["bound"], bound)]
        for group, figures in plain_gradients(objective, vae, x, 4, 4).summary().items():
            pairs += [(row[f"{group}_{key}"], figures[key]) for key in ("variance", "snr")]
        worst = max([worst, *(abs(a - b) / abs(b) for a, b in pairs)])
    assert worst < 1e-3, f"compare differs from plain loops by {worst:.1e}"
    return worst


def seconds():
    """Of a clock, and of work of this process on all cores, which a busy machine changes less."""
    return torch.tensor([perf_counter(), process_time()], dtype=torch.float64)


def seconds_before(vae, x, every, k, draws, particles):
    """Seconds that the loops take with few draws, scaled to those of before."""
    began = seconds()
    log_evidence(vae, x, num_particles=particles, progress=False, compile=False)
    of_evidence = seconds() - began
    began = seconds()
    for objective in every.values():
        plain_bounds(objective, vae, x, draws)
        for _ in range(draws * min(OLD_DRAWS, -(-1000 // k)) // OLD_DRAWS):  # its weights
            objective.draw(vae.model, vae.guide, x)
        plain_gradients(objective, vae, x, draws, 4 * draws)
    of_draws = seconds() - began
    of_times = OLD_REPEATS * of_draws / (6 * draws)  # a step is about the sixth of all draws
    return of_evidence * OLD_PARTICLES / particles + of_draws * OLD_DRAWS / draws + of_times


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(MAKERS), help=", ".join(MAKERS))
    parser.add_argument("--old-draws", type=int, default=20, help="that are scaled to 200")
    parser.add_argument("--old-particles", type=int, default=500, help="that are scaled to 5,000")
    parser.add_argument("--out")
    words = parser.parse_args()
    report = Report(words.out, "comparing.txt")
    report(where())
    for name in words.cases:
        pyro.set_rng_seed(0)
        vae, x, objectives, k = MAKERS[name]()
        every = resized(objectives, k)
        report(f"\n{MAKERS[name].__doc__} K = {k}, {len(every)} objectives")
        report(f"largest relative difference to plain loops: {show_equal(vae, x, every):.1e}")
        before = seconds_before(vae, x, every, k, words.old_draws, words.old_particles)
        began = seconds()
        found = compare(vae, x, every, progress=False)
        after = seconds() - began
        for what, old, new in zip(("seconds", "of work"), before, after, strict=True):
            report(
                f"{what}: before {old:.1f} (scaled from {words.old_draws} draws), after "
                f"{new:.1f}: {old / new:.1f} times less"
            )
        report(str(found))


if __name__ == "__main__":
    main()
