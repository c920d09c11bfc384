"""The sum of entropies against probabilistic PCA, quadrature, and pairs that are not converged."""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn as torch_nn

from pyrovae import VAE, entropies, fit, nn
from pyrovae.data.synthetic import DiscreteLatent
from pyrovae.errors import ConfigError, PlateError
from pyrovae.evaluate import TrackEntropies, elbo_parts
from pyrovae.models import FactorAnalysis, ProbabilisticPCA, priors
from pyrovae.models.linear import e_step

SPECTRUM = (4.0, 2.0, 1.0, 0.5, 0.3, 0.2)


def data_with_spectrum(n=40):
    """Data [N, 6] whose covariance has exactly these eigenvalues."""
    raw = torch.randn(n, 6, generator=torch.Generator().manual_seed(0)).double()
    white = torch.linalg.qr(raw - raw.mean(0)).Q * math.sqrt(n)
    raw = torch.randn(6, 6, generator=torch.Generator().manual_seed(1)).double()
    spread = torch.tensor(SPECTRUM, dtype=torch.float64).sqrt()
    return white * spread @ torch.linalg.qr(raw).Q


def vae(hidden=8, **parts):
    torch.manual_seed(0)
    network = partial(nn.MLP, hidden=(hidden,))
    return VAE(4, 2, encoder=network, decoder=network, **parts)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_probabilistic_pca_at_its_optimum(covariance):
    x, pair = data_with_spectrum(), ProbabilisticPCA(6, 2, covariance=covariance).double()
    pair.solve(x)
    found = entropies(pair, x, seed=0)
    assert found.sum == pytest.approx(-8.1670576089, abs=1e-8)
    assert abs(found.difference) < 4.5 * found.monte_carlo_errors["difference"]
    assert abs(float(found.excess["z"].mean())) < 1e-12
    assert found.converged and "agree" in found.verdict
    entropy = pair.encode(x).entropy().mean().item()
    assert found.encoder.mean() == pytest.approx(entropy, abs=1e-12)


@pytest.mark.parametrize("what", ["decoder.log_scale", "encoder.log_scale", "decoder.weight"])
def test_elsewhere_the_sum_is_another(what):
    x, pair = data_with_spectrum(), ProbabilisticPCA(6, 2).double()
    pair.solve(x)
    with torch.no_grad():
        dict(pair.named_parameters())[what].mul_(0.6)
    found = entropies(pair, x, num_particles=200, seed=0)
    exact = pair.elbo(x).mean().item()
    assert abs(found.difference - (exact - found.sum)) < 4.5 * found.monte_carlo_errors["elbo"]
    assert abs(exact - found.sum) > 0.05 and not found.converged
    assert "Train on" in found.verdict
    total = sum(float(off.mean()) for off in found.excess.values())
    assert found.difference == pytest.approx(total, abs=1e-10)


def test_factor_analysis_has_a_variance_for_each_dimension():
    generator = torch.Generator().manual_seed(0)
    weight, z = torch.randn(2, 6, generator=generator), torch.randn(300, 2, generator=generator)
    x = (z @ weight + torch.randn(300, 6, generator=generator)).double()
    pair = FactorAnalysis(6, 2).double()
    pair.start(x)
    leaves = list(pair.decoder.parameters())
    optimiser = torch.optim.LBFGS(leaves, max_iter=400, tolerance_grad=1e-10,
                                  tolerance_change=0, line_search_fn="strong_wolfe")  # fmt: skip

    def closure():
        optimiser.zero_grad()
        loss = -pair.log_px(x).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    e_step(pair)
    found = entropies(pair, x, num_particles=50, seed=0)
    assert found.sum == pytest.approx(pair.log_px(x).mean().item(), abs=1e-6)


def test_the_elbo_is_that_of_elbo_parts():
    pair, x = vae(likelihood=nn.LearnedNormal()), torch.randn(20, 4)
    found, parts = entropies(pair, x, seed=0), elbo_parts(pair, x, num_particles=400, seed=1)
    off = found.means()["elbo"] - parts.means()["elbo"]
    error = math.hypot(found.monte_carlo_errors["elbo"], parts.monte_carlo_errors["elbo"])
    assert abs(off) < 4.5 * error


