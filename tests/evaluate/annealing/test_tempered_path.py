"""The path from the guide to the posterior, and its unconstrained coordinates."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ReparamError, SiteError, SupportError
from pyrovae.evaluate.annealing.tempered_path import TemperedPath
from pyrovae.evaluate.block import Block
from pyrovae.evaluate.sweep import Sweep
from tests.pairs import STYLES

ROWS, CHAINS = 3, 4


def path_of(model, guide, x, **options):
    found = []
    sweep = Sweep(
        model, guide, x, (), num_particles=CHAINS, chunk=None, rows=None, memory=None, seed=0,
        batch_plate="auto", vectorize_particles=True, progress=False, together=True, **options,
    )  # fmt: skip

    def run(block: Block):
        found.append((block, TemperedPath(block, guide, block.draw(2))))

    sweep.each(run)
    return found[0]


def test_scores_are_those_of_guide_and_weights():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = oracle.sample(ROWS, seed=1)
    block, path = path_of(oracle.model, oracle.guide, x)
    p = block.draw(CHAINS)
    state = path.at(p.latents)
    assert state.u.shape == (CHAINS, ROWS, 2)
    torch.testing.assert_close(state.u, p.latents["z"])
    torch.testing.assert_close(state.log_start, p.log_q)
    torch.testing.assert_close(state.log_w, p.log_w)


def positive(x):
    with pyro.plate("data", len(x)):
        rate = pyro.sample("rate", dist.Gamma(2.0, 1.5))
        share = pyro.sample("share", dist.Dirichlet(torch.ones(3)))
        pyro.sample("x", dist.Poisson(rate * (1 + share[..., 0])), obs=x)


def positive_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("rate", dist.LogNormal(0.1 * x, 0.5))
        pyro.sample("share", dist.Dirichlet(torch.tensor([1.5, 2.0, 2.5])))


def test_constrained_latents_bring_their_jacobian():
    """The density in u is that of z times |dz/du|, which autograd knows too."""
    x = torch.tensor([1.0, 3.0, 0.0])
    block, path = path_of(positive, positive_guide, x)
    p = block.draw(CHAINS)
    state = path.at(p.latents)
    assert state.u.shape == (CHAINS, ROWS, 1 + 2)  # a simplex of three has two coordinates
    back = path.latents(state.u)
    for name in ("rate", "share"):
        torch.testing.assert_close(back[name], p.latents[name])

    def of_rate(u):
        return path.latents(u)["rate"]

    def of_share(u):
        return path.latents(u)["share"][..., :2]

    u = state.u.detach()
    (by_rate,) = torch.autograd.grad(of_rate(u.requires_grad_()).sum(), u)
    log_det = by_rate[..., 0].log()
    columns = [torch.autograd.grad(of_share(u)[..., i].sum(), u)[0][..., 1:] for i in range(2)]
    log_det = log_det + torch.linalg.slogdet(torch.stack(columns, -2)).logabsdet
    torch.testing.assert_close(state.log_start, p.log_q + log_det, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(state.log_w, p.log_w, rtol=1e-4, atol=1e-4)


def test_coordinates_of_nested_plates_stand_side_by_side():
    pair = STYLES["nested_plate"](torch.float64)
    block, path = path_of(pair.model, pair.guide, pair.args[0])
    p = block.draw(CHAINS)
    state = path.at(p.latents)
    assert state.u.shape == (CHAINS, 4, 1 + 6)  # of a datum: g, and z of each member
    for name, value in path.latents(state.u).items():
        torch.testing.assert_close(value, p.latents[name])
    torch.testing.assert_close(state.log_w, p.log_w)


def test_differentiable_in_the_coordinates():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = oracle.sample(ROWS, seed=1)
    block, path = path_of(oracle.model, oracle.guide, x)
    u = block.draw(CHAINS).latents["z"].detach().requires_grad_()
    state = path(u)
    (found,) = torch.autograd.grad((state.log_start + state.log_w).sum(), u)  # beta = 1
    posterior = oracle.posterior(x)
    expected = -(posterior.precision_matrix @ (u - posterior.loc).unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(found, expected.detach())


def discrete(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Bernoulli(0.5))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def nested_support(x):
    with pyro.plate("data", len(x)):
        a = pyro.sample("a", dist.Uniform(0.5, 1.0))
        b = pyro.sample("b", dist.Uniform(torch.zeros_like(a), a))
        pyro.sample("x", dist.Normal(b, 1.0), obs=x)


def as_the_prior(model):
    def guide(x):
        return pyro.poutine.block(model, hide_types=["observe"])(x)

    return guide


def point(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Delta(x))


def normal(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


@pytest.mark.parametrize(
    ("model", "guide", "error", "words"),
    [
        (discrete, as_the_prior(discrete), ReparamError, r"site 'z' \(Bernoulli\) is discrete"),
        (nested_support, as_the_prior(nested_support), SupportError, "'b' .*other latents"),
        (normal, point, SiteError, "'z' of the guide is a point mass.*start='prior'"),
    ],
)
def test_no_path(model, guide, error, words):
    with pytest.raises(error, match=words):
        path_of(model, guide, torch.zeros(ROWS))
