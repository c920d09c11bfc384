"""Missing data: the exact marginal, what stands in the holes, imputation and errors."""

import math
from functools import partial

import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from torch.distributions import MultivariateNormal

from pyrovae import log_evidence
from pyrovae.errors import DataError, ShapeError, SupportError
from pyrovae.models import VAE, FlowPosterior, PartialVAE, VampPrior
from pyrovae.nn import (
    MLP,
    AsChannels,
    AsVector,
    Bernoulli,
    Binomial,
    ConvDecoder,
    ConvEncoder,
    Normal,
)
from pyrovae.objectives import ELBO, IWAE, DReG
from pyrovae.particles import draw
from pyrovae.particles.parameters import trainable
from tests.oracles import z_scores

D, L, B = 5, 2, 8
SMALL = partial(MLP, hidden=(7,))
X = torch.randn(B, D, generator=torch.Generator().manual_seed(0)).double()
MASK = torch.rand(B, D, generator=torch.Generator().manual_seed(1)) < 0.5
MASK[0], MASK[1], MASK[:, 0] = True, False, True


class Linear:
    """A pair of which p(x) is a known normal, and what is known of it where parts are missing."""

    def __init__(self, **options):
        torch.manual_seed(0)
        self.vae = PartialVAE(
            (D,), L, encoder=SMALL, decoder=partial(MLP, hidden=()), likelihood=Normal(0.6),
            **options,
        ).double()  # fmt: skip
        layer = self.vae.decoder.layers[0]
        with torch.no_grad():  # a guide that is wide, so that weights have little variance
            layer.weight.mul_(3)
            self.vae.encoder.layers[-1].weight.mul_(0.3)
            self.vae.encoder.layers[-1].bias[L:] = 0.2
        self.mean = layer.bias.detach()
        self.weight = layer.weight.detach()
        self.covariance = self.weight @ self.weight.T + 0.36 * torch.eye(D).double()

    def log_px(self, x, seen):
        """log p of the observed part of one row, by the whole covariance's block."""
        block = self.covariance[seen][:, seen]
        return MultivariateNormal(self.mean[seen], block).log_prob(x[seen])

    def by_woodbury(self, x, seen):
        """The same by way of the latents' precision."""
        w, error = self.weight[seen], (x - self.mean)[seen]
        precision = torch.eye(L).double() + w.T @ w / 0.36
        shrunk = w.T @ error / 0.36
        square = error.square().sum() / 0.36 - shrunk @ torch.linalg.solve(precision, shrunk)
        log_det = precision.logdet() + int(seen.sum()) * math.log(0.36)
        return -0.5 * (square + log_det + int(seen.sum()) * math.log(2 * math.pi))

    def conditional(self, x, seen):
        """Mean and covariance of what is missing given what was observed, of one row."""
        gain = torch.linalg.solve(
            self.covariance[seen][:, seen], self.covariance[seen][:, ~seen]
        ).T
        mean = self.mean[~seen] + gain @ (x - self.mean)[seen]
        return mean, self.covariance[~seen][:, ~seen] - gain @ self.covariance[seen][:, ~seen]


@pytest.mark.parametrize("join", [None, AsVector])
def test_the_evidence_is_that_of_what_was_observed(join):
    known = Linear(join=join)
    exact = torch.stack([known.log_px(x, m) for x, m in zip(X, MASK, strict=True)])
    again = torch.stack([known.by_woodbury(x, m) for x, m in zip(X, MASK, strict=True)])
    torch.testing.assert_close(exact, again)
    found = log_evidence(known.vae.model, known.vae.guide, X, MASK, num_particles=20_000, seed=0)
    z = (found.log_px - exact) / found.standard_error
    assert (found.standard_error < 0.06).all() and (z.abs() < 4.5).all(), z


