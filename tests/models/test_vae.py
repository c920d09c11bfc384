"""The VAE: every likelihood and body, densities by hand, and parts of the user's own."""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI
from torch import nn

import pyrovae
from pyrovae import objectives
from pyrovae.data import LinearGaussian
from pyrovae.errors import ConfigError
from pyrovae.models import VAE, FullNormal, Prior
from pyrovae.nn import (
    MLP,
    Bernoulli,
    Beta,
    BetaBinomial,
    Binomial,
    Categorical,
    ContinuousBernoulli,
    ConvDecoder,
    ConvEncoder,
    DiscretizedLogistic,
    Gamma,
    GaussianNoise,
    LearnedNormal,
    Likelihood,
    LogNormal,
    NegativeBinomial,
    Normal,
    Poisson,
    PredictedNormal,
    StudentT,
    ZeroInflatedNegativeBinomial,
    ZeroInflatedPoisson,
)
from pyrovae.objectives import ELBO, IWAE
from pyrovae.particles import draw, simulate
from pyrovae.particles.parameters import trainable
from tests.oracles import z_scores

SHAPE, BATCH, LATENT = (2, 4, 4), 3, 2


def _levels(top):
    return torch.randint(0, top + 1, (BATCH, *SHAPE)).float()


# Each likelihood with data that fit it.
FITTING = {
    "Bernoulli": (lambda: Bernoulli(), lambda: _levels(1)),
    "ContinuousBernoulli": (lambda: ContinuousBernoulli(), lambda: torch.rand(BATCH, *SHAPE)),
    "Binomial": (lambda: Binomial(16), lambda: _levels(16)),
    "Categorical": (lambda: Categorical(4), lambda: _levels(3)),
    "DiscretizedLogistic": (lambda: DiscretizedLogistic(), lambda: _levels(255)),
    "Normal": (lambda: Normal(0.5), lambda: torch.randn(BATCH, *SHAPE)),
    "LearnedNormal": (lambda: LearnedNormal(SHAPE), lambda: torch.randn(BATCH, *SHAPE)),
    "PredictedNormal": (lambda: PredictedNormal(), lambda: torch.randn(BATCH, *SHAPE)),
    "Beta": (lambda: Beta(), lambda: 0.1 + 0.8 * torch.rand(BATCH, *SHAPE)),
    "BetaBinomial": (lambda: BetaBinomial(16), lambda: _levels(16)),
    "Gamma": (lambda: Gamma("learned", shape=SHAPE), lambda: torch.rand(BATCH, *SHAPE) + 0.1),
    "LogNormal": (lambda: LogNormal(), lambda: torch.rand(BATCH, *SHAPE) + 0.1),
    "NegativeBinomial": (
        lambda: NegativeBinomial("learned", shape=SHAPE, size_factor="total"),
        lambda: _levels(30),
    ),
    "Poisson": (lambda: Poisson(), lambda: _levels(30)),
    "StudentT": (lambda: StudentT(), lambda: torch.randn(BATCH, *SHAPE)),
    "ZeroInflatedNegativeBinomial": (
        lambda: ZeroInflatedNegativeBinomial(size_factor="total"),
        lambda: _levels(3),
    ),
    "ZeroInflatedPoisson": (lambda: ZeroInflatedPoisson(), lambda: _levels(3)),
}
BODIES = {
    "mlp": {"encoder": partial(MLP, hidden=(7,)), "decoder": partial(MLP, hidden=(7,))},
    "conv": {
        "encoder": partial(ConvEncoder, channels=(3,)),
        "decoder": partial(ConvDecoder, channels=(3,)),
    },
}
X = torch.randn(BATCH, 5, generator=torch.Generator().manual_seed(0))


def _small(**options):
    options = {"likelihood": Normal(0.7), "encoder": partial(MLP, hidden=(7,)), **options}
    return VAE((5,), LATENT, decoder=partial(MLP, hidden=(7,)), **options)


def test_every_likelihood_is_tried():
    public = {name: getattr(pyrovae.nn, name) for name in pyrovae.nn.__all__}
    kinds = {n for n, k in public.items() if isinstance(k, type) and issubclass(k, Likelihood)}
    # Of the columns of a table, and of counts that are given their total: see their own tests.
    assert FITTING.keys() == kinds - {"Likelihood", "MixedColumns", "Multinomial"}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", FITTING)
