"""A mixture of normals: its density, moments, pathwise gradient and strata, against torch's."""

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from pyrovae.distributions.normal_mixture import NormalMixture
from pyrovae.distributions.strata import StratifiedAssignment, stratified
from pyrovae.errors import ShapeError
from tests.oracles import z_scores


def _parts(*lead, components=3, dim=2, seed=0):
    rng = torch.Generator().manual_seed(seed)
    shape = (*lead, components, dim)
    locs = 1.5 * torch.randn(shape, generator=rng, dtype=torch.float64)
    scales = torch.rand(shape, generator=rng, dtype=torch.float64) + 0.4
    return locs, scales, torch.randn(shape[:-1], generator=rng, dtype=torch.float64)


def _torchs(locs, scales, logits):
    return MixtureSameFamily(Categorical(logits=logits), Independent(Normal(locs, scales), 1))


def test_density_and_moments():
    q, same = NormalMixture(*_parts(4)), _torchs(*_parts(4))
    z = torch.randn(6, 4, 2, dtype=torch.float64)
    torch.testing.assert_close(q.log_prob(z), same.log_prob(z))
    torch.testing.assert_close(q.mean, same.mean)
    torch.testing.assert_close(q.variance, same.variance)
    wide = q.expand((5, 4))
    assert (wide.batch_shape, wide.event_shape) == ((5, 4), (2,))
    torch.testing.assert_close(wide.log_prob(z[:5]), same.log_prob(z[:5]))


def test_parts_may_broadcast():
    locs, scales, logits = _parts(4)
    q = NormalMixture(locs, scales[0], logits[0])
    assert q.batch_shape == (4,)
    torch.testing.assert_close(q.mean[0], NormalMixture(locs, scales, logits).mean[0])


@pytest.mark.parametrize("dim", [1, 2])
def test_pathwise_gradient(dim):
    """Of E f(z), f(z) = |z|^2 + sin z_1, with respect to all parameters: all by quadrature."""
    parts = [t.requires_grad_() for t in _parts(dim=dim, seed=2)]

    def f(z):
        return z.square().sum(-1) + z[..., 0].sin() * (1 + z[..., -1])

    line = torch.linspace(-12, 12, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(*[line] * dim).reshape(-1, dim)
    share = _torchs(*parts).log_prob(grid).exp() * (line[1] - line[0]) ** dim
    exact = torch.autograd.grad((share * f(grid)).sum(), parts)
    moved = NormalMixture(*parts).along_path(grid)
    assert torch.equal(moved, grid)
    found = torch.autograd.grad((share.detach() * f(moved)).sum(), parts)
    for one, truth in zip(found, exact, strict=True):
        torch.testing.assert_close(one, truth, rtol=1e-6, atol=1e-8)


def test_pathwise_gradient_of_draws():
    """In more dimensions, and in single precision, against the score's expectation."""
    locs, scales, logits = (t.float() for t in _parts(dim=5, seed=4))
    logits.requires_grad_()
    torch.manual_seed(1)
    q = NormalMixture(locs, scales, logits)
    found = []
    means = (locs.square() + scales.square()).sum(-1)
    exact = torch.autograd.grad((logits.softmax(-1) * means).sum(), logits)[0]
    for _ in range(100):
        z = q.rsample((500,))
        found.append(torch.autograd.grad(z.square().sum(-1).mean(), logits)[0])
    assert torch.stack(found).isfinite().all()
    assert (z_scores(torch.stack(found).double(), exact.double()).abs() < 4.5).all()


def test_draws_of_a_sample_shape():
    q = NormalMixture(*_parts(2))
    drawn = q.sample((20_000,))
    assert drawn.shape == (20_000, 2, 2)
    assert (z_scores(drawn, q.mean).abs() < 4.5).all()


class TestStrata:
    def test_particle_k_is_of_component_k_mod_c(self):
        locs = 100.0 * torch.arange(3.0).reshape(3, 1).expand(3, 2)
        q = NormalMixture(locs, torch.ones(3, 2), torch.tensor([5.0, 0.0, -5.0]))
        with stratified(6):
            z = q.expand((6, 4)).rsample()
        assert z.shape == (6, 4, 2)
        expected = 100.0 * (torch.arange(6) % 3).reshape(6, 1, 1).expand(6, 4, 2)
        assert (z - expected).abs().max() < 10

    def test_shares_are_the_weights_of_the_components(self):
        _, _, logits = parts = _parts(4)
        shares = NormalMixture(*parts).expand((6, 4)).log_shares(StratifiedAssignment(6))
        expected = 3 * logits.softmax(-1).T.repeat(2, 1)
        torch.testing.assert_close(shares.exp(), expected)
        torch.testing.assert_close(shares.exp().mean(0), torch.ones(4).double())

    def test_outside_the_context_draws_are_free(self):
        q = NormalMixture(*_parts()).expand((6, 4))
        with stratified(6):
            pass
        torch.manual_seed(0)
        one = q.rsample()
        torch.manual_seed(0)
        assert torch.equal(one, q.rsample()) and len(one[:, 0].unique(dim=0)) == 6

    def test_particles_must_fill_the_strata(self):
        with stratified(4), pytest.raises(ShapeError, match="multiple of 3"):
            NormalMixture(*_parts(2)).expand((4, 2)).rsample()


def test_parts_that_do_not_fit():
    locs, scales, logits = _parts(4)
    with pytest.raises(ShapeError, match="needs \\[..., C, L\\] twice"):
        NormalMixture(locs, scales[..., :1, :].expand(-1, 2, -1), logits)
