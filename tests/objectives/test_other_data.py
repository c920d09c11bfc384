"""Objectives on text and spectrograms, against exact truths."""

import math
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch

from pyrovae import elbo_parts, log_evidence
from pyrovae.data import Vocabulary
from pyrovae.models import SpectrogramVAE, TextVAE
from pyrovae.nn import GRUDecoder, GRUEncoder
from pyrovae.objectives import ELBO, IWAE, MIWAE, Beta, DReG, Renyi
from tests.evaluate.token_pairs import Strings

PAIR = Strings()
X = PAIR.every()
EXACT = PAIR.log_px(X)
REPEATS = 10


def bounds(objective):
    """Bounds of every string [REPEATS, N]."""
    torch.manual_seed(0)
    with torch.no_grad():
        found = [objective.per_datum(PAIR.model, PAIR.guide, X) for _ in range(REPEATS)]
    return torch.stack(found)


@pytest.mark.parametrize(
    "objective", [IWAE(1500), DReG(1500), Renyi(0.0, 1500), MIWAE(2, 1500)], ids=repr
)
def test_bounds_of_text_rise_to_its_exact_evidence(objective):
    each = bounds(objective).mean(1)
    z = (each.mean() - EXACT.mean()) / (each.std() / math.sqrt(REPEATS))
    assert abs(z) < 4.5
    few = bounds(IWAE(2)).mean(1)
    assert few.mean() + 4.5 * few.std() / math.sqrt(REPEATS) < EXACT.mean()
    assert bounds(ELBO()).mean() < few.mean()


def labelled():
    """A text VAE of two classes with one latent, and every row of its codes."""
    torch.manual_seed(0)
    small = {"width": 4, "embedding": 3}
    pair = TextVAE(
        3, 1, vocabulary=Vocabulary.of(["ab"]), num_classes=2,
        encoder=partial(GRUEncoder, **small), decoder=partial(GRUDecoder, **small),
    ).double()  # fmt: skip
    drawn = range(3, 6)  # what is not known, and two letters
    ended = [[*row, 1] for size in range(3) for row in product(drawn, repeat=size)]
    rows = [row + [0] * (3 - len(row)) for row in ended] + [
        list(r) for r in product(drawn, repeat=3)
    ]
    return pair, torch.tensor(rows)


@pytest.mark.parametrize("label", [0, 1])
def test_evidence_of_text_given_its_label_is_exact(label):
    pair, x = labelled()
    y = torch.full((len(x),), label)
    at, weight = np.polynomial.hermite_e.hermegauss(40)
    with torch.no_grad():
        z = torch.tensor(at)[:, None, None].expand(-1, len(x), 1)
        log_weight = torch.tensor(weight).log() - 0.5 * math.log(2 * math.pi)
        exact = (pair.decode(z, y).log_prob(x) + log_weight[:, None]).logsumexp(0)
    assert float(exact.exp().sum()) == pytest.approx(1, abs=1e-9)
    found = log_evidence(pair, x, y, num_particles=2000, seed=0)
    z = (found.mean() + found.shortfall - float(exact.mean())) / found.monte_carlo_error()
    assert abs(z) < 4.5
    assert float((elbo_parts(pair, x, y, seed=0).elbo - exact).mean()) < 0
    other = log_evidence(pair, x, 1 - y, num_particles=200, seed=0)
    assert float((other.log_px - found.log_px).abs().max()) > 0.01


def gradient(pair, objective, x, seed, of=("encoder", "decoder")):
    torch.manual_seed(seed)
    pair.zero_grad()
    objective.loss_and_grads(pair.model, pair.guide, x)
    parts = [p for name in of for p in getattr(pair, name).parameters()]
    return torch.cat([part.grad.flatten() for part in parts])


def test_dreg_of_a_spectrogram_has_the_gradient_of_iwae():
    torch.manual_seed(0)
    pair = SpectrogramVAE.example().double()
    x = pair.example_x(3).double().repeat_interleave(40, 0)
    found = [
        torch.stack([gradient(pair, objective, x, first + i, ["encoder"]) for i in range(40)])
        for first, objective in ((0, IWAE(3)), (1000, DReG(3)))
    ]
    error = torch.stack([g.var(0) / len(g) for g in found]).sum(0).sqrt()
    differ = found[0].mean(0) - found[1].mean(0)
    z = differ[error > 0] / error[error > 0]
    assert len(z) > 200 and float(z.abs().max()) < 4.8
    assert found[1].var(0).sum() < 0.5 * found[0].var(0).sum()  # and it has less noise


def test_weights_and_free_nats_reduce_as_defined_on_text():
    torch.manual_seed(0)
    pair = TextVAE.example().double()
    x = pair.example_x()
    kl = float(elbo_parts(pair, x, seed=0).kl.mean())
    of = partial(gradient, pair, x=x, seed=1)
    elbo, reconstruction = of(ELBO(closed_form_kl=True)), of(Beta(0.0))
    torch.testing.assert_close(of(Beta(1.0)), elbo)
    torch.testing.assert_close(of(Beta(1.0, free_bits=kl / 2)), elbo)
    torch.testing.assert_close(of(Beta(1.0, free_bits=2 * kl)), reconstruction)
    torch.testing.assert_close(of(Beta(torch.tensor(0.25))), 0.25 * elbo + 0.75 * reconstruction)