class Quadrature:
    """x in {0, 1}^4, one latent, free posteriors of each datum; everything by quadrature."""

    def __init__(self):
        torch.manual_seed(3)
        self.x = torch.tensor([[0, 0, 0, 1], [1, 1, 0, 1], [1, 1, 1, 1], [0, 1, 1, 0.0]]).double()
        self.theta = {
            "weight": torch.randn(4).double(),
            "bias": torch.zeros(4).double(),
            "loc": torch.tensor([-1.0, 0.3, 1.0, 0.1]).double(),
            "log_scale": torch.full((4,), -0.5).double(),
        }
        nodes, weights = map(torch.tensor, __import__("numpy").polynomial.hermite_e.hermegauss(80))
        self.nodes, self.weights = nodes, weights / weights.sum()

    def at_nodes(self):
        t = self.theta
        z = t["loc"][:, None] + t["log_scale"].exp()[:, None] * self.nodes  # [N, G]
        return z, dist.Bernoulli(logits=z[..., None] * t["weight"] + t["bias"])

    def elbo(self):
        _, px = self.at_nodes()
        log_lik = (self.weights * px.log_prob(self.x[:, None]).sum(-1)).sum(1)
        t = self.theta
        kl = 0.5 * (t["loc"] ** 2 + (2 * t["log_scale"]).exp() - 1) - t["log_scale"]
        return (log_lik - kl).mean()

    def sum_of_entropies(self):
        _, px = self.at_nodes()
        decoder = (self.weights * px.entropy().sum(-1)).sum(1).mean()
        return self.theta["log_scale"].mean() - decoder  # those of N(0, 1) cancel

    def optimise(self):
        leaves = [t.requires_grad_() for t in self.theta.values()]
        optimiser = torch.optim.LBFGS(leaves, max_iter=500, tolerance_grad=1e-12,
                                      tolerance_change=0,
                                      line_search_fn="strong_wolfe")  # fmt: skip

        def closure():
            optimiser.zero_grad()
            loss = -self.elbo()
            loss.backward()
            return loss

        optimiser.step(closure)
        assert max(float(leaf.grad.abs().max()) for leaf in leaves) < 1e-7

    def model(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            weight, bias = (pyro.param(n, self.theta[n].detach()) for n in ("weight", "bias"))
            pyro.sample(
                "x", dist.Bernoulli(logits=z[..., None] * weight + bias).to_event(1), obs=x
            )

    def guide(self, x):
        loc, log_scale = (pyro.param(n, self.theta[n].detach()) for n in ("loc", "log_scale"))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()))


def test_bernoulli_at_a_stationary_point():
    exact = Quadrature()
    assert abs((exact.elbo() - exact.sum_of_entropies()).item()) > 0.05
    exact.optimise()
    elbo, total = exact.elbo().item(), exact.sum_of_entropies().item()
    assert total == pytest.approx(elbo, abs=1e-9)  # the identity itself
    assert float(exact.theta["weight"].detach().abs().max()) > 0.5  # z is used
    pyro.clear_param_store()
    found = entropies(exact.model, exact.guide, exact.x, num_particles=4000, rows=4, seed=0)
    errors = found.monte_carlo_errors
    assert abs(found.sum - total) < 4.5 * errors["sum"]
    assert abs(found.means()["elbo"] - elbo) < 4.5 * errors["elbo"]
    assert abs(found.difference) < 4.5 * errors["difference"] and found.converged


def test_a_trained_vae_is_within_one_percent_and_an_untrained_one_is_not():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(200, 1, generator=generator)
    noise = 0.3 * torch.randn(200, 4, generator=generator)
    x = torch.cat([2 * z.cos(), 2 * z.sin(), z * z / 2, z], 1) + noise
    pair = vae(likelihood=nn.LearnedNormal(), hidden=16)
    track = TrackEntropies(x, every=75, num_particles=20, seed=0)
    assert entropies(pair, x, seed=0).share > 0.1
    fit(pair, x, epochs=300, batch_size=200, lr=0.03, schedule="cosine", seed=0,
        callbacks=[track], progress=False)  # fmt: skip
    found = entropies(pair, x, num_particles=200, seed=1)
    assert found.share < 0.01 and found.converged
    assert found.elbo.mean() > -3.4  # a Gaussian of these data's covariance gives -4.52
    curve = track.curve
    assert curve.epochs == (75, 150, 225, 300)
    shares = [abs(p["difference"] / p["elbo"]) for p in curve.points]
    assert shares[-1] < 0.01 and shares[-1] < max(shares)
    assert len(curve.records()) == 4 and len(curve.plot().axes) == 2
    # On other data the ELBO is not stationary.
    assert entropies(pair, 1.5 * x, seed=2).share > 0.1


def laplace(x):
    scale = pyro.param("scale", torch.tensor(0.7), constraint=dist.constraints.positive)
    weight = pyro.param("weight", torch.ones(2, 4))
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Laplace(z @ weight, scale).to_event(1), obs=x)


def two_layers(x):
    weight = pyro.param("weight", torch.randn(2, 4))
    top = pyro.param("top", 0.5 * torch.randn(3, 4))
    scale = pyro.param("scale", torch.ones(4), constraint=dist.constraints.softplus_positive)
    with pyro.plate("data", len(x)):
        z2 = pyro.sample("z2", dist.Normal(x.new_zeros(3), 1.0).to_event(1))
        loc, log_scale = (z2 @ top).chunk(2, -1)
        shift = pyro.param("shift", torch.zeros(2))
        z = pyro.sample("z", dist.Normal(loc, (log_scale + shift).exp()).to_event(1))
        pyro.sample("x", dist.Normal(z @ weight, scale).to_event(1), obs=x)


