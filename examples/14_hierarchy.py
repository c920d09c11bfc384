"""Are all layers of a hierarchy used?  Run: python examples/14_hierarchy.py [--smoke]

A ladder of three layers, z3 -> z2 -> z1 -> digit, is trained three times: plainly; with a warm-up,
in which the weight of the KL rises from zero to one; and with free bits too, one nat per layer
without cost. Prints the KL of each layer during training, which `fit` records. A layer with KL
zero has collapsed: p and q agree, and it holds no information on the datum. The warm-up improves
the bound, and the second layer is used; the top layer is used with free bits only.
"""

import argparse
from functools import partial

import pyro
import torch

from pyrovae import active_units, data, fit, log_evidence
from pyrovae.models import LadderVAE
from pyrovae.nn import MLP, Binomial
from pyrovae.objectives import ELBO, Beta
from pyrovae.train import Anneal

LAYERS = ("z1", "z2", "z3")
NET = partial(MLP, hidden=(128,))


def train(digits, *, warm_up, free_bits, epochs):
    """A trained ladder and the history of its training."""
    pyro.set_rng_seed(0)
    ladder = LadderVAE(
        (1, 8, 8),
        latent_dims=(16, 8, 4),
        encoder=NET,
        upper_encoder=NET,
        decoder=NET,
        upper_decoder=NET,
        likelihood=Binomial(16),
    )
    weight = torch.tensor(1.0)  # read at every step; `Anneal` changes it in place
    run = fit(
        ladder.model,
        ladder.guide,
        digits,
        objective=Beta(weight, free_bits=free_bits),
        val_objective=ELBO(closed_form_kl=True),
        callbacks=[Anneal(weight, 0.0, 1.0, epochs=warm_up)] if warm_up else [],
        epochs=epochs,
        lr=2e-3,
    )
    return ladder, run.history


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    digits, epochs = data.digits(), 3 if smoke else 60
    ways = {
        "as it is": {"warm_up": 0, "free_bits": 0.0},
        "with a warm-up": {"warm_up": epochs // 2, "free_bits": 0.0},
        "with a warm-up and free bits": {"warm_up": epochs // 2, "free_bits": 1.0},
    }
    found = {}
    for way, options in ways.items():
        ladder, history = train(digits, epochs=epochs, **options)
        print(f"\n{way}: KL of each layer in nats, and the bound on validation data")
        print("epoch  " + "".join(f"{layer:>7}" for layer in LAYERS) + "     ELBO")
        for entry in history[:: max(1, epochs // 6)] + history[-1:]:
            kls = "".join(f"{entry[f'kl[{layer}]']:7.2f}" for layer in LAYERS)
            print(f"{entry['epoch']:5d}  {kls}{entry['val']:9.2f}")
        units = active_units(ladder.model, ladder.guide, digits.test, seed=0).counts
        evidence = log_evidence(
            ladder.model, ladder.guide, digits.test, num_particles=50 if smoke else 1000, seed=0
        )
        found[way] = units, -evidence.mean()
    print("\ntest NLL and active units")
    for way, (units, nll) in found.items():
        counts = ", ".join(f"{layer} {units[layer]}" for layer in LAYERS)
        print(f"{way:<30} {nll:7.2f} nats   {counts}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
