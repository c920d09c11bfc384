"""Do latents stand for the factors?  Run: python examples/17_disentangling.py [--smoke]

A VAE, a beta-VAE and a beta-TCVAE are trained on squares, ellipses and hearts, without the known
factors. The usual metrics tell how well each factor of variation corresponds to one latent unit.
Writes a traversal for each: every row changes one unit.
"""

import argparse
from functools import partial

import pyro

from pyrovae import disentanglement, fit, plots, posterior_means, traverse
from pyrovae.data import ShapeGrid
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.objectives import TCVAE, Beta
from pyrovae.train.optim import schedules

OBJECTIVES = {
    "VAE": lambda num_data: Beta(1.0),
    "beta-VAE, 4": lambda num_data: Beta(4.0),
    "beta-TCVAE, 6": lambda num_data: TCVAE(6.0, num_data=num_data, sampling="weighted"),
}
NET = partial(MLP, hidden=(256, 256))


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    grid = ShapeGrid(num_positions=3 if smoke else 12)
    factors = grid.factors()  # every combination once
    x = grid.draw(factors)
    print(f"{len(x)} images of {grid.sizes}")
    print(f"{'':14}{'MIG':>7}{'DCI D':>7}{'DCI C':>7}{'SAP':>7}{'FactorVAE':>11}{'beta-VAE':>10}"
          f"{'live units':>12}{'seconds':>9}")  # fmt: skip
    found = {}
    for name, make in OBJECTIVES.items():
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        vae = VAE((1, 32, 32), 10, encoder=NET, decoder=NET)
        run = fit(vae.model, vae.guide, x, objective=make(len(x)), epochs=1 if smoke else 250,
                  batch_size=512, lr=2e-3, schedule=schedules.cosine(), seed=0,
                  compile=not smoke, device="cpu", progress=not smoke)  # fmt: skip
        codes = posterior_means(vae.model, vae.guide, x)
        found[name] = disentanglement(codes, factors, names=list(grid.sizes))
        s = found[name].summary()
        print(f"{name:14}{s['mig']:7.3f}{s['dci_disentanglement']:7.3f}"
              f"{s['dci_completeness']:7.3f}{s['sap']:7.3f}{s['factor_vae']:11.3f}"
              f"{s['beta_vae']:10.3f}{found[name].num_live:12d}{run.seconds:9.1f}")  # fmt: skip
        moved = traverse(vae.model, vae.guide, x, datum=len(x) // 2, num_units=6)
        picture = f"traversal_{name.replace(', ', '_')}.png"
        figure = plots.traversals(moved, title=f"{name}: MIG {s['mig']:.3f}")
        figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
        figure.savefig(picture)
    best = max(found, key=lambda name: found[name].mig.score)
    print(f"\n{best}\n{found[best]}")
    print(f"MIG {found[best].mig.score:.3f}, most of all by {best}; traversal_*.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
