"""The conditional VAE: exact evidence, joins, priors, classes and errors."""

import copy
import inspect
import math
from functools import partial

import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from torch import nn
from torch.distributions import MultivariateNormal

from pyrovae import fit, log_evidence
from pyrovae.data import Vocabulary
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import (
    ConditionalVAE,
    FlowPosterior,
    FlowPrior,
    FullNormal,
    SpeechVAE,
    TextVAE,
    VampPrior,
)
from pyrovae.nn import (
    MLP,
    AsChannels,
    Bernoulli,
    Binomial,
    ConvDecoder,
    ConvEncoder,
    Normal,
    flows,
)
from pyrovae.objectives import ELBO, IWAE
from pyrovae.particles import draw
from tests.oracles import z_scores

AFFINE, SMALL = partial(MLP, hidden=()), partial(MLP, hidden=(7,))
CONV = {
    "encoder": partial(ConvEncoder, channels=(3,)),
    "decoder": partial(ConvDecoder, channels=(3,)),
    "join": AsChannels,
}
D, L, B = 4, 2, 6
Y = torch.tensor([0, 2, 1, 2, 0, 1])
V = torch.randn(B, 5, generator=torch.Generator().manual_seed(1)).double()


def _linear(given, **options):
    """A pair whose p(x|y) is a known normal."""
    torch.manual_seed(0)
    vae = ConditionalVAE(
        (D,), L, encoder=AFFINE, decoder=AFFINE, likelihood=Normal(0.6), **given, **options
    )
    with torch.no_grad():  # a guide that is wide, so that weights have little variance
        vae.encoder.layers[0].weight.zero_()
        vae.encoder.layers[0].bias.copy_(torch.tensor([0.0] * L + [0.5] * L))
    return vae.double()


def _exact(vae, given):
    """log p(x|y) of a linear pair, from its weights: a normal per y [B, size of y]."""
    layer = vae.decoder.layers[0]
    weight, rest = layer.weight[:, :L], layer.weight[:, L:]
    prior = vae.prior_given(Y if vae.condition.num_classes else given)
    mean = prior.mean @ weight.T + given @ rest.T + layer.bias
    cov = weight @ torch.diag_embed(prior.variance) @ weight.T
    cov = cov + 0.36 * torch.eye(D, dtype=torch.float64)
    return MultivariateNormal(mean, cov)


CONDITIONS = {
    "classes": ({"num_classes": 3}, Y, nn.functional.one_hot(Y, 3).double()),
    "values": ({"condition_shape": (5,)}, V, V),
}


@pytest.mark.parametrize("options", [{}, {"prior_network": AFFINE}], ids=["prior", "network"])
@pytest.mark.parametrize("kind", CONDITIONS)
def test_the_evidence_is_that_of_x_given_y(kind, options):
    how, y, given = CONDITIONS[kind]
    vae = _linear(how, **options)
    exact = _exact(vae, given)
    x = exact.sample()
    found = log_evidence(vae.model, vae.guide, x, y, num_particles=40_000, seed=0)
    z = (found.log_px - exact.log_prob(x)) / found.standard_error
    assert (found.standard_error < 0.1).all() and (z.abs() < 4.5).all(), z
    assert (exact.log_prob(x) - exact.log_prob(x.roll(1, 0))).abs().max() > 0.5  # y matters


@pytest.mark.parametrize("closed_form_kl", [False, True])
def test_the_elbo_by_hand(closed_form_kl):
    vae = _linear({"num_classes": 3}, prior_network=SMALL)
    x = torch.randn(B, D).double()
    q, p = vae.encode(x, Y), vae.prior_given(Y)
    layer = vae.decoder.layers[0]
    weight = layer.weight[:, :L]
    given = nn.functional.one_hot(Y, 3).double()
    error = x - q.mean @ weight.T - given @ layer.weight[:, L:].T - layer.bias
    spread = (q.variance @ weight.T.square()).sum(-1)
    scored = -0.5 * (D * math.log(2 * math.pi * 0.36) + (error.square().sum(-1) + spread) / 0.36)
    exact = scored - torch.distributions.kl_divergence(q, p)
    many = ELBO(closed_form_kl=closed_form_kl).per_datum(
        vae.model, vae.guide, x.repeat(20_000, 1), Y.repeat(20_000)
    )
    assert (z_scores(many.reshape(-1, B), exact).abs() < 4.5).all()


