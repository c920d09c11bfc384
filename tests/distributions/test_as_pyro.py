"""Distributions of torch and of libraries built on it, as Pyro's, alone and in programs."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import distributions as of_torch
from torch import nn

from pyrovae import fit, log_evidence
from pyrovae.distributions.as_pyro import as_pyro
from pyrovae.objectives import ELBO, IWAE, RWS, STL, TVO, DReG
from pyrovae.particles import draw
from tests.zuko_flows import zuko

L, B, D = 2, 5, 6
LOC = torch.linspace(-1, 1, B * L).reshape(B, L)


def mixture():
    weights = of_torch.Categorical(torch.ones(B, 3))
    return of_torch.MixtureSameFamily(
        weights, of_torch.Independent(of_torch.Normal(torch.zeros(B, 3, L), 1.0), 1)
    )


MADE = {
    "Normal": lambda: of_torch.Normal(LOC, 1.0),
    "Independent": lambda: of_torch.Independent(of_torch.Normal(LOC, 1.0), 1),
    "MultivariateNormal": lambda: of_torch.MultivariateNormal(LOC, torch.eye(L)),
    "LowRank": lambda: of_torch.LowRankMultivariateNormal(LOC, torch.ones(L, 1), torch.ones(L)),
    "Laplace": lambda: of_torch.Laplace(LOC, 1.0),
    "Bernoulli": lambda: of_torch.Bernoulli(logits=LOC),
    "Categorical": lambda: of_torch.Categorical(logits=LOC),
    "mixture": mixture,
    "transformed": lambda: of_torch.TransformedDistribution(
        of_torch.Normal(LOC, 1.0), [of_torch.ExpTransform()]
    ),
    "a flow of zuko": lambda: zuko().flows.MAF(L, B, hidden_features=(8,))(torch.ones(B, B)),
    "a mixture of zuko": lambda: zuko().flows.GMM(L, B)(torch.ones(B, B)),
}


@pytest.mark.parametrize("name", MADE)
def test_draws_and_densities_stay(name):
    own = MADE[name]()
    fn = as_pyro(own)
    assert isinstance(fn, TorchDistributionMixin)
    assert (fn.batch_shape, fn.event_shape) == (own.batch_shape, own.event_shape)
    torch.manual_seed(1)
    expected = own.sample()
    torch.manual_seed(1)
    drawn = fn()
    torch.testing.assert_close(drawn, expected)
    torch.testing.assert_close(fn.log_prob(drawn), own.log_prob(drawn))
    assert fn.has_rsample == own.has_rsample


@pytest.mark.parametrize("name", MADE)
def test_it_is_expanded_by_lists_and_sizes(name):
    own = MADE[name]()
    shape = (3, *own.batch_shape)
    for size in (list(shape), torch.Size(shape)):
        wide = as_pyro(own).expand(size)
        assert isinstance(wide, TorchDistributionMixin)
        value = wide.sample()
        assert value.shape == (*shape, *own.event_shape)
        torch.testing.assert_close(wide.log_prob(value), own.log_prob(value))


def test_torchs_become_pyros_own_so_that_closed_forms_are_found():
    q = as_pyro(of_torch.Independent(of_torch.Normal(LOC, 2.0), 1))
    p = dist.Normal(torch.zeros(L), 1.0).to_event(1)
    assert type(q.base_dist) is dist.Normal
    exact = (0.5 * (LOC.square() + 4.0 - 1.0) - torch.tensor(2.0).log()).sum(-1)
    torch.testing.assert_close(torch.distributions.kl_divergence(q, p), exact)


def test_pyros_own_stay_as_they_are():
    fn = dist.Normal(LOC, 1.0)
    assert as_pyro(fn) is fn


class Pair:
    """A guide that samples from what `q` makes of a context, without a wrapper."""

    def __init__(self, q, **held):
        torch.manual_seed(0)
        self.encoder, self.decoder = nn.Linear(D, 4), nn.Linear(L, D)
        self.q, self.held = q, held

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", len(x)):
            prior = of_torch.Independent(of_torch.Normal(torch.zeros(L), torch.ones(L)), 1)
            z = pyro.sample("z", prior)
            logits = self.decoder(z)
            pyro.sample("x", of_torch.Independent(of_torch.Bernoulli(logits=logits), 1), obs=x)

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        for name, network in self.held.items():
            pyro.module(name, network)
        with pyro.plate("data", len(x)):
            pyro.sample("z", self.q(self.encoder(x)))


def normal(context):
    loc, log_scale = context.chunk(2, -1)
    return of_torch.Independent(of_torch.Normal(loc, log_scale.exp()), 1)


def pair_of_pyros(context):
    loc, log_scale = context.chunk(2, -1)
    return dist.Normal(loc, log_scale.exp()).to_event(1)


def flow_pair():
    flow = zuko().flows.MAF(L, 4, hidden_features=(8,))
    return Pair(flow, flow=flow)


def data(n=B):
    return (torch.rand(n, D, generator=torch.Generator().manual_seed(3)) < 0.5).float()


OBJECTIVES = [ELBO(), ELBO(num_particles=3), IWAE(4), DReG(4), STL(), RWS(4), TVO(4)]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_a_site_of_torchs_is_that_of_pyros(objective):
    values = []
    for q in (normal, pair_of_pyros):
        pair = Pair(q)
        pyro.set_rng_seed(0)
        loss = objective(pair.model, pair.guide)(data())
        loss.backward()
        grad = pair.encoder.weight.grad
        values.append((loss.detach(), grad))
    torch.testing.assert_close(values[0], values[1])


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_a_flow_is_a_guide_under_every_objective(objective):
    pair = flow_pair()
    loss = objective(pair.model, pair.guide)(data())
    loss.backward()
    assert loss.isfinite()
    networks = [pair.encoder, *pair.held.values()]
    if not isinstance(objective, RWS | TVO):
        networks.append(pair.decoder)
    assert all(p.grad is not None for net in networks for p in net.parameters())


def test_particles_of_a_flow_are_scored_by_the_flow():
    pair, x = flow_pair(), data()
    p = draw(pair.model, pair.guide, x, num_particles=3)
    site = p.guide_sites["z"]
    own = pair.q(pair.encoder(x))
    assert site.value.shape == (3, B, L)
    torch.testing.assert_close(site.log_prob, own.log_prob(site.value))


def test_a_flow_trains_and_measures():
    pair, x = flow_pair(), data(20)
    before = [p.clone() for p in pair.q.parameters()]
    fit(pair.model, pair.guide, x, objective=IWAE(2), epochs=1, batch_size=10, device="cpu",
        progress=False)  # fmt: skip
    assert any(not torch.equal(b, p) for b, p in zip(before, pair.q.parameters(), strict=True))
    found = log_evidence(pair.model, pair.guide, x, num_particles=20)
    assert bool(found.log_px.isfinite().all())
