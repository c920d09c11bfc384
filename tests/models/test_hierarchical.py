"""Several layers bottom-up, against a chain of which everything is known."""

from functools import partial

import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae import fit
from pyrovae.data import LinearGaussianChain
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.models import FullNormal, HierarchicalVAE, Prior, StandardNormal
from pyrovae.nn import MLP, Normal
from pyrovae.objectives import ELBO, IWAE, STL, Beta
from pyrovae.particles import draw, score
from pyrovae.train.optim import schedules
from tests.oracles import z_scores

AFFINE = partial(MLP, hidden=())


def affine(latent_dims, scale, **options):
    nets = dict(encoder=AFFINE, decoder=AFFINE, upper_encoder=AFFINE, upper_decoder=AFFINE)
    return HierarchicalVAE(
        (5,), latent_dims, likelihood=Normal(scale), posterior=FullNormal, **nets, **options
    ).double()


@torch.no_grad()
def set_affine(network, weight, bias, rest):
    """The means follow an affine map, the other parameters are constants."""
    layer, size = network.layers[0], len(bias)
    layer.weight.zero_()
    layer.weight[:size] = weight
    layer.bias.copy_(torch.cat([bias, rest]))


def as_family(chain, *, with_guide=True):
    vae = affine(chain.latent_dims, chain.decoders[0].log_scale.exp().item())
    with torch.no_grad():
        vae.decoder.layers[0].weight.copy_(chain.decoders[0].weight)
        vae.decoder.layers[0].bias.copy_(chain.decoders[0].loc)
    for conditional, step in zip(vae.upper_decoders, chain.decoders[1:], strict=True):
        rest = step.log_scale.expand(step.loc.shape)
        set_affine(conditional.network, step.weight, step.loc, rest)
    for conditional, step in zip(vae.encoders, chain.encoders, strict=True):
        factor, form = step.scale_tril(), conditional.form
        multiples = factor / factor.diagonal().unsqueeze(-1) * len(factor) ** 0.5
        below = multiples[form.rows, form.columns]
        rest = torch.cat([factor.diagonal().log(), below])
        if with_guide:
            set_affine(conditional.network, step.weight, step.loc, rest)
    return vae


@pytest.fixture(params=[(2,), (3, 2), (2, 3, 1)], ids=str)
def chain(request):
    return LinearGaussianChain.random(5, request.param, seed=0)


def test_affine_networks_make_it_the_chain(chain):
    """Draw by draw: the densities of every site, and with them every bound."""
    vae, x = as_family(chain), chain.sample(4, seed=1)
    p = draw(vae.model, vae.guide, x, num_particles=3)
    theirs = score(chain.model, chain.guide, x, latents=p.latents)
    for mine, other in ((p.model_sites, theirs.model_sites), (p.guide_sites, theirs.guide_sites)):
        assert mine.keys() == other.keys() and list(mine) == list(other)
        for site in mine:
            torch.testing.assert_close(mine[site].log_prob, other[site].log_prob)


def test_bounds_against_the_exact_ones():
    chain = LinearGaussianChain.random(5, (3, 2), seed=0)
    vae, x = as_family(chain), chain.sample(3, seed=1)
    kl = chain.kl_by_site(x)
    weighted = chain.reconstruction(x) - 0.5 * kl["z1"] - 3 * kl["z2"]
    for objective, truth in (
        (ELBO(), chain.elbo(x)),
        (ELBO(closed_form_kl=True), chain.elbo(x)),
        (IWAE(5), chain.iwae(x, 5)),
        (Beta({"z1": 0.5, "z2": 3.0}), weighted),
    ):
        bounds = objective.per_datum(vae.model, vae.guide, x.repeat(10_000, 1)).reshape(-1, 3)
        assert (z_scores(bounds, truth).abs() < 4.5).all(), objective


def test_its_guide_reaches_the_evidence():
    """The posterior of the chain is of the guide's form: bottom-up with full covariances."""
    chain = LinearGaussianChain.random(5, (2, 1), seed=0)
    torch.manual_seed(0)
    vae = as_family(chain, with_guide=False)
    for part in (vae.decoder, vae.upper_decoders, vae.likelihood):
        part.requires_grad_(False)
    x = chain.sample(200, seed=1)
    fit(
        vae.model, vae.guide, x, objective=STL(), epochs=120, batch_size=100, lr=0.05,
        schedule=schedules.cosine(), device="cpu",
    )  # fmt: skip
    gap = chain.log_px(x) - ELBO(20).per_datum(vae.model, vae.guide, x)
    assert gap.mean().abs() < 1e-3 and gap.abs().max() < 0.02


