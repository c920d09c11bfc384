"""The mixture of posteriors: shared parameters, pseudo-inputs inside the data, clear errors."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.distributions import Transform

from pyrovae import draw, trainable
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.models import VAE, DiagonalNormal, FlowPosterior, VampPrior
from pyrovae.nn import (
    MLP,
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    ContinuousBernoulli,
    Gamma,
    Normal,
    Poisson,
)
from pyrovae.nn.flows import FlowLayer
from pyrovae.objectives import ELBO, IWAE, STL, DReG
from tests.objectives.copies import repeated_gradients, two_sample_z
from tests.pairs import Pair

DATA, LATENT = 5, 2
small = partial(MLP, hidden=(7,))
vamp = partial(VampPrior, num_components=3)


def vae_with(**options):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        options = {"prior": vamp, "likelihood": ContinuousBernoulli(), **options}
        return VAE((DATA,), LATENT, encoder=small, decoder=small, **options).double()


class OneWay(FlowLayer):
    """A layer that forgets the way back, as planar ones do."""

    scores_any = False

    def condition(self, context=None):
        return _Shift()


class _Shift(Transform):
    domain = codomain = dist.constraints.real_vector
    bijective = True

    def __init__(self):
        super().__init__(cache_size=1)

    def _call(self, x):
        return x + 1

    def _inverse(self, y):
        raise KeyError("no way back")

    def log_abs_det_jacobian(self, x, y):
        return x.new_zeros(x.shape[:-1])


class TestSharedEncoder:
    def test_is_part_of_the_model(self):
        vae = vae_with()
        x = torch.rand(4, DATA).double()
        p = draw(vae.model, vae.guide, x)
        assert p.guide_parameters.keys() < p.model_parameters.keys()
        leaves = trainable(vae.model, vae.guide, x)
        assert len(leaves) == len(list(vae.parameters()))

    def test_gradient_of_the_bound_by_hand(self):
        """Through the prior too: against the bound written out, at the same noise."""
        vae, x = vae_with(), torch.rand(4, DATA).double()
        pyro.set_rng_seed(2)
        IWAE(3).loss_and_grads(vae.model, vae.guide, x)
        kept = {name: parameter.grad.clone() for name, parameter in vae.named_parameters()}
        vae.zero_grad()
        pyro.set_rng_seed(2)
        loc, log_scale = vae.encoder(x).chunk(2, -1)
        z = loc + log_scale.exp() * torch.randn(3, 4, LATENT, dtype=torch.float64)
        log_q = dist.Normal(loc, log_scale.exp()).log_prob(z).sum(-1)
        loc, log_scale = vae.encoder(vae.prior.free_inputs.sigmoid()).chunk(2, -1)
        each = dist.Normal(loc, log_scale.exp()).log_prob(z[:, :, None]).sum(-1)
        log_prior = each.exp().mean(-1).log()
        log_w = vae.decode(z).log_prob(x) + log_prior - log_q
        (-log_w.exp().mean(0).log().sum()).backward()
        for name, parameter in vae.named_parameters():
            torch.testing.assert_close(kept[name], parameter.grad)

    @pytest.mark.parametrize("learn_weights", [False, True])
    @pytest.mark.parametrize(
        ("ours", "plain"),
        [(DReG(3), IWAE(3)), (STL(2), ELBO(2)), (DReG(3, vectorize_particles=False), IWAE(3))],
        ids=["DReG", "STL", "sequential DReG"],
    )
    def test_path_derivatives_keep_the_mean(self, ours, plain, learn_weights):
        """What the encoder gets as the prior stays; only its part as the guide is rewritten."""
        vae = vae_with(prior=partial(vamp, learn_weights=learn_weights))
        with torch.no_grad():
            vae.encoder.layers[-1].weight.mul_(2)  # pseudo-inputs that are told apart
        x = torch.rand(3, DATA, generator=torch.Generator().manual_seed(1)).double()
        torch.manual_seed(0)
        pair = Pair(vae.model, vae.guide, (x,))
        found = [repeated_gradients(objective, pair, 40) for objective in (ours, plain)]
        assert (two_sample_z(*found).abs() < 4.5).all()

    def test_of_flows(self):
        vae = vae_with(posterior=partial(FlowPosterior, num_layers=2, context_dim=3))
        x = torch.rand(3, DATA, generator=torch.Generator().manual_seed(1)).double()
        torch.manual_seed(0)
        pair = Pair(vae.model, vae.guide, (x,))
        found = [repeated_gradients(objective, pair, 20) for objective in (DReG(3), IWAE(3))]
        assert (two_sample_z(*found).abs() < 4.5).all()

    def test_in_a_pair_of_ones_own(self):
        prior, encoder = vamp(LATENT).double(), nn.Linear(DATA, 2 * LATENT).double()
        prior.shape_for((DATA,))
        form, weight = DiagonalNormal(LATENT), torch.randn(LATENT, DATA).double()

        def encode(x):
            return form(encoder(x))

        def model(x):
            pyro.module("prior", prior)
            pyro.module("encoder", encoder)
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", prior.with_encoder(encode))
                pyro.sample("x", dist.Normal(z @ weight, 1.0).to_event(1), obs=x)

        def guide(x):
            pyro.module("encoder", encoder)
            with pyro.plate("data", len(x)):
                pyro.sample("z", encode(x))

        IWAE(3).loss_and_grads(model, guide, torch.randn(4, DATA).double())
        assert (prior.free_inputs.grad != 0).all()


class TestPseudoInputs:
    @pytest.mark.parametrize(
        ("likelihood", "low", "high"),
        [(Bernoulli(), 0, 1), (Binomial(16), 0, 16), (Categorical(5), 0, 4)],
        ids=repr,
    )
    def test_stay_inside_the_range_of_the_data(self, likelihood, low, high):
        prior = vae_with(likelihood=likelihood).prior
        with torch.no_grad():
            prior.free_inputs.mul_(100)
        u = prior.pseudo_inputs()
        assert (u >= low).all() and (u <= high).all()
        assert u.min() < low + 0.1 and u.max() > high - 0.1

    def test_are_free_where_the_data_have_no_ends(self):
        prior = vae_with(likelihood=Normal()).prior
        assert prior.pseudo_inputs() is prior.free_inputs

    def test_the_encoder_sees_them_as_it_sees_data(self):
        """Levels are rescaled on the way: u = 8 of 16 enters as one half."""
        seen = []

        class Encoder(nn.Linear):
            def forward(self, x):
                seen.append(x)
                return super().forward(x)

        encoder = Encoder(DATA, 2 * LATENT)
        vae = VAE((DATA,), LATENT, likelihood=Binomial(16), prior=vamp, encoder=encoder)
        with torch.no_grad():
            vae.prior.free_inputs.zero_()
        vae.generate(2)
        torch.testing.assert_close(seen[0], torch.full((3, DATA), 0.5))

    @pytest.mark.parametrize("likelihood", [Normal(), Binomial(16)], ids=repr)
    def test_start_from_data(self, likelihood):
        vae, x = vae_with(likelihood=likelihood), torch.randint(0, 17, (9, DATA)).double()
        torch.manual_seed(0)
        vae.prior.start(x, inside=1e-6)
        distances = (vae.prior.pseudo_inputs()[:, None] - x).abs().amax(-1)  # [K, N]
        nearest = distances.min(1)
        assert (nearest.values < 1e-3).all()
        assert len(nearest.indices.unique()) == 3

    def test_move_on_from_black_and_white(self):
        vae, x = vae_with(likelihood=Bernoulli()), torch.randint(0, 2, (9, DATA)).double()
        vae.prior.start(x)
        ELBO().loss_and_grads(vae.model, vae.guide, x)
        assert (vae.prior.free_inputs.grad != 0).all()

    def test_of_whole_numbers(self):
        vae, x = vae_with(likelihood=Binomial(16)), torch.full((9, DATA), 8, dtype=torch.uint8)
        vae.prior.start(x)
        torch.testing.assert_close(
            vae.prior.pseudo_inputs().detach(), torch.full((3, DATA), 8.0).double()
        )

    def test_stay_when_the_family_is_built_again(self):
        prior = VampPrior(LATENT, num_components=3)
        vae_with(prior=prior)
        kept = prior.free_inputs
        vae_with(prior=prior)
        assert prior.free_inputs is kept
        with pytest.raises(ShapeError, match=r"within \(0.0, 1.0\), and the data need.*16.0"):
            vae_with(prior=prior, likelihood=Binomial(16))
        with pytest.raises(ShapeError, match=r"shape \[3, 5\].*the data need \[3, 4\]"):
            prior.shape_for((4,), (0.0, 1.0))


class TestErrors:
    def test_no_components(self):
        with pytest.raises(ConfigError, match="num_components=0"):
            VampPrior(LATENT, num_components=0)

    def test_without_an_encoder(self):
        with pytest.raises(ConfigError, match="made of posteriors.*with_encoder"):
            VampPrior(LATENT)()

    def test_before_the_shape_of_the_data_is_known(self):
        with pytest.raises(ConfigError, match="no pseudo-inputs yet.*shape_for"):
            VampPrior(LATENT).with_encoder(lambda x: x)
        with pytest.raises(ConfigError, match="no pseudo-inputs yet"):
            VampPrior(LATENT).start(torch.zeros(60, DATA))

    @pytest.mark.parametrize("shape", [(2, DATA), (9, 4)])
    def test_data_that_do_not_fit(self, shape):
        with pytest.raises(ShapeError, match=r"start got data of shape .* needs 3 or more"):
            vae_with().prior.start(torch.zeros(shape))

    def test_posteriors_that_score_only_their_own_draws(self):
        posterior = partial(FlowPosterior, layer=OneWay)
        with pytest.raises(ConfigError, match="VampPrior scores z under the posteriors of other"):
            vae_with(posterior=posterior)
        form = posterior(LATENT)
        prior = vamp(LATENT)
        prior.shape_for((form.num_parameters,))
        with pytest.raises(ConfigError, match="cannot be scored.*AffineCoupling"):
            prior.with_encoder(form).log_prob(torch.zeros(4, LATENT))


@pytest.mark.parametrize("head", [Poisson(), Gamma(1.0), Beta(5.0)], ids=repr)
def test_pseudo_inputs_of_half_bounded_data_stay_inside(head):
    """Above 0, where the upper end is infinite; started at data they are data."""
    torch.manual_seed(0)
    vae = VAE((6,), 2, likelihood=head, prior=VampPrior(2, num_components=4)).double()
    x = head.double()(torch.randn(9, 1, 6).double(), event_dim=1).sample()
    low, high = head.ends
    with torch.no_grad():
        vae.prior.free_inputs.mul_(5)
    u = vae.prior.pseudo_inputs()
    assert ((u > low) & (u < high)).all()
    vae.start(x)
    started = vae.prior.pseudo_inputs()
    away = (started[:, None] - x).abs().amax(-1).amin(1)
    assert (away < 0.03).all()
    bound = ELBO()(vae.model, vae.guide)(x)
    bound.backward()
    assert bound.isfinite() and vae.prior.free_inputs.grad.isfinite().all()
