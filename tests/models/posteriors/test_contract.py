"""Posteriors from the outputs of an encoder, against formulas by hand."""

import math
from functools import partial

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.models import (
    DiagonalNormal,
    FullNormal,
    LowRankNormal,
    MixturePosterior,
    Posterior,
    posteriors,
)
from tests.exported import exported
from tests.oracles import z_scores

KINDS = [
    pytest.param(kind.example, id=name) for name, kind in exported(posteriors, Posterior).items()
]


def _params(kind, latent_dim, lead=(4,)):
    size = kind(latent_dim).num_parameters
    rng = torch.Generator().manual_seed(0)
    return 0.7 * torch.randn(*lead, size, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize(
    ("kind", "sizes"), [(DiagonalNormal, (2, 4, 6, 16)), (FullNormal, (2, 5, 9, 44))]
)
def test_number_of_parameters(kind, sizes):
    assert tuple(kind(n).num_parameters for n in (1, 2, 3, 8)) == sizes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("latent_dim", [1, 3])
@pytest.mark.parametrize("lead", [(), (4,), (5, 4)])
def test_shapes(kind, latent_dim, lead):
    q = kind(latent_dim).double()(_params(kind, latent_dim, lead))
    assert (q.batch_shape, q.event_shape) == (lead, (latent_dim,))
    assert q.has_rsample
    assert q.rsample().shape == (*lead, latent_dim)


def test_diagonal_normal_by_hand():
    params = _params(DiagonalNormal, 3)
    loc, log_scale = params[:, :3], params[:, 3:]
    z = torch.randn(4, 3).double()
    standard = (z - loc) / log_scale.exp()
    exact = (-0.5 * standard**2 - log_scale - 0.5 * math.log(2 * math.pi)).sum(-1)
    torch.testing.assert_close(DiagonalNormal(3)(params).log_prob(z), exact)


def test_full_normal_by_hand():
    """Means, log diagonal of the factor, its lower rows as multiples of it over sqrt 3."""
    params = torch.tensor([0.1, 0.2, 0.3, -0.5, 0.0, 0.4, 1.0, 2.0, 3.0]).double()
    rows = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 3, 0]]).double()
    unit = torch.eye(3) + rows / 3**0.5
    factor = params[3:6].exp().unsqueeze(-1) * unit
    q = FullNormal(3)(params)
    torch.testing.assert_close(q.scale_tril, factor)
    covariance = factor @ factor.T
    torch.testing.assert_close(q.covariance_matrix, covariance)
    z = torch.tensor([0.3, -1.0, 0.8]).double()
    error = z - params[:3]
    exact = -0.5 * (
        error @ torch.linalg.inv(covariance) @ error
        + torch.logdet(covariance)
        + 3 * math.log(2 * math.pi)
    )
    torch.testing.assert_close(q.log_prob(z), exact)
    reference = torch.distributions.MultivariateNormal(params[:3], covariance)
    torch.testing.assert_close(q.log_prob(z), reference.log_prob(z))


def test_full_normal_without_a_triangle_is_diagonal():
    params = _params(DiagonalNormal, 3)
    flat = torch.cat([params, params.new_zeros(4, 3)], -1)
    z = torch.randn(4, 3).double()
    torch.testing.assert_close(
        FullNormal(3)(flat).log_prob(z), DiagonalNormal(3)(params).log_prob(z)
    )


def test_full_normal_draws_what_it_scores():
    q = FullNormal(2)(_params(FullNormal, 2, lead=()))
    z = q.sample((50_000,))
    assert (z_scores(z, q.mean).abs() < 4.5).all()
    torch.testing.assert_close(z.T.cov(), q.covariance_matrix, rtol=0.05, atol=0.05)
    score = torch.func.grad(lambda p: FullNormal(2)(p).log_prob(z).sum())
    scores = score(_params(FullNormal, 2, lead=())) / len(z)
    assert (scores.abs() < 0.05).all()  # E of the score is zero


