"""Exact enumeration by Pyro's own objective, wherever an objective is taken."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import TraceEnum_ELBO, config_enumerate

from pyrovae.data import DiscreteLatent
from pyrovae.objectives import ELBO, IWAE
from pyrovae.train import SVI, fit
from tests.oracles import T15, t15


class Separate:
    """A discrete pair with one site for each latent, as enumeration needs them."""

    def __init__(self, exact: DiscreteLatent) -> None:
        self.exact = exact

    def model(self, x):
        pyro.module("exact", self.exact)
        with pyro.plate("data", len(x)):
            z = [
                pyro.sample(f"z{i}", dist.Bernoulli(logits=logit))
                for i, logit in enumerate(self.exact.prior.loc)
            ]
            z = torch.stack(torch.broadcast_tensors(*z), -1)
            logits = z @ self.exact.decoder.weight.T + self.exact.decoder.loc
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(self, x):
        pyro.module("exact", self.exact)
        with pyro.plate("data", len(x)):
            for i, logit in enumerate(self.exact.encoder.affine(x).unbind(-1)):
                pyro.sample(f"z{i}", dist.Bernoulli(logits=logit), infer={"enumerate": "parallel"})


def _sum(**options):
    return TraceEnum_ELBO(max_plate_nesting=1, **options)


def test_value_and_gradient_are_exact():
    exact, x = t15()
    pair = Separate(exact)
    loss = _sum().differentiable_loss(pair.model, pair.guide, x)
    assert -loss.item() == pytest.approx(T15["iwae"][1], abs=1e-10)
    (found,) = torch.autograd.grad(-loss, [exact.encoder.loc])
    torch.testing.assert_close(found, torch.tensor(T15["grad_phi"][1]).double(), rtol=0, atol=1e-7)


def test_value_of_each_datum():
    exact = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=2)
    pair, x = Separate(exact), exact.sample(6, seed=1)
    losses = [_sum().loss(pair.model, pair.guide, row[None]) for row in x]
    torch.testing.assert_close(-torch.tensor(losses).double(), exact.elbo(x).detach())
    assert _sum().loss(pair.model, pair.guide, x) == pytest.approx(-exact.elbo(x).sum().item())


def test_latents_summed_out_of_the_model_give_the_evidence():
    exact, x = t15()
    model = config_enumerate(Separate(exact).model)
    loss = _sum().loss(model, lambda x: None, x)
    assert -loss == pytest.approx(T15["log_px"], abs=1e-10)


def test_our_objectives_sample_the_same_pair():
    exact, x = t15()
    pair = Separate(exact)
    values = ELBO(50).per_datum(pair.model, pair.guide, x.expand(2000, -1))
    assert values.mean().item() == pytest.approx(T15["iwae"][1], abs=0.02)
    assert IWAE(3).loss(pair.model, pair.guide, x).isfinite()


def test_svi_and_fit_take_it():
    exact = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=2)
    x = exact.sample(60, seed=1)
    with torch.no_grad():
        exact.encoder.loc.add_(1.5)
    pair = Separate(exact)
    svi = SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 0.05}), _sum())
    losses = [svi.step(x) for _ in range(30)]
    assert losses[0] == pytest.approx(-svi_start(x, 1.5), rel=1e-6)
    assert losses == sorted(losses, reverse=True)

    before = exact.elbo(x).mean().item()
    run = fit(
        pair.model, pair.guide, x, objective=_sum(), epochs=4, batch_size=20, lr=0.05,
        progress=False, device="cpu",
    )  # fmt: skip
    assert exact.elbo(x).mean().item() > before
    assert run.history[-1]["train"] > run.history[0]["train"]


def svi_start(x, shift):
    """Exact ELBO of the pair as it started, over all data."""
    exact = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=2)
    with torch.no_grad():
        exact.encoder.loc.add_(shift)
    return exact.elbo(x).sum().item()
