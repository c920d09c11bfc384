"""A VAE of text beside an n-gram and a network without latents.  Run: python benchmarks/text.py

First names, one a line, characters as tokens, the end of a name a token as well. All models see
the same names and are scored on the same held-out ones, in nats per character:

- n-grams with interpolated Kneser-Ney smoothing, their order chosen on the validation names;
- the decoder of the VAE with z = 0 throughout: an autoregressive network of the same size, whose
  likelihood is exact;
- `TextVAE` trained on the plain ELBO, and with remedies against a posterior that says nothing.
  Log p(x) of both is estimated by importance sampling, so that their NLL is too high rather than
  too low.

Epochs are chosen on the validation names (`Run.load_best`).

    python benchmarks/text.py --data-root DIR --out benchmarks/results/text.md
"""

import argparse
import math
import os
import random
import tempfile
import time
from functools import partial
from pathlib import Path

import pyro
import torch
from kneser_ney import KneserNey
from timing import Report, where

from pyrovae import Beta, fit, perplexity
from pyrovae.data import Vocabulary, text
from pyrovae.distributions.code_sequence import CodeSequence, shifted, until_end
from pyrovae.models import TextVAE
from pyrovae.nn import GRUDecoder, GRUEncoder
from pyrovae.objectives import ELBO
from pyrovae.train import CyclicAnneal
from pyrovae.train.optim import schedules

LATENTS = 16
WORD_DROPOUT, FREE = 0.3, 2.0
HEAD = ["model", "nats per character", "perplexity", "KL, nats", "active units", "CPU seconds"]


class WithoutLatents(torch.nn.Module):
    """The decoder of a TextVAE with z = 0: a pair that has no latents."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", len(x)):
            z = self.decoder.first.weight.new_zeros(len(x), LATENTS)
            known = x, self.decoder(shifted(x), z)
            pyro.sample("x", CodeSequence(self.decoder, z, x.shape[1], known), obs=x)

    def guide(self, x):
        pass

    def num_tokens(self, x):
        return until_end(x).sum(-1)


def trained(pair, names, options, objective=None, callbacks=()):
    """CPU seconds of training, with the best epoch on validation data loaded."""
    start = time.process_time()
    run = fit(
        pair, names.train, val=names.val, objective=objective or ELBO(),
        val_objective=ELBO(), epochs=options.epochs,
        batch_size=64, lr=options.lr, schedule=schedules.cosine(), callbacks=list(callbacks),
        seed=options.seed, device="cpu", progress=False,
    )  # fmt: skip
    run.load_best()
    return time.process_time() - start


def row(name, pair, names, options, seconds):
    found = perplexity(pair, names.test, num_particles=options.particles, seed=0)
    per, error = found.nll_per_token, found.standard_error
    active = "none" if found.units is None else f"{found.units.count} of {LATENTS}"
    kl = "none" if found.units is None else f"{found.parts.means()['kl']:.2f}"
    verdict = "exact" if found.units is None else f"log p(x) of a name by {found.evidence.source}"
    cells = [name, f"{per:.4f} +- {error:.4f}", f"{found.perplexity:.3f}", kl, active,
             f"{seconds:.0f}"]  # fmt: skip
    return cells, f"{name}: {verdict}"


def ngram_row(names):
    start = time.process_time()
    rows = {part: codes_of(getattr(names, part).x) for part in ("train", "val", "test")}
    count = len(Vocabulary.from_json(names.supplies["vocabulary"]))
    support = [1, *range(3, count)]

    def nll(model, part):
        return [model.nll(row) for row in rows[part]]

    models = {order: KneserNey(rows["train"], order, support) for order in range(2, 8)}
    best = min(models, key=lambda order: sum(nll(models[order], "val")))
    nats, tokens = torch.tensor(nll(models[best], "test")), torch.tensor([*map(len, rows["test"])])
    per = float(nats.sum() / tokens.sum())
    error = float((nats - per * tokens).std()) / len(nats) ** 0.5 / float(tokens.double().mean())
    seconds = time.process_time() - start
    return [f"Kneser-Ney {best}-gram", f"{per:.4f} +- {error:.4f}", f"{math.exp(per):.3f}", "none",
            "none", f"{seconds:.0f}"]  # fmt: skip


def codes_of(x):
    """Each row up to and with its end, as a list."""
    return [row[seen].tolist() for row, seen in zip(x, until_end(x), strict=True)]


def some_names(options):
    """A random choice of the names, split in three, with the vocabulary of the training part."""
    lines = (Path(options.data_root) / "names.txt").read_text().split()
    chosen = random.Random(options.seed).sample(lines, min(options.names, len(lines)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.txt"
        path.write_text("\n".join(chosen) + "\n")
        size = len(chosen) // 10
        return text(path, val_size=size, test_size=size, seed=options.seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", default=os.environ.get("PYROVAE_DATA", "."))
    parser.add_argument("--out")
    parser.add_argument("--names", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--particles", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    names = some_names(options)
    vocabulary = Vocabulary.from_json(names.supplies["vocabulary"])
    small = {"width": options.width, "embedding": 24}

    def vae(**parts):
        torch.manual_seed(options.seed)
        return TextVAE(
            names.shape, LATENTS, vocabulary=vocabulary, encoder=partial(GRUEncoder, **small),
            decoder=partial(GRUDecoder, **small), **parts,
        )  # fmt: skip

    rows, notes = [ngram_row(names)], []
    torch.manual_seed(options.seed)
    alone = WithoutLatents(GRUDecoder((LATENTS,), (len(vocabulary),), **small))
    cases = [
        ("decoder alone, z = 0", alone, None, ()),
        ("TextVAE, ELBO", vae(), None, ()),
    ]
    weight = torch.tensor(0.0)
    cases.append((
        f"TextVAE, {WORD_DROPOUT:.0%} of characters hidden, {FREE:g} nats free, KL in 3 cycles",
        vae(word_dropout=WORD_DROPOUT), Beta(weight, free_bits=FREE),
        [CyclicAnneal(weight, cycles=3)],
    ))  # fmt: skip
    for name, pair, objective, callbacks in cases:
        seconds = trained(pair, names, options, objective, callbacks)
        cells, note = row(name, pair, names, options, seconds)
        rows.append(cells)
        notes.append(note)
        print(cells, note, flush=True)
    report(rows, notes, names, options)


def report(rows, notes, names, options):
    found = Report(options.out, "text.md")
    found("# A VAE of text beside an n-gram and a network without latents\n")
    found(
        f"{options.names:,} first names at random, {len(names.train):,} to train on, "
        f"{len(names.val):,} to choose by, {len(names.test):,} to score; GRUs of "
        f"{options.width} units, {LATENTS} latents, {options.epochs} epochs, lr {options.lr:g}, "
        f"seed {options.seed}, K = {options.particles}. The end of a name counts as a character.\n"
    )
    for cells in (HEAD, ["---"] * len(HEAD), *rows):
        found(f"| {' | '.join(cells)} |")
    found("")
    for note in notes:
        found(f"- {note}")
    given = vars(options).items()
    words = " ".join(f"--{k} {v}" for k, v in given if k not in ("data_root", "out"))
    found(f"\n`python benchmarks/text.py --data-root DIR {words}`; {where()}")


if __name__ == "__main__":
    main()
