"""What the discriminator learns, what sees it as a constant, and what it sees as constants."""

from copy import copy

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from pyrovae import SVI
from pyrovae.data import LinearGaussian
from pyrovae.errors import ConfigError, ParameterError, PlateError, ShapeError, SiteError
from pyrovae.models import VAE, FlowPosterior
from pyrovae.nn import MLP
from pyrovae.nn import Normal as NormalHead
from pyrovae.objectives import ELBO, FactorVAE
from pyrovae.particles.parameters import trainable


@pytest.fixture
def pair():
    pyro.clear_param_store()
    return LinearGaussian.random(data_dim=5, latent_dim=3, seed=0)


def made(gamma=4.0, num_particles=1, seed=2, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        objective = FactorVAE(gamma, 3, num_particles, hidden=(8,), **options)
    objective.discriminator.double()
    return objective


def gradients(objective, call, tensors, seed=3):
    pyro.set_rng_seed(seed)
    loss = objective.differentiable_loss(*call)
    grads = torch.autograd.grad(loss, tensors, allow_unused=True, materialize_grads=True)
    return loss.detach(), list(grads)


def test_value_and_gradients_by_hand(pair):
    """Of the pair: ELBO - gamma logit, D a constant. Of D: its cross-entropy, z a constant."""
    x, objective = pair.sample(6, seed=1), made(num_particles=2)
    call = (pair.model, pair.guide, x)
    leaves, own = list(trainable(*call).values()), list(objective.discriminator.parameters())
    loss, found = gradients(objective, call, [*leaves, *own])

    pyro.set_rng_seed(3)
    p = objective.draw(*call)
    z = p.latents["z"]
    logits = objective.discriminator(z).squeeze(-1)
    bound = p.log_lik - pair.kl(x) - 4.0 * logits
    expected = -bound.mean(0).sum()
    torch.testing.assert_close(loss, expected.detach())
    of_pair = torch.autograd.grad(expected, leaves, materialize_grads=True, allow_unused=True)
    torch.testing.assert_close(found[: len(leaves)], list(of_pair))

    order = torch.rand_like(z).argsort(1)
    permuted = torch.stack(
        [torch.stack([z[k, order[k, :, d], d] for d in range(3)], -1) for k in range(2)]
    )
    entropy = sum(
        binary_cross_entropy_with_logits(
            objective.discriminator(draws.detach()), torch.full((2, 6, 1), target).double()
        )
        for draws, target in ((z, 1.0), (permuted, 0.0))
    )
    of_d = torch.autograd.grad(6 * entropy / 2, own)
    torch.testing.assert_close(found[len(leaves) :], list(of_d))


def test_without_the_weight_it_is_the_elbo_and_still_learns(pair):
    call = (pair.model, pair.guide, pair.sample(6, seed=1))
    leaves, objective = list(trainable(*call).values()), made(gamma=0.0)
    own = list(objective.discriminator.parameters())
    loss, found = gradients(objective, call, [*leaves, *own])
    elbo, expected = gradients(ELBO(closed_form_kl=True), call, leaves)
    torch.testing.assert_close([loss, *found[: len(leaves)]], [elbo, *expected])
    assert all(grad.any() for grad in found[len(leaves) :])
    assert objective.is_lower_bound and not made().is_lower_bound


def correlated(correlation):
    """A pair whose q(z) is known, and does not learn: the data are its latents."""
    factor = torch.tensor([[1.0, correlation], [correlation, 1.0]]).double()
    factor = torch.linalg.cholesky(factor - 0.01 * torch.eye(2).double())

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(x.new_zeros(2), 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x @ factor.T, 0.1).to_event(1))

    return model, guide


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_logit_becomes_the_total_correlation(correlation):
    """- log(1 - r^2) / 2 of a normal."""
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    objective = FactorVAE(1.0, 2)
    objective.discriminator = MLP(2, 1, hidden=(32,), activation=nn.Tanh).double()
    model, guide = correlated(correlation)
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), objective)
    for _ in range(400):
        svi.step(torch.randn(500, 2).double())
    x = torch.randn(20_000, 2).double()
    with torch.no_grad():
        p = objective.draw(model, guide, x)
        found = objective.discriminator(p.latents["z"]).mean()
    truth = -torch.tensor(1 - correlation**2).log() / 2
    assert abs(float(found - truth)) < 0.06