def test_the_elbo_by_hand():
    known = Linear()
    q = known.vae.encode(X, MASK)
    error = X - q.mean @ known.weight.T - known.mean
    spread = q.variance @ known.weight.T.square()
    each = -0.5 * (math.log(2 * math.pi * 0.36) + (error.square() + spread) / 0.36)
    prior = torch.distributions.Independent(torch.distributions.Normal(torch.zeros(L), 1.0), 1)
    exact = (each * MASK).sum(-1) - torch.distributions.kl_divergence(q, prior)
    many = ELBO().per_datum(
        known.vae.model, known.vae.guide, X.repeat(20_000, 1), MASK.repeat(20_000, 1)
    )
    assert (z_scores(many.reshape(-1, B), exact).abs() < 4.5).all()


def test_whole_data_make_it_a_vae():
    torch.manual_seed(0)
    partial_vae = PartialVAE((D,), L, encoder=SMALL, decoder=SMALL, likelihood=Normal()).double()
    vae = VAE((D,), L, encoder=SMALL, decoder=SMALL, likelihood=Normal()).double()
    vae.load_state_dict(partial_vae.state_dict())
    bounds = []
    for pair, args in ((partial_vae, (X, torch.ones_like(X).bool())), (vae, (X,))):
        pyro.set_rng_seed(3)
        bounds.append(IWAE(5).per_datum(pair.model, pair.guide, *args))
    assert torch.equal(*bounds)


@pytest.mark.parametrize(
    "objective", [IWAE(3), DReG(3), ELBO(2, vectorize_particles=False)], ids=repr
)
@pytest.mark.parametrize("garbage", [7.0, -1e30, float("inf"), float("nan")])
def test_what_stands_in_the_holes_does_not_matter(objective, garbage):
    losses, gradients, filled = [], [], []
    for hole in (0.0, garbage):
        pyro.clear_param_store()
        torch.manual_seed(0)
        vae = PartialVAE((D,), L, encoder=SMALL, decoder=SMALL, likelihood=Binomial(16),
                         join=AsVector)  # fmt: skip
        levels = torch.randint(0, 17, (B, D)).float()
        x = torch.where(MASK, levels, torch.tensor(hole))
        pyro.set_rng_seed(1)
        loss = objective(vae.model, vae.guide)(x, MASK)
        loss.backward()
        losses.append(loss.detach())
        gradients.append([p.grad for p in vae.parameters()])
        filled.append(vae.impute(x, MASK, num_particles=20))
    assert losses[0].isfinite() and torch.equal(*losses)
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
    assert any((g != 0).any() for g in gradients[0])
    assert torch.equal(*filled)


def test_observed_data_do_matter():
    known = Linear()
    p = [draw(known.vae.model, known.vae.guide, x, MASK).log_lik for x in (X, X + MASK * 0.1)]
    assert (p[0] != p[1]).all()


class TestImputation:
    known = Linear()
    holes = (~MASK).any(1)

    def test_the_mean_is_the_conditional_mean(self):
        vae = self.known.vae
        several = torch.stack([vae.impute(X, MASK, num_particles=5000) for _ in range(20)])
        assert torch.equal(several[0][MASK], X[MASK])
        for i in torch.where(self.holes)[0]:
            exact, _ = self.known.conditional(X[i], MASK[i])
            z = z_scores(several[:, i, ~MASK[i]], exact)
            assert (z.abs() < 5).all(), z
            assert several[:, i, ~MASK[i]].std(0).max() < 0.1

    def test_draws_have_the_conditional_mean_and_covariance(self):
        torch.manual_seed(2)
        n = 4000
        drawn = self.known.vae.imputations(X, MASK, n, num_particles=40_000)
        assert drawn.shape == (n, B, D)
        assert torch.equal(drawn[:, MASK], X[MASK].expand(n, -1))
        for i in torch.where(self.holes)[0]:
            mean, covariance = self.known.conditional(X[i], MASK[i])
            values = drawn[:, i, ~MASK[i]]
            error = (values.mean(0) - mean) / (covariance.diagonal() / n).sqrt()
            assert error.abs().max() < 5, error
            torch.testing.assert_close(values.T.cov().reshape(covariance.shape), covariance,
                                       atol=0.12, rtol=0.1)  # fmt: skip

    def test_the_same_in_blocks(self):
        found = []
        for at_once in (2**24, 1):
            torch.manual_seed(5)
            found.append(self.known.vae.impute(X, MASK, num_particles=20_000, at_once=at_once))
        torch.testing.assert_close(*found, atol=0.1, rtol=0.0)

    def test_a_number_of_particles(self):
        with pytest.raises(ShapeError, match="num_particles is 0"):
            self.known.vae.impute(X, MASK, num_particles=0)