def test_the_net_of_the_iwae_paper():
    """x-200-200-z100-100-100-z50, and back."""
    two = [partial(MLP, hidden=(n, n), activation=nn.Tanh) for n in (200, 100)]
    vae = HierarchicalVAE(
        (1, 28, 28), (100, 50), encoder=two[0], decoder=two[0], upper_encoder=two[1],
        upper_decoder=two[1],
    )  # fmt: skip
    widths = {
        "up": [vae.encoders[0].network, vae.encoders[1].network],
        "down": [vae.upper_decoders[0].network, vae.decoder],
    }
    sizes = {
        way: [layer.out_features for net in nets for layer in net.layers[::2]]
        for way, nets in widths.items()
    }
    assert sizes == {"up": [200, 200, 200, 100, 100, 100], "down": [100, 100, 200, 200, 200, 784]}
    x = torch.rand(2, 1, 28, 28).round()
    p = draw(vae.model, vae.guide, x, num_particles=3)
    assert [list(z.shape) for z in p.latents.values()] == [[3, 2, 100], [3, 2, 50]]


def test_a_network_for_each_step():
    first, second = nn.Linear(4, 6), partial(MLP, hidden=(9,))
    vae = HierarchicalVAE(
        (5,), (4, 3, 2), likelihood=Normal(), upper_encoder=[first, second],
        upper_decoder=[nn.Linear(3, 8), nn.Linear(2, 6)],
    )  # fmt: skip
    assert vae.encoders[1].network is first
    assert vae.encoders[2].network.layers[0].out_features == 9
    assert IWAE(2).loss(vae.model, vae.guide, torch.randn(3, 5)).isfinite()


def test_a_prior_that_is_learned():
    class Learned(Prior):
        def __init__(self, latent_dim):
            super().__init__(latent_dim)
            self.loc = nn.Parameter(torch.ones(latent_dim))

        def forward(self):
            return dist.Normal(self.loc, 0.1).to_event(1)

    vae = HierarchicalVAE((5,), (4, 3), likelihood=Normal(), prior=Learned)
    assert vae.prior.loc.shape == (3,)
    IWAE(3).loss_and_grads(vae.model, vae.guide, torch.randn(3, 5))
    assert vae.prior.loc.grad.all()


class Posteriors(Prior):
    @property
    def needs_encoder(self):
        return True

    def forward(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"latent_dims": ()}, ConfigError, r"latent_dims=\(\)"),
        ({"latent_dims": (3, 0)}, ConfigError, r"latent_dims=\(3, 0\)"),
        ({"prior": StandardNormal(3)}, ShapeError, "latent_dim=3 and the top layer of Hier.* 2"),
        ({"prior": Posteriors}, ConfigError, r"Posteriors.*q\(z3\|z2\); use LadderVAE"),
        ({"upper_encoder": [AFFINE]}, ConfigError, "upper_encoder got 1 networks for 2 steps"),
        ({"upper_decoder": nn.Linear(3, 8)}, ConfigError, "upper_decoder got one Linear for 2"),
    ],
)
def test_what_does_not_fit_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        HierarchicalVAE((5,), **{"latent_dims": (4, 3, 2), **options})


def test_networks_of_another_width_are_named():
    vae = HierarchicalVAE(
        (5,), (4, 3), likelihood=Normal(), upper_encoder=nn.Linear(4, 5), upper_decoder=AFFINE
    )
    with pytest.raises(ShapeError, match=r"the encoder of z2 gave shape \[2, 5\].*needs 6"):
        vae.guide(torch.zeros(2, 5))
    vae = HierarchicalVAE((5,), (4, 3), likelihood=Normal(), upper_decoder=nn.Linear(3, 7))
    with pytest.raises(ShapeError, match=r"the decoder of z1 gave shape \[2, 7\].*needs 8"):
        vae.model(torch.zeros(2, 5))
