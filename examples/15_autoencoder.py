"""Why can an autoencoder not be sampled?  Run: python examples/15_autoencoder.py [--smoke]

Its codes have no known distribution. Digits are decoded from N(0, I), from the normal with the
codes' mean and covariance, and from a mixture and a flow that are fitted to the codes. How far are
they from the nearest real digit? A VAE, whose prior is part of its bound, is shown for comparison.
Writes autoencoder.png: the first rows of each.
"""

import argparse
from functools import partial

import pyro
import torch
from matplotlib.figure import Figure

from pyrovae import data, fit
from pyrovae.apply import fit_density
from pyrovae.models import VAE, Autoencoder, FlowPrior, MixturePrior, NormalPrior
from pyrovae.nn import MLP, Binomial, Masking
from pyrovae.objectives import ELBO

LATENT, SHOWN, LEVELS = 8, 16, 16
MIXTURE = partial(MixturePrior, num_components=50)
FLOW = partial(FlowPrior, num_layers=6, base=NormalPrior)
PAIRS = {
    "autoencoder": Autoencoder,
    "denoising": partial(Autoencoder, corruption=Masking(0.3)),
    "contractive": partial(Autoencoder, contraction=20.0),
    "VAE": VAE,
}


def distance(made, real):
    """Mean distance to the nearest real digit, in root mean squared levels a pixel."""
    return (torch.cdist(made.flatten(1), real.flatten(1)).min(1).values / 8).mean().item()


@torch.no_grad()
def sources(pair, train, smoke):
    """How to draw codes, by name, and the log-density of test codes where it is known."""
    codes = pair.encode(train.x).sample()
    full = torch.distributions.MultivariateNormal(codes.mean(0), codes.T.cov())
    found = {"N(0, I)": torch.distributions.Normal(torch.zeros(LATENT), 1.0), "one normal": full}
    with torch.enable_grad():
        for name, prior in {"mixture": MIXTURE, "flow": FLOW}.items():
            found[name] = fit_density(pair, train, prior, epochs=2 if smoke else 60)()
    return found


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits = data.digits()
    train, test = digits.train, digits.test
    net = partial(MLP, hidden=(256,))
    figure = Figure(figsize=(11, 5), dpi=150, layout="constrained")
    parts = figure.subfigures(2, 2).flat
    print("             test log p(x|z)  distance to the nearest training digit of draws from")
    print("                              N(0, I)  one normal  mixture   flow")
    for part, (name, make) in zip(parts, PAIRS.items(), strict=True):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        pair = make(digits.shape, LATENT, encoder=net, decoder=net, likelihood=Binomial(LEVELS))
        fit(pair.model, pair.guide, train, objective=ELBO(), val=digits.val, lr=2e-3, seed=0,
            epochs=2 if smoke else 120, device="cpu", progress=not smoke).load_best()  # fmt: skip
        pair.eval()
        pyro.set_rng_seed(1)
        with torch.no_grad():
            rebuilt = pair.decode(pair.encode(test.x).sample())
            recon = rebuilt.log_prob(test.x).mean()
            made = {"test, rebuilt": rebuilt.mean}
        for kind, codes in sources(pair, train, smoke).items():
            with torch.no_grad():
                made[kind] = pair.decode(codes.sample((1000,))).mean
        far = [distance(x, train.x) for kind, x in made.items() if kind != "test, rebuilt"]
        print(f"{name:<12} {recon:15.2f} {far[0]:8.2f} {far[1]:11.2f} {far[2]:8.2f} {far[3]:6.2f}")
        part.suptitle(f"{name}: test log p(x|z) {recon:.1f}")
        for axes, (kind, x) in zip(part.subplots(len(made), 1), made.items(), strict=True):
            axes.imshow(torch.cat(list(x[:SHOWN, 0]), 1), cmap="gray_r", vmin=0, vmax=LEVELS)
            axes.set(xticks=[], yticks=[])
            axes.set_ylabel(kind, rotation=0, ha="right", va="center", fontsize=8)
    print(f"real digits of the test set: {distance(test.x, train.x):.2f}; autoencoder.png")
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("autoencoder.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