@pytest.mark.parametrize("num_particles", [1, 4])
@pytest.mark.parametrize(
    "y",
    [torch.tensor([3, 0, 1]), torch.arange(96.0).reshape(3, 2, 4, 4) / 96],
    ids=["classes", "images"],
)
def test_convolutions_see_the_condition_as_channels(num_particles, y):
    how = {"num_classes": 5} if y.dim() == 1 else {"condition_shape": (2, 4, 4)}
    vae = ConditionalVAE((1, 4, 4), 2, **how, **CONV, prior_network=SMALL)
    x = torch.randint(0, 2, (3, 1, 4, 4)).float()
    p = draw(vae.model, vae.guide, x, y, num_particles=num_particles)
    given = nn.functional.one_hot(y, 5).float() if y.dim() == 1 else y
    planes = given[..., None, None].expand(3, 5, 4, 4) if y.dim() == 1 else given
    loc, log_scale = vae.encoder(torch.cat([x, planes], 1)).chunk(2, -1)
    for k in range(num_particles):
        z = p.latents["z"][k]
        q = torch.distributions.Normal(loc, log_scale.exp()).log_prob(z).sum(-1)
        torch.testing.assert_close(p.log_q[k], q)
        logits = vae.decoder(torch.cat([z, given.flatten(1)], -1)).reshape(x.shape)
        lik = torch.distributions.Bernoulli(logits=logits).log_prob(x).flatten(1).sum(-1)
        torch.testing.assert_close(p.log_lik[k], lik)


def test_a_factory_of_ones_own_sees_one_shape():
    asked = []

    def factory(in_shape, out_shape):
        asked.append((in_shape, out_shape))
        return MLP(in_shape, out_shape)

    ConditionalVAE((1, 4, 4), 2, num_classes=5, encoder=factory, decoder=factory)
    assert asked == [((21,), (4,)), ((7,), (1, 1, 4, 4))]


@pytest.mark.parametrize(
    "parts",
    [{"posterior": FullNormal}, {"posterior": FlowPosterior}, {"prior": FlowPrior},
     {"prior_network": SMALL, "prior_form": partial(FlowPosterior, layer=flows.AffineCoupling)}],
    ids=str,
)  # fmt: skip
def test_every_part_trains(parts):
    torch.manual_seed(1)
    vae = ConditionalVAE((D,), L, num_classes=3, encoder=SMALL, decoder=SMALL,
                         likelihood=Normal(0.5), **parts)  # fmt: skip
    before = {n: p.detach().clone() for n, p in vae.named_parameters()}
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO(num_particles=3))
    for _ in range(2):  # what is multiplied by zeros at the start trains from the second on
        assert math.isfinite(svi.step(torch.randn(B, D), Y))
    dead = [n for n, p in vae.named_parameters() if torch.equal(p, before[n])]
    assert dead == []


def test_learns_what_a_class_looks_like():
    torch.manual_seed(0)
    classes = torch.randint(0, 4, (200,))
    means = torch.tensor([[4.0, 0.0], [0.0, 4.0], [-4.0, 0.0], [0.0, -4.0]])
    x = means[classes] + 0.5 * torch.randn(200, 2)
    vae = ConditionalVAE((2,), 1, num_classes=4, encoder=SMALL, decoder=SMALL,
                         likelihood=Normal(0.5))  # fmt: skip
    fit(vae.model, vae.guide, (x, classes), objective=ELBO(), epochs=60, batch_size=50, lr=3e-2,
        seed=0, device="cpu")  # fmt: skip
    made = vae.generate(torch.arange(4).repeat_interleave(100)).reshape(4, 100, 2).mean(1)
    torch.testing.assert_close(made, means, atol=0.5, rtol=0.0)


