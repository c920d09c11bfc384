"""Posteriors from the outputs of an encoder, against formulas by hand."""

import math

import pytest
import torch

from pyrovae.models import DiagonalNormal, FullNormal, Posterior
from tests.oracles import z_scores

KINDS = [DiagonalNormal, FullNormal]


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
    """Means, log diagonal of the factor, its lower triangle row by row."""
    params = torch.tensor([0.1, 0.2, 0.3, -0.5, 0.0, 0.4, 1.0, 2.0, 3.0]).double()
    factor = torch.tensor([[math.exp(-0.5), 0, 0], [1, 1, 0], [2, 3, math.exp(0.4)]]).double()
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


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind):
    params = _params(kind, 3).requires_grad_()
    q = kind(3)(params)
    z = q.rsample()
    (z.square().sum(-1) + q.log_prob(z)).sum().backward()
    assert params.grad.isfinite().all()
    assert (params.grad != 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_holds_nothing_to_save(kind):
    assert not kind(3).state_dict()
    assert not list(kind(3).parameters())


def test_the_distribution_is_the_subclasses_to_give():
    with pytest.raises(TypeError, match="forward"):
        Posterior(3)
