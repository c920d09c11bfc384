"""Each prior against its formula, written out."""

import math

import pyro.distributions as dist
import torch

from pyrovae.models import NormalPrior

from .made import made

Z = torch.randn(6, 2, generator=torch.Generator().manual_seed(1)).double()


def normal(z, loc, log_scale):
    standard = (z - loc) / log_scale.exp()
    return (-0.5 * standard**2 - log_scale - 0.5 * math.log(2 * math.pi)).sum(-1)


def test_standard_normal():
    zero = torch.zeros(2).double()
    torch.testing.assert_close(made("StandardNormal")().log_prob(Z), normal(Z, zero, zero))
    assert not list(made("StandardNormal").prior.parameters())
    assert not made("StandardNormal").prior.state_dict()


def test_normal():
    found = made("NormalPrior")
    exact = normal(Z, found.prior.loc, found.prior.log_scale)
    torch.testing.assert_close(found().log_prob(Z), exact)


def test_mixture():
    prior = made("MixturePrior").prior
    weights = prior.logits.exp() / prior.logits.exp().sum()
    density = sum(
        w * normal(Z, loc, log_scale).exp()
        for w, loc, log_scale in zip(weights, prior.loc, prior.log_scale, strict=True)
    )
    torch.testing.assert_close(prior().log_prob(Z), density.log())
    theirs = dist.MixtureSameFamily(
        dist.Categorical(logits=prior.logits),
        dist.Normal(prior.loc, prior.log_scale.exp()).to_event(1),
    )
    torch.testing.assert_close(prior().log_prob(Z), theirs.log_prob(Z))
    torch.testing.assert_close(prior().mean, theirs.mean)
    torch.testing.assert_close(prior().variance, theirs.variance)


def test_vamp():
    for name in ("VampPrior", "VampPrior, weighted"):
        found = made(name)
        inputs = found.prior.pseudo_inputs()
        assert inputs.shape == (4, 5) and (inputs > 0).all() and (inputs < 1).all()
        weights = found.prior.logits.softmax(-1)
        density = 0.0
        for weight, u in zip(weights, inputs, strict=True):
            loc, log_scale = found.encoder(u).chunk(2, -1)
            density = density + weight * normal(Z, loc, log_scale).exp()
        torch.testing.assert_close(found().log_prob(Z), density.log())
    assert not torch.equal(weights, torch.full((4,), 0.25).double())
    assert torch.equal(made("VampPrior").prior.logits.softmax(-1), torch.full((4,), 0.25).double())


def test_flow_is_a_change_of_variables():
    """The density of z = f(u) by the Jacobian that autograd finds of f."""
    prior = made("FlowPrior").prior
    transform = prior.flow.condition(None)
    zero = torch.zeros(2).double()
    for u in Z:
        jacobian = torch.autograd.functional.jacobian(transform, u)
        exact = normal(u, zero, zero) - torch.linalg.slogdet(jacobian)[1]
        torch.testing.assert_close(prior().log_prob(transform(u)), exact)


def test_a_normal_starts_at_the_moments_of_codes():
    codes = torch.tensor([[1.0, -2.0], [3.0, 4.0], [8.0, 1.0]]).double()
    prior = NormalPrior(2).double()
    prior.start_at(codes)
    expected = torch.distributions.Normal(codes.mean(0), codes.std(0)).log_prob(codes).sum(-1)
    torch.testing.assert_close(prior().log_prob(codes), expected)