class TestClasses:
    vae = ConditionalVAE((D,), L, num_classes=3, encoder=SMALL, decoder=SMALL,
                         likelihood=Normal())  # fmt: skip
    x = torch.randn(B, D)

    def test_shapes_of_what_is_asked(self):
        vae = self.vae
        assert vae.generate(Y).shape == vae.reconstruct(self.x, Y).shape == (B, D)
        assert vae.generate(Y, mean=False).shape == (B, D)
        assert vae.decode(torch.zeros(7, B, L), Y).batch_shape == (7, B)
        assert vae.decode(torch.zeros(7, L), Y[:1]).batch_shape == (7,)
        assert vae.prior_given(Y).batch_shape == (B,)

    @pytest.mark.parametrize("bad", [3, -1])
    def test_out_of_range(self, bad):
        y = Y.clone()
        y[2] = bad
        for call in (
            partial(ELBO().loss, self.vae.model, self.vae.guide, self.x),
            self.vae.generate,
            partial(self.vae.encode, self.x),
        ):
            with pytest.raises(DataError, match=f"got the class {bad}"):
                call(y)

    def test_unseen_in_training(self):
        vae = copy.deepcopy(self.vae)
        y = torch.tensor([0, 2, 0, 2, 0, 2])
        with torch.no_grad():
            ELBO().loss(vae.model, vae.guide, self.x, Y)  # measuring teaches nothing
        log_evidence(vae.model, vae.guide, self.x, Y, num_particles=30)
        assert not vae.condition.seen.any()
        ELBO()(vae.model, vae.guide)(self.x, y).backward()
        assert vae.condition.seen.tolist() == [True, False, True]
        vae.generate(y)
        with pytest.raises(DataError, match=r"classes \[0, 2\] and is asked for \[1\]"):
            vae.generate(Y)
        vae.reconstruct(self.x, Y)  # of given data one may ask


class TestErrors:
    def test_the_condition_must_be_said(self):
        for wrong in ({}, {"num_classes": 3, "condition_shape": (2,)}):
            with pytest.raises(ConfigError, match="ConditionalVAE got num_classes"):
                ConditionalVAE((D,), L, **wrong)

    def test_one_prior(self):
        with pytest.raises(ConfigError, match="give one of the two"):
            ConditionalVAE((D,), L, num_classes=3, prior=FlowPrior, prior_network=MLP)

    def test_a_prior_of_posteriors(self):
        with pytest.raises(ConfigError, match="VampPrior is made of posteriors"):
            ConditionalVAE((D,), L, num_classes=3, prior=VampPrior)

    def test_convolutions_and_vectors(self):
        with pytest.raises(ShapeError, match="AsChannels"):
            ConditionalVAE((1, 4, 4), L, num_classes=3, encoder=ConvEncoder)

    @pytest.mark.parametrize("method", ["model", "guide", "encode", "reconstruct"])
    def test_shapes(self, method):
        vae = ConditionalVAE((D,), L, num_classes=3, likelihood=Binomial())
        with pytest.raises(ShapeError, match=rf"ConditionalVAE\.{method} was built for data"):
            getattr(vae, method)(torch.zeros(B, D + 1), Y)
        with pytest.raises(ShapeError, match=r"ConditionalVAE got y of shape \[6, 3\]"):
            getattr(vae, method)(torch.zeros(B, D), torch.zeros(B, 3))

    def test_support(self):
        vae = ConditionalVAE((D,), L, num_classes=3, likelihood=Bernoulli())
        with pytest.raises(ValueError, match="ContinuousBernoulli"):
            IWAE(2).loss(vae.model, vae.guide, torch.full((B, D), 0.5), Y)


def test_y_may_be_left_out_and_be_of_any_kind():
    for method in (ConditionalVAE.encode, ConditionalVAE.reconstruct):
        y = inspect.signature(method).parameters["y"]
        assert y.default is not inspect.Parameter.empty
        assert y.annotation is not torch.Tensor
    torch.manual_seed(0)
    vae, x, y = ConditionalVAE((4,), 2, num_classes=2), torch.rand(3, 4), torch.arange(3) % 2
    expected = vae.reconstruct(x, y, latent="mean")
    for given in ((x, y.numpy()), ((x, y),), (x.numpy(), y)):
        torch.testing.assert_close(vae.reconstruct(*given, latent="mean"), expected)
    with pytest.raises(DataError, match=r"takes x and y, and got x alone"):
        vae.reconstruct(x)


def test_names_of_classes_are_refused_by_what_they_need():
    for pair in (
        SpeechVAE.example(),
        TextVAE(6, 2, vocabulary=Vocabulary.of(["abcd"]), num_classes=2),
    ):
        with pytest.raises(ConfigError, match=r"got 'yes' for a class; give its number"):
            pair.generate(["yes", "no"])