def test_every_likelihood_with_every_body(name, body):
    torch.manual_seed(0)
    make, data = FITTING[name]
    vae, x = VAE(SHAPE, LATENT, likelihood=make(), **BODIES[body]), data()
    before = {n: p.detach().clone() for n, p in vae.named_parameters()}
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), IWAE(3))
    assert math.isfinite(svi.step(x))
    for key, parameter in vae.named_parameters():
        assert parameter.isfinite().all(), key
        assert (parameter != before[key]).any(), f"{key} did not train"

    assert vae.generate(4).shape == (4, *SHAPE)
    assert vae.reconstruct(x).shape == x.shape
    assert vae.encode(x).event_shape == (LATENT,)
    assert vae.decode(torch.zeros(4, 3, LATENT)).batch_shape == (4, 3)
    for drawn in (vae.generate(4, mean=False), vae.reconstruct(x, mean=False)):
        assert not drawn.requires_grad
        vae.likelihood.check(drawn)  # draws are data again


@pytest.mark.parametrize("data_shape", [(5,), (1, 8, 8), (3, 5, 7), (2, 3)])
def test_every_shape_of_data(data_shape):
    vae = VAE(data_shape, LATENT, likelihood=Normal())
    x = torch.randn(BATCH, *data_shape)
    assert IWAE(3).per_datum(vae.model, vae.guide, x).shape == (BATCH,)
    assert vae.reconstruct(x).shape == x.shape


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("num_particles", [1, 4])
def test_log_densities_by_hand(body, num_particles):
    vae = VAE(SHAPE, LATENT, likelihood=Normal(0.5), **BODIES[body]).double()
    x = torch.randn(BATCH, *SHAPE).double()
    p = draw(vae.model, vae.guide, x, num_particles=num_particles)
    z = p.latents["z"]
    assert z.shape == (num_particles, BATCH, LATENT)
    for k in range(num_particles):
        loc, log_scale = vae.encoder(x).chunk(2, -1)
        mean = vae.decoder(z[k]).reshape(x.shape)
        torch.testing.assert_close(
            p.log_q[k], dist.Normal(loc, log_scale.exp()).log_prob(z[k]).sum(-1)
        )
        torch.testing.assert_close(p.log_prior[k], dist.Normal(0.0, 1.0).log_prob(z[k]).sum(-1))
        lik = dist.Normal(mean, 0.5).log_prob(x).flatten(1).sum(-1)
        torch.testing.assert_close(p.log_lik[k], lik)


def test_affine_networks_make_it_linear_gaussian():
    """Then its evidence and bounds are known: the whole path from data to objective is right."""
    vae = VAE(
        (5,), LATENT, likelihood=Normal(0.6),
        encoder=partial(MLP, hidden=()), decoder=partial(MLP, hidden=()),
    ).double()  # fmt: skip
    with torch.no_grad():
        vae.encoder.layers[0].weight[LATENT:] = 0  # a scale that does not depend on the datum
        exact = LinearGaussian(
            vae.decoder.layers[0].weight, vae.decoder.layers[0].bias, 0.6,
            q_weight=vae.encoder.layers[0].weight[:LATENT],
            q_loc=vae.encoder.layers[0].bias[:LATENT],
            q_scale=vae.encoder.layers[0].bias[LATENT:].exp(),
        )  # fmt: skip
    x = X.double()
    many = x.repeat(20_000, 1)
    for objective, truth in (
        (ELBO(), exact.elbo(x)),
        (ELBO(closed_form_kl=True), exact.elbo(x)),
        (IWAE(5), exact.iwae(x, 5)),
        (objectives.Beta(4.0), exact.reconstruction(x) - 4 * exact.kl(x)),
    ):
        bounds = objective.per_datum(vae.model, vae.guide, many).reshape(-1, BATCH)
        assert (z_scores(bounds, truth).abs() < 4.5).all(), objective


