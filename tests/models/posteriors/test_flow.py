"""Flows on a posterior: where they are exact, and where nothing simpler fits."""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae.capture import Captured
from pyrovae.errors import ConfigError
from pyrovae.models import DiagonalNormal, FlowPosterior, FullNormal
from pyrovae.nn.flows import (
    AffineCoupling,
    Householder,
    InverseAutoregressive,
    MaskedAutoregressive,
    Permutation,
    Planar,
    SplineCoupling,
    stacked,
)
from pyrovae.objectives import ELBO, STL
from pyrovae.train import SVI
from pyrovae.train.step import compiled
from tests.oracles import LG2, lg2

reverse = partial(Permutation, order="reversed")


def test_encoder_outputs():
    posterior = FlowPosterior(4, context_dim=7)
    assert posterior.num_parameters == 2 * 4 + 7 and posterior.scores_any
    assert FlowPosterior(3, base=FullNormal, context_dim=5).num_parameters == 9 + 5
    assert not FlowPosterior(3, layer=Planar).scores_any
    with pytest.raises(ConfigError, match="num_layers=0"):
        FlowPosterior(3, num_layers=0)


def test_every_datum_has_its_own_flow():
    posterior = FlowPosterior(3, layer=Planar, context_dim=5).double()
    params = torch.randn(4, posterior.num_parameters).double()
    pyro.set_rng_seed(1)
    z = posterior(params).rsample((2,))
    pyro.set_rng_seed(1)
    params[1, -1] += 1.0  # of the context of one datum
    moved = (posterior(params).rsample((2,)) != z).any(-1)
    assert moved[:, 1].all() and not moved[:, [0, 2, 3]].any()


def test_placed_where_the_noise_says():
    posterior = FlowPosterior(3, context_dim=5).double()
    for parameter in posterior.parameters():  # away from the identity, where all flows start
        torch.nn.init.normal_(parameter, std=0.5)
    params = torch.randn(4, posterior.num_parameters).double()
    z, log_q = posterior.placed(params, torch.randn(6, 3).double())
    torch.testing.assert_close(log_q, posterior(params).log_prob(z))


class Guide(nn.Module):
    """q(z|x): a base that is affine in x, through a free flow, which is the same for every x."""

    def __init__(self, data_dim, latent_dim, base=DiagonalNormal, flow=None):
        super().__init__()
        self.base, self.flow = base(latent_dim), flow
        self.encoder = nn.Linear(data_dim, self.base.num_parameters)
        nn.init.zeros_(self.encoder.weight)
        nn.init.zeros_(self.encoder.bias)

    def forward(self, x):
        pyro.module("guide", self)
        with pyro.plate("batch", len(x)):
            q = self.base(self.encoder(x))
            if self.flow is not None:
                q = dist.TransformedDistribution(q, [self.flow.condition()])
            pyro.sample("z", q)


EXACT = {
    "full covariance": (FullNormal, None),
    "linear IAF": (DiagonalNormal, partial(InverseAutoregressive, hidden=())),
    "linear IAF, not gated": (
        DiagonalNormal,
        partial(InverseAutoregressive, hidden=(), gated=False),
    ),
    "linear MAF": (DiagonalNormal, partial(MaskedAutoregressive, hidden=())),
    "a reflection": (DiagonalNormal, Householder),
    "linear coupling": (DiagonalNormal, partial(AffineCoupling, hidden=())),
}


@pytest.mark.parametrize("name", EXACT)
def test_the_evidence_is_reached(name):
    """On a linear-Gaussian model the family holds the posterior, and the bound is log p(x)."""
    base, layer = EXACT[name]
    oracle, x = lg2()
    flow = None if layer is None else layer(2, 0)
    guide = Guide(5, 2, base, flow).double()
    optim = torch.optim.Adam(guide.parameters(), lr=0.05)
    steps = 400
    decay = torch.optim.lr_scheduler.LambdaLR(optim, lambda step: (1 - step / steps) ** 2)
    objective = STL(8)  # without noise at the optimum
    for _ in range(steps):
        optim.zero_grad()
        objective.differentiable_loss(oracle.model, guide, x).backward()
        optim.step()
        decay.step()
    bounds = ELBO(100).per_datum(oracle.model, guide, x)
    assert bounds.item() == pytest.approx(LG2["log_px"], abs=1e-4)
    assert LG2["log_px"] - LG2["best_mean_field_elbo"] > 0.02  # which a diagonal guide reaches


def ring(x):
    """A point of the plane, of which only the distance from the origin is seen."""
    with pyro.plate("batch", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z.norm(dim=-1), 0.2), obs=x[:, 0])


def ring_evidence(seen):
    """log p(x) by quadrature over the distance, whose density is r exp(-r^2 / 2)."""
    r = torch.linspace(1e-4, 9, 20_001).double()
    terms = r.log() - r.square() / 2 + dist.Normal(r, 0.2).log_prob(torch.tensor(seen).double())
    return (terms.logsumexp(0) + (r[1] - r[0]).log()).item()


def gap(guide, steps):
    """KL(q(z|x) || p(z|x)) after captured training, in nats, and its standard error."""
    x, start = torch.tensor([[2.0]]), 1e-2
    optim = torch.optim.Adam(guide.parameters(), lr=start)
    svi = SVI(ring, guide, optim, ELBO(128), compile=True)
    for step in range(steps):
        optim.param_groups[0]["lr"] = start * (1 - step / steps)
        svi.step(x)
    assert svi._compiled.captured.refusal == "" and svi._compiled.captured.seconds > 0
    with torch.no_grad():
        bounds = ELBO().per_datum(ring, guide, x.expand(20_000, 1))
    return ring_evidence(2.0) - bounds.mean().item(), bounds.std().item() / math.sqrt(20_000)


@pytest.mark.slow
def test_a_ring_that_only_a_flow_fits(monkeypatch):
    monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=None))
    plain, error = gap(Guide(1, 2, FullNormal), 100)
    assert plain - 4.5 * error > 1.0
    flow = stacked(partial(SplineCoupling, hidden=(32,)), 4, reverse)(2, 0)
    found, error = gap(Guide(1, 2, flow=flow), 400)
    assert -4.5 * error < found < 0.1
