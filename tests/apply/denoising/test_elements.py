"""The clean elements given noisy ones: sums and integrals against brute force."""

import pyro.distributions as dist
import pytest
import torch
from scipy.stats import beta

from pyrovae.apply.denoising import elements as module
from pyrovae.apply.denoising.elements import clean_elements
from pyrovae.apply.denoising.nodes import nodes_of
from pyrovae.distributions.beta_binomial import BetaBinomial
from pyrovae.distributions.side_by_side import SideBySide
from pyrovae.errors import SiteError
from pyrovae.nn import Corruption, GaussianNoise, Masking, PoissonNoise, SaltAndPepper

F64 = torch.float64
NOISES = [GaussianNoise(0.8), Masking(0.3), SaltAndPepper(0.3, 0.0, 4.0), PoissonNoise(0.5)]
DISCRETE = [
    dist.Bernoulli(logits=torch.tensor([-1.0, 0.5, 3.0], dtype=F64)),
    dist.Binomial(4, logits=torch.tensor([-1.0, 0.5, 3.0], dtype=F64)),
    BetaBinomial(4, torch.tensor([-1.0, 0.5, 3.0], dtype=F64), torch.tensor(3.0, dtype=F64)),
    dist.Poisson(torch.tensor([0.3, 1.0, 2.5], dtype=F64)),
]
CONTINUOUS = [
    dist.Normal(torch.tensor([-1.0, 0.5, 3.0], dtype=F64), 0.7),
    dist.Beta(torch.tensor([2.0, 5.0, 30.0], dtype=F64), 3.0),
    dist.StudentT(5.0, torch.tensor([-1.0, 0.5, 3.0], dtype=F64), 0.5),
]


def _kind(value):
    return type(value).__name__


@pytest.mark.parametrize("noise", NOISES, ids=_kind)
@pytest.mark.parametrize("fn", DISCRETE, ids=_kind)
def test_levels_are_summed(fn, noise):
    noisy = noise(fn.sample())
    found = clean_elements(fn, noise, noisy)
    levels = torch.arange(0.0, 2 if _kind(fn) == "Bernoulli" else 5, dtype=F64)
    if _kind(fn) == "Poisson":
        levels = torch.arange(0.0, 60, dtype=F64)
    levels = levels[:, None]
    joint = (fn.log_prob(levels) + noise.log_prob(noisy, levels)).exp()
    torch.testing.assert_close(found.log_evidence, joint.sum(0).log())
    torch.testing.assert_close(found.mean, (joint * levels).sum(0) / joint.sum(0))


@pytest.mark.parametrize("noise", [GaussianNoise(0.8), PoissonNoise(0.5)], ids=_kind)
@pytest.mark.parametrize("fn", CONTINUOUS, ids=_kind)
def test_a_continuum_is_integrated(fn, noise):
    noisy = torch.tensor([0.0, 0.5, 1.5], dtype=F64)
    found = clean_elements(fn, noise, noisy)
    grid = torch.linspace(-12, 15, 200_001, dtype=F64)[1:-1, None]
    within = fn.support.check(grid)
    safe = torch.where(within, grid, 0.5)
    joint = torch.where(within, (fn.log_prob(safe) + noise.log_prob(noisy, safe)).exp(), 0.0)
    joint = torch.where(grid >= 0, joint, 0.0) if _kind(noise) == "PoissonNoise" else joint
    step = grid[1, 0] - grid[0, 0]
    torch.testing.assert_close(found.log_evidence, (joint.sum(0) * step).log(), rtol=0, atol=1e-3)
    mean = (joint * grid).sum(0) / joint.sum(0)
    torch.testing.assert_close(found.mean, mean, rtol=0, atol=1e-3)