class TestOwnParts:
    def test_networks_of_ones_own(self):
        """Modules and factories; they see one batch axis whatever the number of particles."""

        class Decoder(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = nn.Sequential(
                    nn.Linear(LATENT, 8), nn.Unflatten(1, (2, 2, 2)),
                    nn.ConvTranspose2d(2, 2, 2, stride=2),
                )  # fmt: skip

            def forward(self, z):
                assert z.dim() == 2
                return self.net(z)

        class Encoder(nn.Module):
            def __init__(self, in_shape, out_shape):
                super().__init__()
                self.net = nn.Sequential(
                    nn.Conv2d(in_shape[0], 3, 2), nn.Flatten(), nn.Linear(27, *out_shape)
                )

            def forward(self, x):
                assert x.dim() == 4
                return self.net(x)

        vae = VAE(SHAPE, LATENT, encoder=Encoder, decoder=Decoder(), likelihood=Normal())
        x = torch.randn(BATCH, *SHAPE)
        for vectorize in (True, False):
            loss = IWAE(4, vectorize_particles=vectorize).loss_and_grads(vae.model, vae.guide, x)
            assert loss.isfinite()
        assert all(p.grad is not None for p in vae.parameters())
        assert len(trainable(vae.model, vae.guide, x)) == len(list(vae.parameters()))

    def test_likelihood_parameters_come_first(self):
        """Of two parameters per element: all means, then all raw scales."""
        vae = VAE((5,), LATENT, likelihood=PredictedNormal(min_scale=0.1))
        z = torch.randn(3, LATENT)
        loc, raw = vae.decoder(z).unbind(1)
        p = vae.decode(z)
        torch.testing.assert_close(p.mean, loc)
        scale = 0.1 + nn.functional.softplus(raw)
        torch.testing.assert_close(p.log_prob(X), dist.Normal(loc, scale).log_prob(X).sum(-1))

    def test_a_prior_of_ones_own(self):
        class Learned(Prior):
            def __init__(self, latent_dim):
                super().__init__(latent_dim)
                self.loc = nn.Parameter(torch.zeros(latent_dim))

            def forward(self):
                return dist.Normal(self.loc, 1.0).to_event(1)

        for prior in (Learned, Learned(LATENT)):
            vae = _small(prior=prior)
            IWAE(3).loss_and_grads(vae.model, vae.guide, X)
            assert (vae.prior.loc.grad != 0).all()
            assert "prior$$$loc" in trainable(vae.model, vae.guide, X)

    def test_a_built_posterior(self):
        vae = _small(posterior=FullNormal(LATENT))
        assert vae.encode(X).covariance_matrix.shape == (BATCH, LATENT, LATENT)

    def test_levels_are_rescaled_for_the_encoder(self):
        seen = []

        class Encoder(nn.Linear):
            def forward(self, x):
                seen.append(x)
                return super().forward(x)

        vae = VAE((5,), LATENT, likelihood=Binomial(16), encoder=Encoder(5, 2 * LATENT))
        vae.encode(torch.full((1, 5), 8.0))
        torch.testing.assert_close(seen[0], torch.full((1, 5), 0.5))


def test_sizes_are_those_of_the_data():
    """Counts with a size factor, against a pair written by hand."""
    torch.manual_seed(0)
    vae = VAE((6,), LATENT, likelihood=Poisson(size_factor="total")).double()
    x = torch.poisson(torch.full((BATCH, 6), 4.0)).double()

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", vae.prior())
            rate = vae.decoder(z).squeeze(-2).softmax(-1) * x.sum(-1, keepdim=True)
            pyro.sample("x", dist.Poisson(rate, validate_args=False).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", vae.encode(x))

    bounds = []
    for pair in ((vae.model, vae.guide), (model, guide)):
        pyro.set_rng_seed(1)
        bounds.append(IWAE(4).per_datum(*pair, x))
    torch.testing.assert_close(*bounds)
    torch.testing.assert_close(vae.reconstruct(x).sum(-1), x.sum(-1))
    rebuilt = simulate(vae.model, x, guide=vae.guide, mean=True)["x"]  # as the commands do
    torch.testing.assert_close(rebuilt.sum(-1), x.sum(-1))
    ELBO()(vae.model, vae.guide)(x).backward()
    mean = x.sum(-1).mean().expand(2)
    torch.testing.assert_close(vae.generate(2).sum(-1), mean, rtol=1e-5, atol=0)
    torch.testing.assert_close(vae.generate(2, size=70).sum(-1), torch.full((2,), 70.0).double())
    with pytest.raises(ConfigError, match="takes none"):
        _small().generate(2, size=70)


def test_a_corruption_is_seen_by_the_guide_in_training_alone():
    """The denoising criterion: q(z|noisy), without the density of the noise."""
    network = nn.Linear(2, 4).double()
    with torch.no_grad():
        network.weight.zero_()
        network.weight[:2] = torch.eye(2)
        network.bias.copy_(torch.tensor([0.0, 0.0, -2.0, -2.0]))
    pair = VAE((2,), 2, encoder=network, decoder=nn.Linear(2, 2), likelihood=Normal(),
               corruption=GaussianNoise(0.7)).double()  # fmt: skip
    x = torch.tensor([[1.0, -2.0]]).double()
    narrow = pair.eval().encode(x).variance
    size = 20_000
    for training, variance in ((True, narrow + 0.7**2), (False, narrow)):
        pair.train(training)
        p = draw(pair.model, pair.guide, x, num_particles=size)
        z = p.latents["z"][:, 0]
        error = variance * (2 / size) ** 0.5
        assert ((z.var(0) - variance[0]).abs() < 4 * error).all()
        assert ((z.mean(0) - x[0]).abs() < 4 * (variance / size).sqrt()).all()
        entropy = pair.encode(x).entropy()
        assert abs(p.log_q.mean() + entropy) < 4 * (1 / size) ** 0.5
    with pytest.raises(ConfigError, match="a refinement and a corruption"):
        VAE((4,), 2, corruption=GaussianNoise(), refinement=lambda dim: None)
