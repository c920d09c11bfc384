"""Is a VAE a better compressor than PNG?  Run: python examples/23_compression.py [--smoke]

A pair is trained on the embedded digits (8 x 8 pixels, 17 levels) and codes the test digits
without loss by bits back: in expectation an image costs minus its ELBO. Beside it stand
compressors that know nothing of digits. Then pairs are trained with several beta: how many bits,
how good a picture?
Writes compression.png: rate and distortion by beta, and what real streams of the latents cost.
"""

import argparse
import bz2
import gzip
import lzma
from io import BytesIO

import numpy as np
import pyro
from PIL import Image

from pyrovae import data, fit
from pyrovae.apply import compress, decompress, rate_distortion
from pyrovae.evaluate import elbo_parts
from pyrovae.models import VAE
from pyrovae.nn import Binomial
from pyrovae.objectives import Beta


def png(images):
    """One picture of all images, side by side."""
    file = BytesIO()
    Image.fromarray(np.concatenate(list(images), 1)).save(file, "PNG", optimize=True)
    return file.getvalue()


def trained(digits, beta, epochs):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    pair = VAE(digits.shape, 8, likelihood=Binomial(16))
    fit(pair.model, pair.guide, digits.train, objective=Beta(beta), epochs=epochs, lr=2e-3, seed=0,
        compile=False, device="cpu", progress=False)  # fmt: skip
    return pair


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits()
    epochs = 3 if smoke else 150
    pairs = {beta: trained(digits, beta, epochs) for beta in (0.1, 0.3, 1.0, 3.0, 10.0)}
    pair, levels = pairs[1.0], digits.test.x.numpy().astype(np.uint8)

    content = compress(pair, levels)
    assert np.array_equal(decompress(pair, content), levels), "not the same images"
    assert np.array_equal(decompress(pair, content, part=(7, 9)), levels[7:9])
    print(f"{len(levels)} images, {levels.nbytes:,} bytes; bits per pixel:")
    sizes = {"plain bytes": levels.tobytes(), "gzip": gzip.compress(levels.tobytes()),
             "bz2": bz2.compress(levels.tobytes()), "lzma": lzma.compress(levels.tobytes()),
             "PNG, one picture": png(levels[:, 0]), "VAE, the whole file": content}  # fmt: skip
    for name, found in sizes.items():
        print(f"  {name:<20}{8 * len(found) / levels.size:7.3f}")
    bound = elbo_parts(pair, digits.test.x, num_particles=10, seed=0).means()["elbo"]
    print(f"  {'minus the ELBO':<20}{-bound / np.log(2) / levels[0].size:7.3f}")

    found = rate_distortion(pairs, digits.test.x, steps=[0.25, 0.5, 1.0, 2.0], seed=0)
    print(f"\n{found}")
    figure = found.plot()
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("compression.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
