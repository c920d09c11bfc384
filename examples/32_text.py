"""Does z tell anything of a text? Words, with and without a remedy against posterior collapse.

Run: python examples/32_text.py [--smoke]

A VAE of characters on the words of Python's own language reference. The plain bound gives z up,
because the decoder can do without; free bits, cycles of the KL's weight and word dropout keep it.
Prints NLL per character by importance sampling, the KL, and words that are new. Writes text.png:
the KL in training, and words on the line between two. After Bowman et al. (2016).
"""

import argparse
from functools import partial

import pyro
import torch
from matplotlib.figure import Figure

from pyrovae import data, elbo_parts, fit, log_evidence, nn
from pyrovae.models import TextVAE
from pyrovae.models.decoding import Greedy
from pyrovae.objectives import ELBO, Beta
from pyrovae.train import CyclicAnneal

GRU = {"embedding": 16, "width": 64}
FREE = 6.0  # nats
ENDS = "section", "returned"


def trained(words, remedy, smoke):
    """A pair, and the KL of validation words after each epoch."""
    pyro.set_rng_seed(0)
    pair = TextVAE(
        words.train.shape, 8, **words.supplies, word_dropout=0.3 if remedy else 0.0,
        encoder=partial(nn.GRUEncoder, **GRU), decoder=partial(nn.GRUDecoder, **GRU),
    )  # fmt: skip
    weight = torch.tensor(1.0)
    source = data.like_lengths(words, 50, num_widths=3, device="cpu")
    run = fit(
        pair.model, pair.guide, source, lr=5e-3, seed=0, epochs=1 if smoke else 40, device="cpu",
        objective=Beta(weight, free_bits=FREE) if remedy else ELBO(),
        callbacks=[CyclicAnneal(weight, cycles=4)] if remedy else [],
        val=words.val, val_objective=ELBO(num_particles=4), progress=not smoke,
    )  # fmt: skip
    return pair, run.history


def between(pair, one, other, steps=6):
    """The likeliest words of z on the line from the mean z of one word to that of another."""
    ends = pair.encode(pair.vocabulary.encode([one, other], *pair.data_shape)).mean
    z = torch.lerp(ends[:1], ends[1:], torch.linspace(0, 1, steps)[:, None])
    return pair.to_text(Greedy().decode(pair.decoder, z, max_length=pair.data_shape[0]))


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    words = data.python_words()
    known = set(data.Vocabulary.from_json(words.supplies["vocabulary"]).decode(words.train.x))
    figure = Figure(figsize=(10, 4), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    right.axis("off")
    print("                     KL    NLL per character   new words")
    for name, remedy in (("plain bound", False), ("with remedies", True)):
        pair, history = trained(words, remedy, smoke)
        parts = elbo_parts(pair.model, pair.guide, words.test, num_particles=20, seed=0)
        evidence = log_evidence(pair.model, pair.guide, words.test, num_particles=200, seed=0)
        nll = -evidence.mean() / pair.num_tokens(words.test.x).float().mean().item()
        pyro.set_rng_seed(1)
        made = pair.to_text(pair.generate(300))
        new = [word for word in made if word not in known]
        print(f"{name:<18}{parts.kl.mean():6.2f}{nll:15.3f}{len(new) / len(made):20.0%}")
        left.plot(history["epoch"], history["kl[z]"], label=name)
        lines = [name, "", *new[:6], "", "section to returned:", *between(pair, *ENDS)]
        right.text(0.5 * remedy, 0.95, "\n".join(lines), va="top", family="monospace", fontsize=8)
    left.set(xlabel="epoch", ylabel="KL of validation words, nats", title="What z tells")
    left.legend()
    right.set_title("New words, and words on a line")
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("text.png")
    print(f"new words with remedies: {', '.join(new[:8])}")
    print(f"NLL with remedies {nll:.3f} nats per character; text.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
