"""Which quantiser keeps its codes in use?  Run: python examples/18_vq_vae.py [--smoke]

Digits are grids of 2 x 2 codes out of 64: from a codebook by gradient, a codebook of moving
averages, and finite scalars, which need none. Then a learned prior over the codes replaces the
uniform one. Bits/dim are bounds in both cases: -log p(x|c) - log p(c) at the code c of x. Gumbel-
softmax codes are compared. Writes vq_vae.png: digits, their reconstructions, and samples.
"""

import argparse
from functools import partial

import pyro
import torch
from matplotlib.figure import Figure

from pyrovae import data, fit, log_evidence
from pyrovae.math import nats_to_bits_per_dim
from pyrovae.models import VQVAE, AutoregressiveCodes, GumbelSoftmaxVAE
from pyrovae.nn import Binomial, GridDecoder, GridEncoder
from pyrovae.nn import quantizers as q
from pyrovae.objectives import ELBO, Beta
from pyrovae.train import Anneal

QUANTIZERS = {
    "learned": lambda: q.LearnedCodebook(64, 8, decay=0.95),
    "averages": lambda: q.MovingAverageCodebook(64, 8, decay=0.95),
    "scalars": lambda: q.FiniteScalar([4, 4, 4]),
}


def bits(vae, split):
    found = log_evidence(vae.model, vae.guide, split, num_particles=1, seed=0)
    return nats_to_bits_per_dim(-found.log_px.mean(), split.shape.numel())


def train(pair, x, val, epochs, **changed):
    return fit(pair.model, pair.guide, x, val=val, epochs=epochs, seed=0, device="cpu",
               progress=False, **{"objective": ELBO(), "lr": 2e-3, **changed})  # fmt: skip


def relaxed(digits, sides, epochs):
    """From codes that cost nothing and are soft, or they would all come to mean the same."""
    vae = GumbelSoftmaxVAE(digits.shape, (2, 2), num_codes=64, encoder=sides[0],
                           decoder=sides[1], likelihood=Binomial(16))  # fmt: skip
    weight = torch.tensor(0.0)
    ways = [Anneal(vae.temperature, 0.7, 0.5, fraction=0.7), Anneal(weight, fraction=0.5)]
    run = train(vae, digits.train, digits.val, epochs, objective=Beta(weight), lr=5e-3,
                val_objective=ELBO(), callbacks=ways)  # fmt: skip
    return vae.eval(), run


def draw(axes, name, vae, some):
    pyro.set_rng_seed(1)
    rows = {"data": some, "codes": vae.reconstruct(some), "samples": vae.generate(12)}
    for cells, (what, images) in zip(axes, rows.items(), strict=True):
        for cell, image in zip(cells, images, strict=True):
            cell.imshow(image[0].detach(), cmap="Greys", vmin=0, vmax=16)
            cell.set(xticks=[], yticks=[])
        cells[0].set_ylabel(f"{name}\n{what}", fontsize=7)


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits()
    sides = partial(GridEncoder, channels=32), partial(GridDecoder, channels=32)
    figure = Figure(figsize=(9, 9), dpi=120, layout="constrained")
    axes = figure.subplots(len(QUANTIZERS) * 3 + 3, 12)
    print("quantiser  perplexity of 64  bits/dim, uniform  learned prior  a code costs  seconds")
    for row, (name, quantizer) in enumerate(QUANTIZERS.items()):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        vae = VQVAE(digits.shape, (2, 2), quantizer=quantizer(), encoder=sides[0],
                    decoder=sides[1], likelihood=Binomial(16))  # fmt: skip
        run = train(vae, digits.train, digits.val, 1 if smoke else 60)
        vae.eval()
        uniform = bits(vae, digits.test)
        codes, val_codes = vae.encode(digits.train.x), vae.encode(digits.val.x)
        prior = AutoregressiveCodes(vae.grid, vae.num_codes, width=32)
        train(prior, codes, val_codes, 1 if smoke else 30).load_best()
        vae.prior = prior
        cost = -prior().log_prob(vae.encode(digits.test.x)).mean() / 4 / torch.tensor(2.0).log()
        print(f"{name:<10} {vae.perplexity(digits.test.x):16.1f} {uniform:18.4f} "
              f"{bits(vae, digits.test):14.4f} {cost:8.2f} bits {run.seconds:8.1f}")  # fmt: skip
        draw(axes[3 * row : 3 * row + 3], name, vae, digits.test.x[:12])
    pyro.set_rng_seed(0)
    vae, run = relaxed(digits, sides, 1 if smoke else 60)
    varied, found = q.perplexity(q.usage(vae.encode(digits.test.x), 64)), bits(vae, digits.test)
    print(f"{'relaxed':<10} {varied:16.1f} {found:18.4f} {run.seconds:39.1f}")
    draw(axes[-3:], "relaxed", vae, digits.test.x[:12])
    print(f"test bits/dim of {len(digits.test)} digits with 17 levels; a code of 64 costs "
          f"{torch.tensor(64.0).log2():.2f} bits under a uniform prior; vq_vae.png")  # fmt: skip
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("vq_vae.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