def posterior(x, softplus=False):
    loc = x @ pyro.param("loc", 0.1 * torch.randn(4, 2))
    raw = x @ pyro.param("raw", 0.1 * torch.randn(4, 2)) + pyro.param("raw0", torch.zeros(2))
    scale = 0.1 + torch_nn.functional.softplus(raw) if softplus else raw.exp()
    return dist.Normal(loc, scale).to_event(1)


def guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", posterior(x))


def two_layer_guide(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", posterior(x))
        loc = z @ pyro.param("loc2", 0.1 * torch.randn(2, 3))
        log_scale = pyro.param("log_scale2", torch.zeros(3))
        pyro.sample("z2", dist.Normal(loc, log_scale.exp()).to_event(1))


PAIRS = {
    "Gaussian": lambda: vae(likelihood=nn.LearnedNormal()),
    "Gaussian, a variance each": lambda: vae(likelihood=nn.LearnedNormal(shape=(4,))),
    "learned prior": lambda: vae(likelihood=nn.LearnedNormal(), prior=priors.NormalPrior),
    "Laplace": lambda: (laplace, guide),
    "hierarchy": lambda: (two_layers, two_layer_guide),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_that_meet_the_conditions(name):
    torch.manual_seed(0)
    pyro.clear_param_store()
    pair = PAIRS[name]()
    model, own = pair if isinstance(pair, tuple) else (pair.model, pair.guide)
    found = entropies(model, own, torch.randn(30, 4), seed=0)
    assert set(found.conditions) == set(found.excess)
    assert all("condition is met" in why for why in found.conditions.values())


def test_bernoulli_latents_with_a_learned_prior():
    pair = DiscreteLatent.random(data_dim=4, latent_dim=3, seed=0)
    found = entropies(pair.model, pair.guide, pair.sample(30, seed=1), seed=0)
    assert set(found.excess) == {"z", "x"}


def softplus_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", posterior(x, softplus=True))


REFUSED = {
    "a fixed variance": (lambda: vae(likelihood=nn.Normal(0.5)), 1, "depends on no parameter"),
    "levels": (lambda: vae(likelihood=nn.Binomial(9)), "counts", "constant base measure"),
    "counts": (lambda: vae(likelihood=nn.Poisson()), "counts", "no entropy in closed form"),
    "a floor": (lambda: vae(likelihood=nn.PredictedNormal(0.3)), 1, "constant base measure"),
    "a mixture": (
        lambda: vae(likelihood=nn.LearnedNormal(), prior=priors.MixturePrior),
        1,
        "no entropy in closed form",
    ),
    "a guide's floor": (lambda: (laplace, softplus_guide), 1, "It is fixed, and needs"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_pairs_that_do_not_are_refused_with_the_reason(name):
    torch.manual_seed(0)
    pyro.clear_param_store()
    make, kind, words = REFUSED[name]
    pair = make()
    model, own = pair if isinstance(pair, tuple) else (pair.model, pair.guide)
    x = torch.randint(0, 9, (30, 4)).float() if kind == "counts" else torch.randn(30, 4)
    with pytest.raises(ConfigError, match=words):
        entropies(model, own, x, seed=0)


def test_all_data_jointly_are_refused():
    pair = vae(likelihood=nn.LearnedNormal())
    with pytest.raises(PlateError, match="batch_plate is None"):
        entropies(pair, torch.randn(5, 4), batch_plate=None)


def test_nothing_moves_and_no_gradient_is_left():
    pair, x = vae(likelihood=nn.LearnedNormal()), torch.randn(20, 4)
    before = {n: p.clone() for n, p in pair.named_parameters()}
    state = torch.get_rng_state()
    first, second = (entropies(pair, x, seed=0) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None and torch.equal(p, before[n]) for n, p in pair.named_parameters())
    assert torch.equal(first.elbo, second.elbo)
    with torch.no_grad():
        assert torch.equal(entropies(pair, x, seed=0).elbo, first.elbo)


def test_what_it_shows():
    found = entropies(vae(likelihood=nn.LearnedNormal()), torch.randn(20, 4), seed=0)
    head, *rows = found.cells()
    assert len(head) == 4 and len(rows) == 8 and "sum of entropies" in str(found)
    assert found.numbers()["sum"] == found.sum
    assert set(found.arrays()) == {"encoder", "prior", "decoder", "elbo", "excess_z", "excess_x"}
    assert len(found.records()) == 8
    figure = found.plot()
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert "ELBO minus sum" in axes.get_title()