@pytest.mark.parametrize("join", [None, AsChannels])
@pytest.mark.parametrize("options", [{"prior": VampPrior}, {"posterior": FlowPosterior}], ids=str)
def test_every_part_trains(join, options):
    torch.manual_seed(0)
    bodies = {"encoder": partial(ConvEncoder, channels=(3,)),
              "decoder": partial(ConvDecoder, channels=(3,))}  # fmt: skip
    vae = PartialVAE((1, 4, 4), L, join=join, **bodies, **options)
    x = torch.randint(0, 2, (B, 1, 4, 4)).float()
    mask = torch.rand(B, 1, 4, 4) < 0.6
    before = {n: p.detach().clone() for n, p in vae.named_parameters()}
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO(num_particles=2))
    for _ in range(2):
        assert math.isfinite(svi.step(x, mask))
    assert [n for n, p in vae.named_parameters() if torch.equal(p, before[n])] == []
    assert len(trainable(vae.model, vae.guide, x, mask)) == len(before)
    assert vae.generate(3).shape == (3, 1, 4, 4)
    assert vae.reconstruct(x, mask).shape == vae.impute(x, mask, num_particles=3).shape == x.shape


def test_the_encoder_tells_a_zero_from_a_hole_by_the_mask():
    x, whole = torch.zeros(1, D), torch.ones(1, D).bool()
    hole = whole.clone()
    hole[0, 2] = False
    for join, same in ((None, True), (AsVector, False)):
        vae = PartialVAE((D,), L, encoder=SMALL, join=join)
        assert torch.equal(vae.encode(x, whole).mean, vae.encode(x, hole).mean) == same


class TestErrors:
    vae = PartialVAE((D,), L, likelihood=Bernoulli())
    x = torch.ones(3, D)

    @pytest.mark.parametrize("method", ["model", "guide", "encode", "reconstruct", "impute"])
    @pytest.mark.parametrize(
        "mask", [torch.tensor([1, 2, 3]), torch.ones(3, D), torch.ones(D).bool()], ids=str
    )
    def test_masks(self, method, mask):
        with pytest.raises(ShapeError, match="a mask of shape .* it needs bool of the same shape"):
            getattr(self.vae, method)(self.x, mask)

    def test_rows_of_nothing(self):
        mask = torch.ones(3, D).bool()
        mask[1] = False
        with pytest.raises(DataError, match="1 of 3 rows .* the first is row 1; drop them"):
            ELBO().loss(self.vae.model, self.vae.guide, self.x, mask)
        with pyro.validation_enabled(False):
            p = draw(self.vae.model, self.vae.guide, self.x, mask)
        assert p.log_lik[0, 1] == 0 and (p.log_lik[0, ::2] < 0).all()

    def test_support_is_that_of_what_was_observed(self):
        x, mask = 0.5 * self.x, torch.ones(3, D).bool()
        x[:, 1:] = 1.0
        with pytest.raises(SupportError):
            ELBO().loss(self.vae.model, self.vae.guide, x, mask)
        mask[:, 0] = False
        ELBO().loss(self.vae.model, self.vae.guide, x, mask)