@pytest.mark.parametrize("lead", [(4,), (5, 4)])
def test_low_rank_normal_by_hand(lead):
    params = _params(partial(LowRankNormal, rank=2), 3, lead)
    loc, log_scale, factor = params.split([3, 3, 6], -1)
    factor = factor.unflatten(-1, (3, 2))
    covariance = factor @ factor.mT + torch.diag_embed((2 * log_scale).exp())
    q = LowRankNormal(3, rank=2)(params)
    torch.testing.assert_close(q.covariance_matrix, covariance)
    z = torch.randn(*lead, 3).double()
    reference = torch.distributions.MultivariateNormal(loc, covariance)
    torch.testing.assert_close(q.log_prob(z), reference.log_prob(z))


@pytest.mark.parametrize("rank", [0, 4])
def test_a_rank_that_cannot_be(rank):
    with pytest.raises(ConfigError, match="it needs 1 to 3"):
        LowRankNormal(3, rank=rank)


@pytest.mark.parametrize("kind", [DiagonalNormal, FullNormal])
def test_placed_where_the_noise_says(kind):
    """Moments of the noise come out as moments of the posterior; the density is its own."""
    params = _params(kind, 3)
    noise = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(1)).double()
    z, log_q = kind(3).placed(params, noise)
    q = kind(3)(params)
    assert (z_scores(z, q.mean).abs() < 4.5).all()
    assert (z_scores((z - q.mean).square(), q.variance).abs() < 4.5).all()
    torch.testing.assert_close(log_q, q.log_prob(z))


@pytest.mark.parametrize("kind", [DiagonalNormal, FullNormal])
def test_natural_gradient(kind):
    """The inverse Fisher information times the gradient; the information from the score."""
    params = _params(kind, 2, lead=())
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(200_000, 2, generator=rng, dtype=torch.float64)
    z, _ = kind(2).placed(params.unsqueeze(0), noise)
    score = torch.func.grad(lambda p, z: kind(2)(p).log_prob(z).sum())
    scores = torch.func.vmap(score, (None, 0))(params, z.squeeze(1))
    fisher = scores.T @ scores / len(z)
    gradient = torch.randn(len(params), generator=rng, dtype=torch.float64)
    natural = kind(2).natural(params, gradient)
    torch.testing.assert_close(fisher @ natural, gradient, rtol=0.03, atol=0.03)


def test_mixture_is_what_its_parameters_say():
    params = _params(partial(MixturePosterior, num_components=3), 2)
    locs, log_scales, logits = params.split([6, 6, 3], -1)
    q = MixturePosterior(2, num_components=3)(params)
    z = torch.randn(4, 2).double()
    each = torch.distributions.Normal(
        locs.unflatten(-1, (3, 2)), log_scales.unflatten(-1, (3, 2)).exp()
    ).log_prob(z.unsqueeze(-2))
    exact = torch.logsumexp(logits.log_softmax(-1) + each.sum(-1), -1)
    torch.testing.assert_close(q.log_prob(z), exact)


@pytest.mark.parametrize("options", [{"latent_dim": 0}, {"latent_dim": 2, "num_components": 0}])
def test_a_mixture_that_cannot_be(options):
    with pytest.raises(ConfigError, match="it needs a whole number, at least 1"):
        MixturePosterior(**options)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind):
    params = _params(kind, 3).requires_grad_()
    q = kind(3).double()(params)
    z = q.rsample()
    (z.square().sum(-1) + q.log_prob(z)).sum().backward()
    assert params.grad.isfinite().all()
    assert (params.grad != 0).all()


@pytest.mark.parametrize("kind", [DiagonalNormal, FullNormal, LowRankNormal, MixturePosterior])
def test_holds_nothing_to_save(kind):
    assert not kind(3).state_dict()
    assert not list(kind(3).parameters())


def test_the_distribution_is_the_subclasses_to_give():
    with pytest.raises(TypeError, match="forward"):
        Posterior(3)
