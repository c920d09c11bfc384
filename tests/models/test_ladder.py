"""The ladder: its merge is the product of two normals, and exact where the posterior is one."""

from functools import partial

import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae.data import LinearGaussianChain
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.models import FullNormal, LadderVAE, Prior
from pyrovae.models.ladder import merged
from pyrovae.nn import MLP, Normal
from pyrovae.objectives import ELBO, IWAE, DReG
from pyrovae.particles import draw

AFFINE = partial(MLP, hidden=())
NETS = dict(encoder=AFFINE, decoder=AFFINE, upper_encoder=AFFINE, upper_decoder=AFFINE)


def test_the_merge_is_the_product_of_both_densities():
    torch.manual_seed(0)
    evidence = torch.randn(4, 6).double()
    prior = dist.Normal(torch.randn(3, 4, 3).double(), torch.rand(3, 4, 3).double() + 0.1)
    q = merged(evidence, prior.to_event(1))
    loc, log_scale = evidence.chunk(2, -1)
    z = torch.randn(50, 3, 4, 3).double()
    both = dist.Normal(loc, log_scale.exp()).log_prob(z) + prior.log_prob(z)
    rest = q.base_dist.log_prob(z) - both  # the normaliser, whatever z is
    torch.testing.assert_close(rest, rest[:1].expand_as(rest))


@pytest.mark.parametrize("log_scale", [-30.0, 30.0])
def test_the_merge_of_what_is_certain_with_what_is_not(log_scale):
    prior = dist.Normal(torch.tensor([2.0]), torch.tensor([0.5])).to_event(1)
    q = merged(torch.tensor([-1.0, log_scale]), prior)
    expected = (-1.0, 0.0) if log_scale < 0 else (2.0, 0.5)
    torch.testing.assert_close((q.mean.item(), q.stddev.item()), expected)


def test_it_is_exact_where_units_do_not_mix():
    """Then p(z1|z2, x) is p(z1|z2) times what x says of z1: log w is log p(x), draw by draw."""
    rng = torch.Generator().manual_seed(0)
    w = [(0.5 + torch.rand(3, generator=rng)).double() for _ in range(2)]
    b = [torch.randn(3, generator=rng).double() for _ in range(2)]
    scales = 0.6, 0.8
    chain = LinearGaussianChain([(u.diag(), c, s) for u, c, s in zip(w, b, scales, strict=True)])
    x = chain.sample(4, seed=1)
    vae = LadderVAE(
        (3,),
        (3, 3),
        feature_dims=3,
        normalization=lambda width: nn.Identity(),
        activation=nn.Identity,
        likelihood=Normal(scales[0]),
        **NETS,
    ).double()
    by_x, loc, covariance = chain._affine_posterior()
    with torch.no_grad():
        for network in vae.encoders:
            network.layers[0].weight.copy_(torch.eye(3))
            network.layers[0].bias.zero_()
        for layer, weight, bias, scale in (
            (vae.heads[0], (1 / w[0]).diag(), -b[0] / w[0], scales[0] / w[0]),
            (vae.top.network, by_x[3:], loc[3:], covariance.diagonal()[3:].sqrt()),
            (vae.upper_decoders[0].network.layers[0], w[1].diag(), b[1], torch.tensor(scales[1])),
        ):
            layer.weight.zero_()
            layer.weight[:3] = weight
            layer.bias.copy_(torch.cat([bias, scale.log().expand(3).to(bias)]))
        vae.decoder.layers[0].weight.copy_(w[0].diag())
        vae.decoder.layers[0].bias.copy_(b[0])
    p = draw(vae.model, vae.guide, x, num_particles=5)
    torch.testing.assert_close(p.log_w, chain.log_px(x).expand(5, 4))
    bound = ELBO(4000, closed_form_kl=True).per_datum(vae.model, vae.guide, x)
    torch.testing.assert_close(bound, chain.log_px(x), rtol=0, atol=0.1)


def test_the_shared_networks_are_declared_by_both_sides():
    vae = LadderVAE((5,), (3, 2), likelihood=Normal())
    p = draw(vae.model, vae.guide, torch.randn(2, 5))
    shared = p.model_parameters.keys() & p.guide_parameters.keys()
    assert shared == {f"upper_decoders$$${n}" for n, _ in vae.upper_decoders.named_parameters()}
    assert all(p.model_parameters[n] is p.guide_parameters[n] for n in shared)


def test_one_layer_and_a_posterior_of_another_form():
    vae = LadderVAE((5,), (3,), likelihood=Normal(), posterior=FullNormal)
    x = torch.randn(2, 5)
    assert vae.encode(x)["z1"].covariance_matrix.shape == (2, 3, 3)
    assert DReG(3).loss_and_grads(vae.model, vae.guide, x).isfinite()
    built = LadderVAE((5,), (4, 3), likelihood=Normal(), posterior=FullNormal(3))
    assert list(built.encode(x)) == ["z2", "z1"]


class Pseudo(Prior):
    """The mean of the top layer's posteriors at learned inputs, as in the VampPrior."""

    needs_encoder = True

    def shape_for(self, data_shape):
        self.inputs = nn.Parameter(torch.randn(4, *data_shape))

    def forward(self):
        raise AssertionError

    def with_encoder(self, encode):
        weights = dist.Categorical(logits=self.inputs.new_zeros(4))
        return dist.MixtureSameFamily(weights, encode(self.inputs))


def test_a_prior_made_of_posteriors_takes_the_top_layer():
    vae = LadderVAE((5,), (4, 3), likelihood=Normal(), prior=Pseudo)
    p = draw(vae.model, vae.guide, torch.randn(2, 5))
    assert {"prior$$$inputs", "top$$$network.weight"} <= p.model_parameters.keys()
    IWAE(3).loss_and_grads(vae.model, vae.guide, torch.randn(2, 5))
    assert vae.prior.inputs.grad.any()
    assert vae.generate(6).shape == (6, 5)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"latent_dims": ()}, ConfigError, r"LadderVAE got latent_dims=\(\)"),
        ({"feature_dims": (4, 4, 4)}, ConfigError, r"feature_dims=\(4, 4, 4\) for 2 layers"),
        ({"feature_dims": 0}, ConfigError, "feature_dims=0"),
        ({"upper_decoder": []}, ConfigError, "upper_decoder got 0 networks for 1 steps"),
        ({"posterior": FullNormal(5)}, ShapeError, "posterior has latent_dim=5.*LadderVAE 3"),
    ],
)
def test_what_does_not_fit_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        LadderVAE((5,), **{"latent_dims": (4, 3), **options})


def test_networks_of_another_width_are_named():
    vae = LadderVAE((5,), (4, 3), likelihood=Normal(), encoder=nn.Linear(5, 7))
    with pytest.raises(ShapeError, match=r"the network of d1 gave shape \[2, 7\].*128 features"):
        vae.guide(torch.zeros(2, 5))
