"""Which posteriors does only a flow fit?  Run: python examples/11_only_a_flow_fits.py [--smoke]

If the distance of a point of the plane from the origin is observed, its posterior is a ring. If
the size of its first coordinate is observed too, it is two crescents. Quadrature gives the
evidence, and evidence minus bound is the KL divergence of a guide to the posterior. Writes
only_a_flow_fits.png.
"""

import argparse
from functools import partial

import pyro
import pyro.distributions as dist
import torch
from matplotlib.figure import Figure
from torch import nn

from pyrovae import SVI
from pyrovae.models import DiagonalNormal, FullNormal
from pyrovae.nn.flows import Permutation, SplineCoupling, stacked
from pyrovae.objectives import ELBO

PRIOR = dist.Normal(torch.zeros(2), 1.5).to_event(1)
GUIDES = {"diagonal": DiagonalNormal, "full covariance": FullNormal, "flow": DiagonalNormal}
SEEN = {"ring": torch.tensor([2.0]), "crescents": torch.tensor([2.0, 1.7])}
ERRORS = torch.tensor([0.2, 0.5])
AXIS = torch.linspace(-3.3, 3.3, 201)


def likelihood(z, x):
    measured = torch.stack([z.norm(dim=-1), z[..., 0].abs()], -1)[..., : x.shape[-1]]
    return dist.Normal(measured, ERRORS[: x.shape[-1]]).to_event(1)


def model(x):
    with pyro.plate("data", len(x)):
        pyro.sample("x", likelihood(pyro.sample("z", PRIOR), x), obs=x)


class Guide(nn.Module):
    """A normal with free parameters, and for the flow four layers of splines on it."""

    def __init__(self, name):
        super().__init__()
        self.base = GUIDES[name](2)
        self.params = nn.Parameter(0.1 * torch.randn(self.base.num_parameters))
        layer = partial(SplineCoupling, hidden=(64,), num_bins=12)
        mixing = partial(Permutation, order="reversed")
        self.flow = stacked(layer, 4, mixing)(2, 0) if name == "flow" else None

    def q(self):
        base, flow = self.base(self.params), self.flow
        return base if flow is None else dist.TransformedDistribution(base, [flow.condition()])

    def forward(self, x):
        pyro.module("guide", self)
        with pyro.plate("data", len(x)):
            pyro.sample("z", self.q())


def train(name, x, steps):
    """The trained guide's distribution, and the bound that it reaches."""
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    guide = Guide(name)
    optim = torch.optim.Adam(guide.parameters())
    svi = SVI(model, guide, optim, ELBO(num_particles=256), compile=steps > 100)
    for step in range(steps):
        optim.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        svi.step(x)
    return guide.q(), ELBO(num_particles=20_000).per_datum(model, guide, x).item()


def main(smoke):
    print("smoke: not trained\n" * smoke, end="")
    grid = torch.cartesian_prod(AXIS, AXIS)
    figure = Figure(figsize=(10, 5.3), dpi=150, layout="constrained")
    for (case, x), axes in zip(SEEN.items(), figure.subplots(2, 4), strict=True):
        log_joint = PRIOR.log_prob(grid) + likelihood(grid, x).log_prob(x)
        log_px = log_joint.logsumexp(0) + 2 * (AXIS[1] - AXIS[0]).log()
        shown = {f"{case}: posterior": log_joint - log_px}
        for name in GUIDES:
            q, bound = train(name, x[None], 20 if smoke else 2000)
            shown[f"{name}, KL {log_px - bound:.2f}"] = q.log_prob(grid).detach()
            print(f"{case:<10} {name:<16} KL(q || posterior) {log_px - bound:.3f} nats")
        brightest = 1.2 * shown[f"{case}: posterior"].max().exp()
        for ax, (title, log_density) in zip(axes, shown.items(), strict=True):
            picture = log_density.exp().reshape(len(AXIS), -1).T
            ax.imshow(picture, origin="lower", cmap="magma", vmin=0, vmax=brightest)
            ax.set(title=title, xticks=[], yticks=[])
    figure.text(0, 0, "smoke: not trained" * smoke, color="C3")
    figure.savefig("only_a_flow_fits.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="finish within seconds")
    main(parser.parse_args().smoke)
