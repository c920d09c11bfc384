"""Reweighted wake-sleep: each phase against sums over all draws, and what a dream needs."""

from dataclasses import replace
from itertools import product

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from scipy.special import logsumexp
from torch import nn

from pyrovae.data import DiscreteLatent
from pyrovae.errors import ConfigError, SiteError
from pyrovae.models import VAE
from pyrovae.nn import Bernoulli
from pyrovae.objectives import IWAE, RWS
from pyrovae.particles import dream
from pyrovae.train import SVI, fit
from tests.objectives.copies import discrete_copies, moments_by_enumeration
from tests.oracles import T15, T15_ARRAYS, t15, z_scores
from tests.pairs import STYLES

# K: expected direction of the guide on the discrete fixture.
WAKE_PHI = {1: (0, 0, 0), 2: (-0.0432, -0.1286, 0.1543), 4: (-0.0855, -0.2136, 0.2500)}
WAKE_PHI_LIMIT = (-0.1682, -0.2967, 0.3347)


def _wake_phi_by_enumeration(num_particles):
    """E sum_k share_k grad log q(z_k), over all 8^K tuples, in numpy."""
    arrays = {k: np.array(v, dtype=float) for k, v in T15_ARRAYS.items()}
    z = np.array(list(product((0.0, 1.0), repeat=3)))
    logits = z @ arrays["weight"].T + arrays["bias"]
    prior = np.where(z == 1, arrays["prior_probs"], 1 - arrays["prior_probs"])
    q_probs = 1 / (1 + np.exp(-arrays["q_logits"]))
    log_joint = np.log(prior).sum(1) + (arrays["x"] * logits - np.log1p(np.exp(logits))).sum(1)
    log_q = np.log(np.where(z == 1, q_probs, 1 - q_probs)).sum(1)
    tuples = np.array(list(product(range(8), repeat=num_particles)))
    log_w = (log_joint - log_q)[tuples]
    share = np.exp(log_w - logsumexp(log_w, axis=1, keepdims=True))
    mass = np.exp(log_q[tuples].sum(1))
    return mass @ (share[..., None] * (z - q_probs)[tuples]).sum(1)


@pytest.mark.parametrize("num_particles", WAKE_PHI)
def test_wake_phi_by_enumeration(num_particles):
    mean, _ = moments_by_enumeration(RWS(num_particles), *t15())
    exact = torch.from_numpy(_wake_phi_by_enumeration(num_particles))
    torch.testing.assert_close(mean, exact, rtol=0, atol=1e-12)
    stored = torch.tensor(WAKE_PHI[num_particles]).double()
    torch.testing.assert_close(mean, stored, rtol=0, atol=6e-5)


def test_wake_phi_with_many_particles():
    pair, x = t15()
    limit = pair.posterior_marginals(x)[0].detach() - pair.encoder.loc.detach().sigmoid()
    torch.testing.assert_close(limit, torch.tensor(WAKE_PHI_LIMIT).double(), rtol=0, atol=5e-5)
    gradients = discrete_copies(pair, x, 2000).gradients(RWS(1000))
    error = gradients.std(0) / 2000**0.5
    assert ((gradients.mean(0) - limit).abs() < 4.5 * error + 2e-3).all()


def test_weight_of_wake_phi():
    pair, x = t15()
    found = []
    for wake in (1.0, 0.25, 0.0):
        pyro.set_rng_seed(2)
        found.append(discrete_copies(pair, x, 20).gradients(RWS(4, wake=wake)))
    torch.testing.assert_close(found[1], 0.25 * found[0])
    assert (found[2] == 0).all()


@pytest.mark.parametrize("style", ["param_functions", "hierarchy", "nested_plate"])
def test_wake_theta_is_the_importance_weighted_bound(style):
    """Value and gradient of the model's own parameters at equal draws."""
    pair = STYLES[style](torch.float64)
    found = []
    for objective in (IWAE(5), RWS(5)):
        pyro.set_rng_seed(2)
        p = objective.draw(pair.model, pair.guide, *pair.args)
        leaves = list(p.model_parameters.values())
        value = objective.surrogate(p)
        found.append((value.detach(), torch.autograd.grad(value.sum(), leaves)))
    torch.testing.assert_close(found[0], found[1])