@pytest.mark.parametrize("shapes", [(0.3, 0.3), (0.1, 2.0), (5.0, 0.5), (0.5, 30.0)])
def test_densities_that_are_infinite_at_a_bound(shapes):
    quantiles = (torch.arange(100_000, dtype=F64) + 0.5) / 100_000
    x = torch.from_numpy(beta(*shapes).ppf(quantiles.numpy()))
    fn = dist.Beta(*(torch.full((3,), shape, dtype=F64) for shape in shapes))
    noise, noisy = GaussianNoise(0.3), torch.tensor([0.0, 0.5, 1.0], dtype=F64)
    found = clean_elements(fn, noise, noisy)
    weight = noise.log_prob(noisy, x[:, None]).exp()
    torch.testing.assert_close(found.log_evidence, weight.mean(0).log(), rtol=0, atol=0.01)
    torch.testing.assert_close(found.mean, (weight * x[:, None]).sum(0) / weight.sum(0),
                               rtol=0, atol=0.003)  # fmt: skip
    single = dist.Beta(*(torch.full((3,), shape) for shape in shapes))
    assert bool(clean_elements(single, noise, noisy.float()).mean.isfinite().all())


def test_conjugate_and_quadrature_agree(monkeypatch):
    fn, noise = CONTINUOUS[0], GaussianNoise(0.4)
    noisy = torch.tensor([0.0, -4.0, 9.0], dtype=F64)
    exact = clean_elements(fn, noise, noisy)
    other = module._Weighted(fn, noise, noisy, *nodes_of(fn, noise, noisy))
    torch.testing.assert_close(other.log_evidence, exact.log_evidence)
    torch.testing.assert_close(other.mean, exact.mean)


@pytest.mark.parametrize("noise", NOISES, ids=_kind)
@pytest.mark.parametrize("fn", [DISCRETE[1], CONTINUOUS[0]], ids=_kind)
def test_draws_have_the_mean(fn, noise):
    noisy = torch.tensor([0.0, 1.0, 4.0], dtype=F64)
    many = fn.expand((10_000, 3))
    found = clean_elements(many, noise, noisy.expand(10_000, 3))
    drawn, mean = found.sample(), found.mean[0]
    error = (drawn.std(0) / 100).clamp_min(1e-9)
    assert ((drawn.mean(0) - mean) / error).abs().max() < 4.5


def test_a_continuous_element_at_an_atom_was_replaced():
    fn = dist.Normal(torch.tensor([2.0, 2.0], dtype=F64), 1.0)
    found = clean_elements(fn, Masking(0.25), torch.tensor([0.0, 1.5], dtype=F64))
    torch.testing.assert_close(found.mean, torch.tensor([2.0, 1.5], dtype=F64))
    exact = torch.stack(
        [
            torch.tensor(0.25, dtype=F64).log(),
            (fn.log_prob(torch.tensor(1.5, dtype=F64)) + torch.tensor(0.75, dtype=F64).log())[1],
        ]
    )
    torch.testing.assert_close(found.log_evidence, exact)


def test_gradients_reach_the_likelihood():
    for noise in NOISES:
        logits = torch.tensor([-1.0, 0.5, 3.0], dtype=F64, requires_grad=True)
        noisy = torch.tensor([0.0, 1.0, 4.0], dtype=F64)
        clean_elements(dist.Binomial(4, logits=logits), noise, noisy).log_evidence.sum().backward()
        assert logits.grad.isfinite().all() and logits.grad.abs().sum() > 0


def test_what_cannot_be_summed_is_told():
    class Strange(Corruption):
        def forward(self, x):
            return x

    with pytest.raises(SiteError, match="Strange is not known"):
        clean_elements(CONTINUOUS[0], Strange(), torch.zeros(3))
    with pytest.raises(SiteError, match="more than 4096 levels"):
        clean_elements(
            dist.Poisson(torch.full((3,), 1e6)), GaussianNoise(1e5), torch.full((3,), 1e6)
        )


def test_columns_of_several_kinds_are_refused():
    parts = [dist.Normal(torch.zeros(1), 1.0), dist.Categorical(torch.ones(1, 3))]
    fn = SideBySide(parts, [torch.tensor([0]), torch.tensor([1])], torch.tensor([0, 1]))
    for made in (fn, fn.mask(torch.tensor([True, False]))):
        with pytest.raises(SiteError, match="columns are of several kinds"):
            clean_elements(made, GaussianNoise(0.8), torch.zeros(2))
    numbers = SideBySide(parts[:1], [torch.tensor([0])], torch.tensor([0]))
    mean = clean_elements(numbers, GaussianNoise(1.0), torch.tensor([2.0])).mean
    assert torch.allclose(mean, torch.tensor([1.0]), atol=1e-4)
