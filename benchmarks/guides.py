"""Which guide, prior and depth make the better model?  Run: python benchmarks/guides.py --help

One net (784-200-200, 40 latents, ReLU, mirrored) is trained on statically binarised MNIST for
equal steps on the ELBO with one particle, once for each guide, prior or hierarchy, from the same
seeds. The table has the bound, its KL, and log p(x) by importance sampling. The weight of the KL
rises over the first fifth. (With tanh instead of ReLU a Vamp prior collapses.) For example:

    python benchmarks/guides.py --data-root DIR --rows diagonal "coupling 4" "two layers"
"""

import argparse
import math
from dataclasses import dataclass
from functools import partial
from statistics import mean

import pyro
import torch
from timing import Report, where

from pyrovae import data, fit, log_evidence
from pyrovae.evaluate import elbo_parts
from pyrovae.models import (
    VAE,
    FlowPosterior,
    FlowPrior,
    FullNormal,
    HierarchicalVAE,
    LadderVAE,
    LowRankNormal,
    MixturePrior,
    Refinement,
    VampPrior,
)
from pyrovae.nn import MLP, flows
from pyrovae.objectives import Beta
from pyrovae.train import Anneal
from pyrovae.train.optim import schedules

NET = partial(MLP, hidden=(200, 200))
UPPER = partial(MLP, hidden=(100, 100))
BACK = partial(flows.Permutation, order="reversed")


def vae(**parts):
    return lambda x: VAE(x.shape[1:], 40, encoder=NET, decoder=NET, **parts)


def flow(layer, num_layers, mixing=None, **options):
    made = partial(layer, **options) if options else layer
    return vae(posterior=partial(FlowPosterior, layer=made, num_layers=num_layers, mixing=mixing))


def vamp(x):
    prior = VampPrior(40, num_components=200)
    pair = vae(prior=prior)(x)
    prior.start(x)
    return pair


def layers(family):
    return lambda x: family(
        x.shape[1:], (40, 20), encoder=NET, decoder=NET, upper_encoder=UPPER, upper_decoder=UPPER
    )


COUPLING = partial(flows.AffineCoupling, hidden=(200,))
ROWS = {
    "diagonal": vae(),
    "low rank": vae(posterior=partial(LowRankNormal, rank=4)),
    "full covariance": vae(posterior=FullNormal),
    "planar 8": flow(flows.Planar, 8),
    "coupling 4": flow(flows.AffineCoupling, 4, flows.Permutation, hidden=(200,)),
    "IAF 4": flow(flows.InverseAutoregressive, 4, BACK, hidden=(200,), gated=False),
    "IAF 4, gated": flow(flows.InverseAutoregressive, 4, BACK, hidden=(200,)),
    "Sylvester 4": flow(flows.OrthogonalSylvester, 4),
    "refined 3": vae(refinement=partial(Refinement, num_steps=3, num_draws=2)),
    "mixture prior": vae(prior=partial(MixturePrior, num_components=200)),
    "Vamp prior": vamp,
    "flow prior": vae(prior=partial(FlowPrior, layer=COUPLING, num_layers=4)),
    "two layers": layers(HierarchicalVAE),
    "ladder": layers(LadderVAE),
}


@dataclass
class Row:
    """One trained pair: nats per image, and milliseconds a step."""

    elbo: float
    kl: float
    nll: float
    error: float
    step: float


def trained(make, mnist, options, seed):
    pyro.clear_param_store()
    pyro.set_rng_seed(seed)
    pair = make(mnist.train.x)
    weight = torch.tensor(0.0)
    run = fit(
        pair.model, pair.guide, mnist.train.x, objective=Beta(weight, closed_form_kl=True),
        callbacks=[Anneal(weight, fraction=0.2)],
        epochs=options.epochs, batch_size=100, schedule=schedules.cosine(), seed=seed,
        compile=True, device=options.device,
    )  # fmt: skip
    x = mnist.test.x[torch.randperm(len(mnist.test), generator=torch.Generator().manual_seed(0))]
    x = x[: options.test]
    parts = elbo_parts(pair.model, pair.guide, x, num_particles=20, seed=1)
    evidence = log_evidence(
        pair.model, pair.guide, x, num_particles=options.num_particles, seed=1, compile=True
    )
    nll = -evidence.log_px
    return Row(
        float(parts.elbo.mean()), float(parts.kl.mean()), float(nll.mean()),
        float(nll.std() / math.sqrt(len(nll))), run.seconds / run.steps * 1e3,
    )  # fmt: skip


def main(options):
    say = Report(options.out, "guides.txt")
    say(where(torch.device(options.device)))
    mnist = data.mnist(options.data_root, binarize="static")
    say(
        f"static MNIST, {options.epochs} epochs of batch 100, seeds {options.seeds}; "
        f"{options.test} test images, K = {options.num_particles}; means over seeds, nats\n"
    )
    say(f"{'':18s}{'ELBO':>9s}{'KL':>8s}{'NLL':>9s}{'+-':>6s}{'gap':>7s}{'ms/step':>9s}   by seed")
    for name in options.rows:
        rows = [trained(ROWS[name], mnist, options, seed) for seed in options.seeds]
        elbo, kl, nll, error, step = (
            mean(getattr(row, key) for row in rows) for key in Row.__dataclass_fields__
        )
        each = " ".join(f"{row.nll:.2f}" for row in rows)
        say(f"{name:18s}{elbo:9.2f}{kl:8.2f}{nll:9.2f}{error:6.2f}{-elbo - nll:7.2f}{step:9.2f}"
            f"   {each}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    add("--epochs", type=int, default=30)
    add("--seeds", type=int, nargs="+", default=[0])
    add("--test", type=int, default=2000, help="test images")
    add("--num-particles", type=int, default=500, help="K of log p(x)")
    add("--data-root", help="folder of the data; else $PYROVAE_DATA")
    add("--device", default="cpu")
    add("--out", help="by default benchmarks/results/guides.txt")
    main(parser.parse_args())