class TestSleep:
    def test_direction_is_exact(self):
        """E over p(z, x) of grad log q(z|x), by summing over every z and every x."""
        pair = DiscreteLatent.random(data_dim=3, latent_dim=2, seed=1)
        every = torch.tensor(list(product((0.0, 1.0), repeat=3))).double()
        joint = (pair._log_prior() + pair._log_lik(every)).exp().detach()  # [2^D, 2^L]
        assert joint.sum().item() == pytest.approx(1)
        leaves = [pair.encoder.loc, pair.encoder.weight]
        truth = torch.autograd.grad((joint * pair._log_q(every)).sum(), leaves)
        found = []
        data, objective = pair.sample(100, seed=1), RWS(1, wake=0.0, sleep=1.0)
        for _ in range(300):
            loss = objective.differentiable_loss(pair.model, pair.guide, data)
            found.append(torch.autograd.grad(-loss / 100, leaves))
        for samples, expected in zip(zip(*found, strict=True), truth, strict=True):
            assert (z_scores(torch.stack(samples), expected).abs() < 4.5).all()

    def test_adds_to_the_wake_phase(self):
        pair = DiscreteLatent.random(data_dim=3, latent_dim=2, seed=1)
        x, found = pair.sample(10, seed=1), []
        for wake, sleep in ((0.7, 0.0), (0.0, 0.3), (0.7, 0.3)):
            pyro.set_rng_seed(2)
            objective = RWS(4, wake=wake, sleep=sleep)
            loss = objective.differentiable_loss(pair.model, pair.guide, x)
            found.append(torch.autograd.grad(loss, [pair.encoder.loc, pair.decoder.weight]))
        torch.testing.assert_close(found[2][0], found[0][0] + found[1][0])
        torch.testing.assert_close(found[2][1], found[0][1])  # the model learns awake

    def test_value_is_that_of_the_wake_phase(self):
        pair = DiscreteLatent.random(data_dim=3, latent_dim=2, seed=1)
        x, values = pair.sample(10, seed=1), []
        objective = RWS(4, sleep=0.5)
        for call in (objective.loss, objective.differentiable_loss, objective.loss_and_grads):
            pyro.set_rng_seed(2)
            values.append(call(pair.model, pair.guide, x).item())
        assert values[0] == pytest.approx(values[1]) == values[2]

    @pytest.mark.parametrize("scale", [1.0, 0.01])
    def test_scale_of_the_pair(self, scale):
        pair = STYLES["pyro_module"](torch.float64)
        model, guide = (poutine.scale(f, scale=scale) for f in (pair.model, pair.guide))
        pair = replace(pair, model=model, guide=guide, scale=scale)
        pyro.set_rng_seed(2)
        loss = RWS(2, wake=0.0, sleep=1.0).differentiable_loss(pair.model, pair.guide, *pair.args)
        p = dream(pair.model, pair.guide, *pair.args)
        assert p.scale == pair.scale
        leaf = next(iter(p.guide_parameters.values()))
        (found,) = torch.autograd.grad(loss, leaf)
        pyro.set_rng_seed(2)
        RWS(2).loss(pair.model, pair.guide, *pair.args)
        p = dream(pair.model, pair.guide, *pair.args)
        (expected,) = torch.autograd.grad(-pair.scale * p.log_q.sum(), leaf)
        torch.testing.assert_close(found, expected)


