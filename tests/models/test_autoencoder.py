"""The autoencoder: what it follows, what it sees in training, and what it refuses."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import nn

from pyrovae import elbo_parts, elbo_surgery, log_evidence
from pyrovae.data import Split
from pyrovae.errors import ConfigError, ShapeError, SupportError
from pyrovae.evaluate import why_no_evidence
from pyrovae.models import (
    VAE,
    VQVAE,
    Autoencoder,
    FlatPrior,
    MixturePrior,
    StandardNormal,
    VampPrior,
)
from pyrovae.nn import MLP, Binomial, GaussianNoise, Masking, Normal
from pyrovae.objectives import ELBO, IWAE, STL, Beta, DReG
from pyrovae.particles import draw
from pyrovae.reporting import pictures, report

SHAPE, LATENT = (1, 4, 4), 3
NET = partial(MLP, hidden=(7,))
X = torch.randint(0, 17, (6, *SHAPE), generator=torch.Generator().manual_seed(0)).double()


@pytest.fixture(autouse=True)
def seed():
    pyro.clear_param_store()
    pyro.set_rng_seed(0)


def _made(**options):
    options = {"encoder": NET, "decoder": NET, "likelihood": Binomial(16), **options}
    return Autoencoder(SHAPE, LATENT, **options).double()


@pytest.mark.parametrize("objective", [ELBO(), ELBO(3), Beta(4.0), IWAE(3), STL(3), Trace_ELBO()])
def test_every_objective_is_the_reconstruction(objective):
    pair = _made()
    by_hand = pair.likelihood(pair.decoder(pair.encoder(X / 16)).reshape(6, 1, *SHAPE), 3)
    exact = -by_hand.log_prob(X).sum()
    loss = objective(pair.model, pair.guide)(X) if not isinstance(objective, Trace_ELBO) else (
        objective.differentiable_loss(pair.model, pair.guide, X))  # fmt: skip
    leaves = tuple(pair.parameters())
    torch.testing.assert_close(loss, exact)
    grads = (torch.autograd.grad(f, leaves, retain_graph=True) for f in (loss, exact))
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)


def test_a_prior_pulls_at_the_codes():
    pair = _made(prior=StandardNormal)
    z = pair.encode(X).mean
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    expected = pair.decode(z).log_prob(X) + log_p
    torch.testing.assert_close(ELBO().per_datum(pair.model, pair.guide, X), expected)


def test_corruption_meets_the_encoder_in_training_alone():
    pair = _made(corruption=Masking(0.5))
    p = draw(pair.model, pair.guide, X, num_particles=2)
    seen, z = p.latents["corrupted"], p.latents["z"]
    assert seen.shape == (2, 6, *SHAPE) and not torch.equal(seen[0], seen[1])
    torch.testing.assert_close(z, pair.encoder(seen))
    assert ((seen == 0) | (seen == X / 16)).all()
    torch.testing.assert_close(p.log_lik, pair.decode(z).log_prob(X))  # of the clean data
    assert not p.log_q.any() and not p.log_prior.any()
    clean = draw(pair.eval().model, pair.guide, X)
    assert clean.latents.keys() == {"z"}
    torch.testing.assert_close(clean.latents["z"][0], pair.encode(X).mean)


def test_contraction_is_added_to_the_loss_and_to_nothing_else():
    torch.manual_seed(1)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, LATENT), nn.Sigmoid())
    pair = _made(encoder=encoder, contraction=0.7)
    h = pair.encode(X).mean
    stretch = ((h * (1 - h)) ** 2 * encoder[1].weight.square().sum(-1)).sum(-1)
    for objective in (ELBO(2), IWAE(2), DReG(2)):
        bound = objective.per_datum(pair.model, pair.guide, X)
        torch.testing.assert_close(bound, pair.decode(h).log_prob(X))
        loss = objective(pair.model, pair.guide)(X)
        torch.testing.assert_close(loss, -bound.sum() + 0.7 * stretch.sum())
    weight = encoder[1].weight
    with_it, without = (
        torch.autograd.grad(ELBO()(pair.train(on).model, pair.guide)(X), weight)[0]
        for on in (True, False)
    )
    (own,) = torch.autograd.grad(0.7 * stretch.sum(), weight)
    torch.testing.assert_close(with_it - without, own)


def test_contraction_of_what_each_particle_sees():
    pair = _made(contraction=1.0, corruption=GaussianNoise(0.5))
    p = draw(pair.model, pair.guide, X, num_particles=2)
    (site,) = p.penalties.values()
    assert site.log_prob.shape == (2, 6) and not torch.equal(*site.log_prob)


def test_a_pair_without_evidence_says_so(tmp_path):
    pair, split = _made(), Split(X)
    with pytest.raises(ConfigError, match="improper"):
        log_evidence(pair.model, pair.guide, X, num_particles=5)
    with pytest.raises(ConfigError, match="improper"):
        elbo_surgery(pair.model, pair.guide, X)
    with pytest.raises(ConfigError, match="fit_density"):
        pair.generate(3)
    found = report(pair.model, pair.guide, split)
    recon = elbo_parts(pair.model, pair.guide, X).means()["reconstruction"]
    assert found.facts["reconstruction"] == pytest.approx(recon)
    assert found.facts["nll"] is None and "improper" in str(found) and "ELBO" not in str(found)
    found.to_json(tmp_path / "r.json")
    assert set(pictures(pair.model, pair.guide, split)) == {"reconstructions", "latents"}


@pytest.mark.parametrize("corruption", [None, Masking()])
def test_a_point_mass_has_none_under_any_prior(corruption):
    pair = _made(prior=partial(MixturePrior, num_components=2), corruption=corruption)
    assert "point mass" in why_no_evidence(pair.model, pair.guide, X)
    with pytest.raises(ConfigError, match="point mass at 'z'"):
        log_evidence(pair.model, pair.guide, X, num_particles=5)
    assert pair.generate(3).shape == (3, *SHAPE)
    assert "samples" in pictures(pair.model, pair.guide, Split(X))


def test_honest_pairs_are_left_alone():
    vae = VAE(SHAPE, LATENT, likelihood=Binomial(16)).double()
    assert why_no_evidence(vae.model, vae.guide, X) is None
    assert why_no_evidence(VAE((2,), 2, prior=FlatPrior, likelihood=Normal()).model,
                       VAE((2,), 2, prior=FlatPrior, likelihood=Normal()).guide,
                       torch.zeros(3, 2)) is not None  # fmt: skip

    def model(x):  # a discrete point is a proper q: the log of its mass is what is bounded
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", pyro.distributions.Bernoulli(x.new_tensor(0.5)))
            pyro.sample("x", pyro.distributions.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", pyro.distributions.Delta((x > 0).double()))

    assert why_no_evidence(model, guide, X[:, 0, 0, 0]) is None


def test_codes_have_an_evidence():
    x = torch.rand(3, 1, 8, 8)
    pair = VQVAE((1, 8, 8), grid=(2, 2), likelihood=Normal())
    assert why_no_evidence(pair.model, pair.guide, x) is None


def test_a_flat_prior_knows_its_shapes():
    flat = FlatPrior(3)()
    z = torch.randn(5, 2, 3, dtype=torch.float64)
    assert flat.expand([2]).log_prob(z).shape == (5, 2)
    assert flat.log_prob(z).dtype == torch.float64


def test_errors():
    for wrong in ({"contraction": -1.0}, {"contraction_probes": 0}, {"prior": VampPrior}):
        with pytest.raises(ConfigError):
            _made(**wrong)
    with pytest.raises(ShapeError, match="prior"):
        _made(prior=StandardNormal(LATENT + 1))
    with pytest.raises(ShapeError, match="the encoder gave"):
        _made(encoder=nn.Sequential(nn.Flatten(), nn.Linear(16, 2))).encode(X)
    with pytest.raises(ShapeError, match="data of shape"):
        _made().encode(X[:, 0])
    with pytest.raises(SupportError):
        _made().model(X + 0.5)


def test_a_point_beside_a_draw():
    """One latent drawn, the other a point: the point's density is infinite all the same."""

    def model(x):
        with pyro.plate("data", len(x)):
            a = pyro.sample("a", dist.Normal(0.0, 1.0))
            b = pyro.sample("b", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(a + b, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("a", dist.Normal(x / 3, 0.8))
            pyro.sample("b", dist.Delta(x / 3))

    def by_a_draw(x):
        with pyro.plate("data", len(x)):
            both = dist.Normal(x.unsqueeze(-1).expand(-1, 2) / 3, 0.8).to_event(1)
            drawn = pyro.sample("both", both, infer={"is_auxiliary": True})
            pyro.sample("a", dist.Delta(drawn[..., 0]))
            pyro.sample("b", dist.Delta(drawn[..., 1]))

    x = torch.tensor([0.3, -0.7])
    why = why_no_evidence(model, guide, x)
    assert why is not None and "point mass at 'b'" in why
    assert why_no_evidence(model, by_a_draw, x) is None
