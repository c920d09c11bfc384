"""What does z add where a question has several right answers?

Run: python examples/33_sequence_to_sequence.py [--smoke]

"2026-11-30" may be written "30 November 2026", "November 30, 2026" or in three more ways, of known
probabilities. A network without z is compared with the same one with z: how many of their answers
are right, and how many of the right ones do they give? No model's NLL can be below the entropy.
Writes sequence_to_sequence.png: which format each z stands for.
"""

import argparse
from functools import partial

import pyro
import torch
from matplotlib.figure import Figure
from torch.distributions import kl_divergence

from pyrovae import data, fit, log_evidence
from pyrovae.models import SequenceToSequence
from pyrovae.models.decoding import Beam, Sampling
from pyrovae.nn import AttentiveDecoder, AttentiveEncoder
from pyrovae.objectives import ELBO, Beta

NETS = AttentiveEncoder, AttentiveDecoder
DRAWS = 20
TASK = data.DateFormats()


class WithoutLatent(SequenceToSequence):
    """The same network, and z is always zero."""

    def model(self, x, y):
        self.declare("decoder")
        with pyro.plate("data", len(x)):
            pyro.sample("x", self.decode(torch.zeros(len(x), 2), y), obs=x)

    def guide(self, x, y):
        pass


def trained(kind, sets, objective, smoke, **options):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    encoder, decoder = (partial(net, width=16 if smoke else 96) for net in NETS)
    pair = kind(sets.shape, 2, encoder=encoder, decoder=decoder, **sets.supplies, **options)
    fit(pair.model, pair.guide, sets.train.labelled(), objective=objective, batch_size=100,
        epochs=1 if smoke else 16, lr=3e-3, seed=0, device="cpu", progress=not smoke)  # fmt: skip
    return pair.eval()


def row(name, pair, sources, codes):  # [N, D, T]
    print(f"{name:34s}", TASK.score(sources, [pair.to_text(some) for some in codes]))


def main(smoke):
    print("smoke: hardly trained\n" * smoke, end="")
    sets = data.dates(500 if smoke else 6000, val=0, test=100 if smoke else 500)
    test = sets.test
    plain = trained(WithoutLatent, sets, ELBO(), smoke)
    pair = trained(SequenceToSequence, sets, Beta(1.0, free_bits=1.5), smoke, word_dropout=0.3)
    sources, targets = pair.to_text(test.y), pair.to_text(test.x)

    print(f"{DRAWS} answers to each of {len(sources)} dates that were not in the training")
    for width in (1, 5, DRAWS):  # at z = 0
        best = plain.alternatives(test.y, beam=Beam(width)).codes
        row(f"without z, the best {width} of a beam", plain, sources, best)
    draws = plain.decode(torch.zeros(len(sources), 2), test.y).sample([DRAWS]).transpose(0, 1)
    row("without z, draws", plain, sources, draws)
    row("with z, greedy for draws of z", pair, sources, pair.generate(test.y, n=DRAWS))
    row("with z, draws", pair, sources, pair.generate(test.y, n=DRAWS, decoding=Sampling()))

    truth = -TASK.log_prob(list(zip(sources, targets, strict=True))).mean()
    nll = -ELBO().per_datum(plain.model, plain.guide, test.x, test.y).mean()
    z_nll = -log_evidence(pair, test.labelled(), num_particles=200, seed=0).mean()
    kl = kl_divergence(pair.encode(test.x, test.y), pair.prior_given(test.y)).mean()
    print(f"KL {kl:.2f}; NLL in nats: truth {truth:.3f}, without z {nll:.3f}, with z {z_nll:.3f}")

    source, ticks = sources[0], torch.linspace(-2.5, 2.5, 12 if smoke else 80)
    z = torch.cartesian_prod(ticks, ticks)
    answers = pair.to_text(pair.decode(z, pair.vocabulary.encode([source])).likeliest())
    known = list(TASK.answers(source))
    places = torch.tensor([[*known, a].index(a) for a in answers])
    made = pair.to_text(pair.generate([source], n=2000)[0])
    figure = Figure(figsize=(9, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    for place, answer in enumerate(known):
        share, true = made.count(answer) / len(made), TASK.answers(source)[answer]
        label = f"{answer}: {share:.2f} of draws, true {true:.2f}"
        axes.scatter(*z[places == place].T, s=900 / len(ticks), marker="s", label=label)
    axes.set(title=f"What z makes of {source}" + " (smoke)" * smoke, xlabel="z 1", ylabel="z 2")
    figure.legend(loc="outside right upper")
    figure.savefig("sequence_to_sequence.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