class TestDream:
    @pytest.mark.parametrize(
        "style", ["param_functions", "pyro_module", "family", "convolutions", "nested_plate"]
    )
    def test_the_guide_sees_what_the_model_made(self, style):
        pair, seen = STYLES[style](torch.float64), []

        def guide(x):
            seen.append(x)
            pair.guide(x)

        before = pair.args[0].clone()
        p = dream(pair.model, guide, *pair.args)
        (x,) = seen
        assert x.shape == before.shape and not torch.equal(x, before)
        torch.testing.assert_close(pair.args[0], before, rtol=0, atol=0)
        made = p.model_sites["x"].value[0].reshape(x.shape[0], -1)
        torch.testing.assert_close(made, x.reshape(x.shape[0], -1))
        assert p.log_q.shape == (1, pair.batch_size) and p.log_q.requires_grad
        assert not p.log_lik.requires_grad

    def test_other_arguments_stay(self):
        seen = []

        def model(batch, *, level):
            x, y = batch
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
                pyro.sample("x", dist.Normal(z + y + level, 1.0).to_event(1), obs=x)

        def guide(batch, *, level):
            x, y = batch
            seen.append((x, y, level))
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x - y - level, 1.0).to_event(1))

        both = torch.randn(5, 4)
        x, y = both[:, :2], both[:, 2:]  # two views of one tensor
        dream(model, guide, (x, y), level=3.0)
        assert seen[0][1] is y and seen[0][2] == 3.0 and seen[0][0] is not x
        assert seen[0][0].mean() > 1

    def test_part_of_an_argument(self):
        """The model observes two columns of three; the guide sees the third as it was."""
        seen = []

        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(x[:, 2], 1.0))
                pyro.sample(
                    "x", dist.Normal(z[:, None], 1.0).expand([len(x), 2]).to_event(1), obs=x[:, :2]
                )

        def guide(x):
            seen.append(x)
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x.mean(1), 1.0))

        x = torch.randn(5, 3)
        p = dream(model, guide, x)
        assert torch.equal(seen[0][:, 2], x[:, 2])
        assert torch.equal(seen[0][:, :2], p.model_sites["x"].value[0])

    def test_what_cannot_be_dreamt(self):
        sub = STYLES["subsampled_plate"](torch.float64)
        with pytest.raises(SiteError, match="observes at 'x' a tensor that is neither"):
            dream(sub.model, sub.guide, *sub.args)
        pair = STYLES["pyro_module"](torch.float64)
        (x,) = pair.args
        with pytest.raises(SiteError, match="observes at 'x'"):
            dream(lambda x: pair.model(2 * x), pair.guide, x)
        automatic = AutoNormal(pair.model)
        with pytest.raises(SiteError, match="of which a dream of the model has no value"):
            dream(pair.model, automatic, x)

        def with_factor(x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
                pyro.factor("extra", x.sum(1))

        with pytest.raises(SiteError, match="factor..extra.*cannot be drawn from"):
            dream(with_factor, pair.guide, x)


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5)])
def test_trains_model_and_guide(weights):
    pair = DiscreteLatent.random(data_dim=6, latent_dim=3, seed=5)
    x = pair.sample(300, seed=1)
    with torch.no_grad():
        pair.encoder.loc.add_(2.0)
        pair.decoder.loc.add_(0.7)
        before = pair.log_px(x).mean(), pair.kl_to_posterior(x).mean()
    wake, sleep = weights
    fit(
        pair.model, pair.guide, x, objective=RWS(5, wake=wake, sleep=sleep), epochs=8,
        batch_size=20, lr=0.05, progress=False, device="cpu",
    )  # fmt: skip
    assert pair.log_px(x).mean() > before[0] + 0.02
    assert pair.kl_to_posterior(x).mean() < before[1] - 0.2


def test_a_family_with_pyros_svi():
    torch.manual_seed(0)
    vae = VAE((6,), 2, likelihood=Bernoulli())
    x = torch.rand(20, 6).round()
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.02}), RWS(5, wake=0.5, sleep=0.5))
    losses = [svi.step(x) for _ in range(80)]
    assert sum(losses[-20:]) < sum(losses[:20])
    assert isinstance(vae, nn.Module)


def test_refusals():
    with pytest.raises(ConfigError, match="wake=-1.0, sleep=0.0, needs weights >= 0"):
        RWS(2, wake=-1.0)
    assert T15["log_px"] == pytest.approx(t15()[0].log_px(t15()[1]).item())
