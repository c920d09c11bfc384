"""Refined posteriors reach the best member of their family, datum by datum."""

import copy
from functools import partial

import pyro
import pytest
import torch

from pyrovae import nn
from pyrovae.errors import ConfigError
from pyrovae.evaluate import log_evidence
from pyrovae.models import (
    VAE,
    DiagonalNormal,
    FlowPosterior,
    FullNormal,
    MixturePosterior,
    Refinement,
)
from pyrovae.objectives import ELBO, IWAE, DReG

# Two columns alike, so that the dimensions of the posterior hang together.
WEIGHT = torch.tensor([[1.0, 0.7], [0.5, 0.3], [0.3, 0.8], [-0.6, -0.4], [0.2, 0.1]])


def linear_vae(posterior=DiagonalNormal, seed=0, **options):
    """A linear decoder with a fixed scale, and an encoder that knows nothing."""
    pyro.set_rng_seed(seed)
    vae = VAE(
        (5,), 2,
        encoder=lambda i, o: nn.MLP(i, o, hidden=()),
        decoder=lambda i, o: nn.MLP(i, o, hidden=()),
        likelihood=nn.Normal(0.6),
        posterior=posterior,
        refinement=partial(Refinement, **options) if options else None,
    ).double()  # fmt: skip
    with torch.no_grad():
        vae.decoder.layers[0].weight.copy_(WEIGHT)
    return vae


def exact(vae, x):
    """log p(x), and the best mean-field ELBO, in nats [B]."""
    layer = vae.decoder.layers[0]
    weight, bias, variance = layer.weight, layer.bias, 0.6**2
    precision = torch.eye(2).double() + weight.T @ weight / variance
    covariance = weight @ weight.T + variance * torch.eye(5).double()
    log_px = torch.distributions.MultivariateNormal(bias, covariance).log_prob(x)
    gap = 0.5 * (precision.diagonal().log().sum() - precision.logdet())
    return log_px.detach(), (log_px - gap).detach()


X = torch.randn(4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def elbo(vae):
    pyro.set_rng_seed(3)
    return ELBO(4000).per_datum(vae.model, vae.guide, X)


def test_reaches_the_best_member_of_the_family():
    vae = linear_vae(num_steps=60, step_size=0.5, num_draws=400)
    _, best = exact(vae, X)
    assert (elbo(linear_vae()) < best - 0.5).all()
    # A fixed set of draws moves the optimum a little: never above, and by little below.
    gap = best - elbo(vae)
    assert (gap.abs() < 0.05).all(), gap


def test_a_full_covariance_reaches_the_evidence():
    vae = linear_vae(FullNormal, num_steps=60, num_draws=400)
    log_px, best = exact(vae, X)
    gap = log_px - elbo(vae)
    assert (gap.abs() < 0.05).all(), gap
    assert (log_px - best > 0.1).all()  # more than any diagonal normal can


def test_more_steps_are_better():
    values = [elbo(linear_vae(num_steps=n, num_draws=64)).sum() for n in (1, 2, 5, 20)]
    assert values == sorted(values)


def test_never_worse_than_where_it_starts():
    """On its own draws, even where a step of this size is far too long."""
    vae = linear_vae(num_steps=4, step_size=50.0)
    start = vae._encoded(X)
    log_joint = partial(vae._log_joint, X, vae.prior())
    refined = vae.refinement(start, vae.posterior, log_joint)
    bounds = [vae.refinement._bound(p, vae.posterior, log_joint) for p in (start, refined)]
    assert (bounds[1] >= bounds[0]).all()
    assert (bounds[1] > bounds[0]).any()


def test_the_density_is_that_of_the_draws():
    """A guide like any other: importance sampling with it is right."""
    vae = linear_vae(num_steps=30)
    log_px, _ = exact(vae, X)
    evidence = log_evidence(vae.model, vae.guide, X, num_particles=20_000, seed=0)
    assert ((evidence.log_px - log_px).abs() < 4.5 * evidence.standard_error).all()


@pytest.mark.parametrize("posterior", [DiagonalNormal, FullNormal, FlowPosterior])
def test_the_encoder_learns(posterior):
    vae = linear_vae(posterior, num_steps=2)
    DReG(3)(vae.model, vae.guide)(X).backward()
    for name, parameter in vae.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert (parameter.grad != 0).any(), name


def test_afterwards_the_decoder_alone_learns():
    vae = linear_vae()
    vae.refinement = Refinement(2, differentiable=False).double()
    IWAE(3)(vae.model, vae.guide)(X).backward()
    moved = {n for n, p in vae.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved == {n for n, _ in vae.named_parameters() if n.startswith("decoder")}


def test_gradient_through_the_steps():
    """By second derivatives it is the derivative of the refined bound: by finite differences."""
    vae = linear_vae(num_steps=3)

    def bound():
        pyro.set_rng_seed(7)
        return ELBO(5)(vae.model, vae.guide)(X)

    weight = vae.encoder.layers[0].weight
    (gradient,) = torch.autograd.grad(bound(), weight)
    direction = torch.randn_like(weight)
    with torch.no_grad():
        step = 1e-5 * direction
        weight += step
        above = bound()
        weight -= 2 * step
        below = bound()
    torch.testing.assert_close((above - below) / 2e-5, (gradient * direction).sum(), rtol=1e-5,
                               atol=1e-6)  # fmt: skip


def test_noise_is_saved_and_balanced():
    vae = linear_vae(num_steps=3)
    other = linear_vae(num_steps=3, seed=5)
    assert vae.refinement.noise.sum().abs() < 1e-12
    assert not torch.equal(vae.encode(X).mean, other.encode(X).mean)
    other.load_state_dict(vae.state_dict())
    assert torch.equal(vae.encode(X).mean, other.encode(X).mean)
    assert torch.equal(vae.encode(X).mean, copy.deepcopy(vae).encode(X).mean)


def test_without_gradients_it_is_the_same():
    vae = linear_vae(num_steps=3)
    with torch.no_grad():
        quiet = vae.encode(X)
    assert not quiet.mean.requires_grad
    assert torch.equal(quiet.mean, vae.encode(X).mean)


def test_a_posterior_that_is_no_function_of_noise():
    with pytest.raises(ConfigError, match="MixturePosterior cannot be drawn from given noise"):
        linear_vae(MixturePosterior, num_steps=1).encode(X)


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"num_steps": 0}, "at least 1"),
        ({"step_size": 0.0}, "an even number of"),
        ({"num_draws": 3}, "an even number of"),
    ],
)
def test_options_out_of_range(options, needed):
    with pytest.raises(ConfigError, match=needed):
        Refinement(2, **options)
