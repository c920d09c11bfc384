"""Which quantiser keeps its codes in use?  Run: python examples/18_vq_vae.py [--smoke]

Digits as grids of 2 x 2 codes out of 64: a codebook by gradient, one of moving averages, and
finite scalars, which have none. Then a prior over the codes is learned, and takes the uniform
one's place. Bits/dim are bounds both times: of -log p(x|c) - log p(c) at the code c of x. Writes
vq_vae.png: digits, their reconstructions from four codes, and samples of the learned prior.
"""

import argparse
from functools import partial

import pyro
import torch
from matplotlib.figure import Figure

from pyrovae import data, fit, log_evidence
from pyrovae.math import nats_to_bits_per_dim
from pyrovae.models import VQVAE, AutoregressiveCodes
from pyrovae.nn import Binomial, GridDecoder, GridEncoder
from pyrovae.nn.quantizers import FiniteScalar, LearnedCodebook, MovingAverageCodebook
from pyrovae.objectives import ELBO

QUANTIZERS = {
    "learned": lambda: LearnedCodebook(64, 8, decay=0.95),
    "averages": lambda: MovingAverageCodebook(64, 8, decay=0.95),
    "scalars": lambda: FiniteScalar([4, 4, 4]),
}


def bits(vae, split):
    found = log_evidence(vae.model, vae.guide, split, num_particles=1, seed=0)
    return nats_to_bits_per_dim(-found.log_px.mean(), split.shape.numel())


def train(pair, x, val, epochs):
    return fit(pair.model, pair.guide, x, objective=ELBO(), val=val, epochs=epochs, lr=2e-3,
               seed=0, device="cpu", progress=False)  # fmt: skip


def main(smoke):
    digits = data.digits()
    sides = partial(GridEncoder, channels=32), partial(GridDecoder, channels=32)
    figure = Figure(figsize=(9, 9), dpi=120, layout="constrained")
    axes = figure.subplots(len(QUANTIZERS) * 3, 12)
    print("quantiser  perplexity of 64  bits/dim, uniform  learned prior  a code costs  seconds")
    for row, (name, quantizer) in enumerate(QUANTIZERS.items()):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        vae = VQVAE(digits.shape, (2, 2), quantizer=quantizer(), encoder=sides[0],
                    decoder=sides[1], likelihood=Binomial(16))  # fmt: skip
        run = train(vae, digits.train, digits.val, 2 if smoke else 60)
        vae.eval()
        uniform = bits(vae, digits.test)
        codes, val_codes = vae.encode(digits.train.x), vae.encode(digits.val.x)
        prior = AutoregressiveCodes(vae.grid, vae.num_codes, width=32)
        train(prior, codes, val_codes, 2 if smoke else 30).load_best()
        vae.prior = prior
        cost = -prior().log_prob(vae.encode(digits.test.x)).mean() / 4 / torch.tensor(2.0).log()
        print(f"{name:<10} {vae.perplexity(digits.test.x):16.1f} {uniform:18.4f} "
              f"{bits(vae, digits.test):14.4f} {cost:8.2f} bits {run.seconds:8.1f}")  # fmt: skip
        pyro.set_rng_seed(1)
        some = digits.test.x[:12]
        rows = {"data": some, "codes": vae.reconstruct(some), "samples": vae.generate(12)}
        for place, (what, images) in enumerate(rows.items()):
            for cell, image in zip(axes[3 * row + place], images, strict=True):
                cell.imshow(image[0].detach(), cmap="Greys", vmin=0, vmax=16)
                cell.set(xticks=[], yticks=[])
            axes[3 * row + place, 0].set_ylabel(f"{name}\n{what}", fontsize=7)
    print(f"test bits/dim of {len(digits.test)} digits with 17 levels; a code of 64 costs "
          f"{torch.tensor(64.0).log2():.2f} bits under a uniform prior; vq_vae.png")  # fmt: skip
    figure.savefig("vq_vae.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
