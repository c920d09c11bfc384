"""The pairs whose compiling is timed: those of `cases`, and larger graphs of the library's own."""

from functools import partial

import pyro
import torch
from cases import CASES

from pyrovae import data, models
from pyrovae.nn import RecurrentSteps
from pyrovae.objectives import ELBO, Beta, DReG


def plain(key, num_particles):
    """A pair of `cases`, its objective and a batch."""
    case = CASES[key]
    objective = ELBO() if num_particles == 1 else DReG(num_particles)
    return *case.pair(case.networks(), key), objective, (case.data(),)


def top_down():
    """Three groups of latents at two resolutions."""
    bits = torch.bernoulli(torch.full((32, 1, 28, 28), 0.3))
    return *_programs(models.TopDownVAE((1, 28, 28))), ELBO(), (bits,)


def deep_markov():
    """That of examples/35_state_space.py, with 30 steps."""
    encoder = partial(RecurrentSteps, hidden=32)
    pair = models.DeepMarkovModel((30, 2), 2, encoder=encoder)
    return *_programs(pair), ELBO(), (torch.randn(50, 30, 2),)


def speech():
    """That of examples/34_speech.py."""
    sets = data.tones(takes=6)
    pair = models.SpeechVAE(sets.shape, 16, **sets.supplies)
    return *_programs(pair), Beta(15.0), (sets.train.x[:60], sets.train.y[:60])


def _programs(pair):
    return pair.model, pair.guide


_MAKERS = {
    "digits": partial(plain, "digits", 1),
    "iwae1": partial(plain, "iwae1", 1),
    "dreg5": partial(plain, "iwae5", 5),
    "conv": partial(plain, "conv", 1),
    "top_down": top_down,
    "deep_markov": deep_markov,
    "speech": speech,
}
KEYS = tuple(_MAKERS)


def make(key):
    """Model, guide, objective and the arguments of a step, the same every time."""
    pyro.set_rng_seed(0)
    return _MAKERS[key]()