def test_it_takes_a_dependence_out_of_the_latents():
    """With the weight the aggregate of a free guide loses its correlation."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        start = torch.randn(100, 1).double().expand(100, 2) + 0.5 * torch.randn(100, 2).double()
    found = []
    for gamma in (0.0, 20.0):
        pyro.clear_param_store()
        pyro.set_rng_seed(0)
        means = start.clone()

        def model(x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1).mask(False))
                pyro.sample("x", dist.Normal(0.0, 1.0), obs=x)

        def guide(x):
            loc = pyro.param("means", lambda: means)  # noqa: B023
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(loc, 0.3).to_event(1))

        objective = FactorVAE(gamma, 2, closed_form_kl=False)
        objective.discriminator = MLP(2, 1, hidden=(16,), activation=nn.Tanh).double()
        svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), objective)
        for _ in range(300):
            svi.step(torch.zeros(100).double())
        found.append(float(torch.corrcoef(pyro.param("means").detach().T)[0, 1]))
    assert found[0] > 0.7 and abs(found[1]) < found[0] - 0.3


def test_a_permuted_batch_keeps_its_marginals(pair):
    """Each dimension has the values that it had, in another order, by itself."""
    seen = []

    class Watches(nn.Module):
        def forward(self, z):
            seen.append(z)
            return z.sum(-1, keepdim=True)

    objective = FactorVAE(1.0, 3, num_particles=2)
    objective.discriminator = Watches()
    objective.loss_and_grads(pair.model, pair.guide, pair.sample(50, seed=1))
    _, real, permuted = seen
    assert not real.requires_grad and not permuted.requires_grad
    torch.testing.assert_close(permuted.sort(1).values, real.sort(1).values, rtol=0, atol=0)
    moved = [(permuted[k, :, d] != real[k, :, d]).double().mean() for k in (0, 1) for d in (0, 1)]
    assert min(moved) > 0.8
    where = (permuted.unsqueeze(2) == real.unsqueeze(1)).double().argmax(2)  # [K, B, D]
    assert (where[..., 0] == where[..., 1]).double().mean() < 0.2
    assert not torch.equal(where[0], where[1])


def test_the_networks_of_pyros_own_svi_train_too(pair):
    """Twice in one process, under one name."""
    x = pair.sample(6, seed=1)
    for _ in range(2):
        objective = made()
        before = [p.detach().clone() for p in objective.discriminator.parameters()]
        svi = pyro.infer.SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 1e-2}), objective)
        svi.step(x)
        after = list(objective.discriminator.parameters())
        assert all((a != b).any() for a, b in zip(after, before, strict=True))


def test_pyros_svi_takes_the_steps_of_ours(pair):
    x, runs = pair.sample(6, seed=1), []
    for svi_class in (SVI, pyro.infer.SVI):
        pyro.clear_param_store()
        model = LinearGaussian.random(data_dim=5, latent_dim=3, seed=0)
        objective = made()
        svi = svi_class(model.model, model.guide, pyro.optim.SGD({"lr": 1e-2}), objective)
        pyro.set_rng_seed(1)
        losses = [svi.step(x) for _ in range(3)]
        both = [*model.parameters(), *objective.discriminator.parameters()]
        runs.append((losses, [p.detach() for p in both]))
    torch.testing.assert_close(*runs)


def test_an_optimiser_without_its_parameters_is_an_error(pair):
    x, objective = pair.sample(6, seed=1), made()
    leaves = list(trainable(pair.model, pair.guide, x).values())
    svi = SVI(pair.model, pair.guide, torch.optim.Adam(leaves), objective)
    with pytest.raises(ParameterError, match=r"objective.discriminator.*objective's `networks`"):
        svi.step(x)
    groups = [{"params": leaves}, {"params": objective.networks["discriminator"].parameters()}]
    SVI(pair.model, pair.guide, torch.optim.Adam(groups), objective).step(x)


def test_any_guide_and_a_network_of_another_dtype():
    vae = VAE((4,), 2, likelihood=NormalHead(0.7), encoder=_NET, decoder=_NET,
              posterior=FlowPosterior).double()  # fmt: skip
    objective = FactorVAE(3.0, 2, num_particles=2, hidden=(8,))
    loss = objective.differentiable_loss(vae.model, vae.guide, torch.randn(5, 4).double())
    loss.backward()
    assert loss.dtype == torch.float64
    assert all(
        p.grad is not None for p in (*vae.parameters(), *objective.discriminator.parameters())
    )


def _NET(n_in, n_out):
    return MLP(n_in, n_out, hidden=(6,))


def test_one_datum_teaches_nothing(pair):
    objective = made()
    own = list(objective.discriminator.parameters())
    _, found = gradients(objective, (pair.model, pair.guide, pair.sample(1, seed=1)), own)
    assert not any(grad.any() for grad in found)


def test_a_copy_has_a_network_of_its_own_and_chunks_share_it(pair):
    objective = made(num_particles=2)
    other, chunked = copy(objective), objective.in_chunks(1)
    assert chunked.discriminator is objective.discriminator is not other.discriminator
    one, two = (list(o.leaves().values()) for o in (objective, other))
    assert all(torch.equal(a, b) and a is not b for a, b in zip(one, two, strict=True))
    assert repr(chunked) == (
        "FactorVAE(gamma=4.0, latent_dim=3, num_particles=2, hidden=(8,)).in_chunks(1)"
    )


def test_what_it_refuses(pair):
    x = pair.sample(4, seed=1)
    with pytest.raises(ConfigError, match="latent_dim=0, needs the number"):
        FactorVAE(1.0, 0)
    with pytest.raises(ConfigError, match="gamma=-1"):
        FactorVAE(-1.0, latent_dim=2)
    with pytest.raises(ShapeError, match="latent_dim=2, and the latent has 3 dimensions"):
        FactorVAE(1.0, latent_dim=2, hidden=(4,)).loss(pair.model, pair.guide, x)
    twice = FactorVAE(1.0, 3)
    twice.discriminator = nn.Linear(3, 2).double()
    with pytest.raises(ShapeError, match=r"gave shape \[1, 4, 2\].*\[1, 4, 1\]"):
        twice.loss(pair.model, pair.guide, x)
    with pytest.raises(SiteError, match="site='y'"):
        made(site="y").loss(pair.model, pair.guide, x)
    with pytest.raises(PlateError, match="batch_plate=None"):
        made(batch_plate=None).loss(pair.model, pair.guide, x)
