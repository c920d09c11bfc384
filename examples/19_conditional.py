"""How much does knowing a class, or a part of the image, help?

Run: python examples/19_conditional.py [--smoke]

A conditional VAE p(x|y, z) of digits; y is the class, then the bottom left quadrant. Its NLL of x
is compared with a VAE without y, and with a network that predicts each pixel independently. Writes
conditional.png: digits by class, and several completions of quadrants. After Sohn, Lee & Yan
(2015) and https://pyro.ai/examples/cvae.html; benchmarks/quadrants.py has MNIST.
"""

import argparse
from functools import partial

import pyro
import torch
from matplotlib.figure import Figure

from pyrovae import data, fit, log_evidence
from pyrovae.models import VAE, ConditionalVAE
from pyrovae.nn import MLP, Bernoulli
from pyrovae.objectives import ELBO

NET = partial(MLP, hidden=(128, 128))
PIXELS = Bernoulli()


class Network:
    """p(x|y) without latents: every pixel is predicted on its own."""

    def __init__(self, given, found):
        self.net = NET(given, (1, found))

    def model(self, x, y):
        pyro.module("net", self.net)
        with pyro.plate("data", len(x)):
            pyro.sample("x", PIXELS(self.net(y), event_dim=1), obs=x)

    def guide(self, x, y):
        pass


def nll(pair, sets, smoke, labels=True):
    """Train a pair and measure it on test data, in nats per digit."""
    train, val, test = (s.labelled() if labels else s for s in (sets.train, sets.val, sets.test))
    run = fit(pair.model, pair.guide, train, objective=ELBO(), val=val, lr=2e-3, seed=0,
              epochs=2 if smoke else 150, compile=not smoke, device="cpu",
              progress=not smoke)  # fmt: skip
    run.load_best()
    if isinstance(pair, Network):
        return -ELBO().per_datum(pair.model, pair.guide, test.x, test.y).mean().item()
    return -log_evidence(pair.model, pair.guide, test, num_particles=500, seed=0).mean()


def panel(axes, images, title):
    """Images [rows, columns, 8, 8]."""
    tiles = torch.nn.functional.pad(images, (1, 1, 1, 1), value=0.25)
    canvas = torch.cat([torch.cat(list(row), -1) for row in tiles], 0)
    axes.imshow(canvas, cmap="gray_r", vmin=0, vmax=1)
    axes.set(title=title, xticks=[], yticks=[])


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    grey = data.digits(unit=True)
    digits = grey.binarized("dynamic")
    cut = data.quadrants(grey, given=1).binarized("dynamic")  # y is grey, x binary
    pyro.set_rng_seed(0)
    print("y               x               model              NLL")

    vae = VAE((1, 8, 8), 16, encoder=NET, decoder=NET)
    print(f"nothing         digit           VAE             {nll(vae, digits, smoke, False):6.2f}")
    by_class = ConditionalVAE((1, 8, 8), 16, num_classes=10, encoder=NET, decoder=NET)
    print(f"class           digit           ConditionalVAE  {nll(by_class, digits, smoke):6.2f}")
    network = Network(16, 48)
    print(f"bottom left     other pixels    network         {nll(network, cut, smoke):6.2f}")
    pair = ConditionalVAE((48,), 16, condition_shape=(16,), encoder=NET, decoder=NET,
                          prior_network=NET)  # fmt: skip
    print(f"bottom left     other pixels    ConditionalVAE  {nll(pair, cut, smoke):6.2f}")
    print("nats per digit of the test set; conditional.png")

    join = partial(data.join_quadrants, shape=(8, 8), given=1)
    y, truth = cut.test.y[:10], grey.test.x[:10].squeeze(1)
    rows = [join(torch.zeros(10, 48), y), truth]
    with torch.no_grad():
        rows.append(join(PIXELS(network.net(y), event_dim=1).mean, y))
    rows += [join(pair.generate(y), y) for _ in range(5)]
    figure = Figure(figsize=(10, 4.3), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    made = by_class.generate(torch.arange(10).repeat(8)).reshape(8, 10, 8, 8)
    panel(left, made, "one class a column")
    panel(right, torch.stack(rows), "given, truth, network, five completions")
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("conditional.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
