"""Weights by site, schedules that are tensors, free bits."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data import LinearGaussian
from pyrovae.errors import SiteError
from pyrovae.models import MixtureVAE
from pyrovae.objectives import ELBO, Beta
from pyrovae.particles.parameters import trainable
from tests.objectives.copies import discrete_copies, gaussian_copies, gaussian_truth
from tests.oracles import LG2, lg2, t15, z_scores
from tests.pairs import STYLES


def _per_datum(objective, pair, seed=5):
    pyro.set_rng_seed(seed)
    return objective.per_datum(pair.model, pair.guide, *pair.args)


def _gradients(objective, pair, seed=5):
    call = (pair.model, pair.guide, *pair.args)
    leaves = trainable(*call)
    pyro.set_rng_seed(seed)
    loss = objective.differentiable_loss(*call)
    grads = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return dict(zip(leaves, grads, strict=True))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("num_particles", [1, 3])
def test_weight_one_is_the_elbo(style, num_particles):
    pair = STYLES[style](torch.float64)
    if pair.local_params:
        pytest.skip("the mode of parameters is no matter here")
    for closed_form in (True, False):
        ours = Beta(1.0, num_particles, closed_form_kl=closed_form)
        elbo = ELBO(num_particles, closed_form_kl=closed_form)
        torch.testing.assert_close(_per_datum(ours, pair), _per_datum(elbo, pair))
        a, b = _gradients(ours, pair), _gradients(elbo, pair)
        for name in a:
            torch.testing.assert_close(a[name], b[name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("beta", [0.0, 0.1, 1.0, 4.0])
@pytest.mark.parametrize("closed_form_kl", [True, False])
def test_mean_is_reconstruction_minus_weighted_kl(beta, closed_form_kl):
    pair, x = lg2()
    objective = Beta(beta, closed_form_kl=closed_form_kl)
    bounds = objective.per_datum(pair.model, pair.guide, x.expand(100_000, -1))
    assert abs(z_scores(bounds, LG2["reconstruction"] - beta * LG2["kl"])) < 4.5


def test_mean_on_a_random_model():
    pair = LinearGaussian.random(7, 4, seed=1)
    x = pair.sample(3, seed=1)
    bounds = Beta(0.1, 2).per_datum(pair.model, pair.guide, x.repeat(20_000, 1))
    truth = pair.reconstruction(x) - 0.1 * pair.kl(x)
    assert (z_scores(bounds.reshape(-1, 3), truth).abs() < 4.5).all()


@pytest.mark.parametrize("beta", [0.0, 2.5])
def test_gradient_is_unbiased(beta):
    pair, x = lg2()
    truth = gaussian_truth(pair, x, lambda x: pair.reconstruction(x) - beta * pair.kl(x))
    scores = z_scores(gaussian_copies(pair, x, 100_000).gradients(Beta(beta)), truth)
    assert (scores.abs() < 4.5).all(), scores


@pytest.mark.parametrize("closed_form_kl", [True, False])
def test_gradient_of_discrete_latents(closed_form_kl):
    pair, x = t15()
    bound = pair.reconstruction(x) - 0.3 * pair.kl(x)
    (truth,) = torch.autograd.grad(bound.sum(), [pair.encoder.loc])
    objective = Beta(0.3, 2, closed_form_kl=closed_form_kl)
    scores = z_scores(discrete_copies(pair, x, 100_000).gradients(objective), truth)
    assert (scores.abs() < 4.5).all(), scores


def test_each_site_has_its_weight():
    pair = STYLES["hierarchy"](torch.float64)
    value = {
        (a, b): _per_datum(Beta({"z1": a, "z2": b}, 2), pair)
        for a in (0.0, 1.0, 3.0)
        for b in (0.0, 1.0)
    }
    kl1, kl2 = value[0, 0] - value[1, 0], value[0, 0] - value[0, 1]
    torch.testing.assert_close(value[3, 1], value[0, 0] - 3 * kl1 - kl2)
    torch.testing.assert_close(_per_datum(Beta({"z1": 3.0}, 2), pair), value[3, 1])
    torch.testing.assert_close(_per_datum(Beta({}, 2), pair), value[1, 1])
    torch.testing.assert_close(_per_datum(Beta(0.0, 2), pair), value[0, 0])


def test_an_unknown_site_is_an_error():
    pair = STYLES["hierarchy"](torch.float64)
    with pytest.raises(SiteError, match=r"weights for \['z3'\].*samples \['z1', 'z2'\]"):
        _per_datum(Beta({"z1": 1.0, "z3": 2.0}), pair)


def test_a_weight_that_is_a_tensor_is_read_at_every_step():
    pair = STYLES["module_functions"](torch.float64)
    weight = torch.tensor(0.0)
    for objective in (Beta(weight), Beta({"z": weight})):
        for value in (0.0, 0.4, 2.0):
            weight.fill_(value)
            torch.testing.assert_close(_per_datum(objective, pair), _per_datum(Beta(value), pair))


def test_weight_zero_leaves_an_autoencoder():
    """The guide is pulled by the reconstruction alone: exact zero where nothing is decoded."""

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=x)

    def guide(x):
        loc = pyro.param("loc", torch.tensor(0.5))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0))

    x = torch.zeros(3)
    Beta(0.0).loss_and_grads(model, guide, x)
    assert pyro.param("loc").grad == 0
    Beta(2.0).loss_and_grads(model, guide, x)
    torch.testing.assert_close(pyro.param("loc").grad, torch.tensor(2 * 3 * 0.5))


class TestFreeBits:
    """The fixture's KL is 0.634 nats."""

    def _draw(self, free_bits, beta=1.0, **options):
        pair, x = lg2()
        copies = gaussian_copies(pair, x, 50)
        objective = Beta(beta, free_bits=free_bits, **options)
        pyro.set_rng_seed(3)
        p = objective.draw(copies.model, copies.guide, copies.x)
        bound = objective.bound(p)
        kl = p.log_lik.mean(0) - bound
        leaves = [copies.leaves["loc"], copies.leaves["log_scale"]]
        return kl, torch.autograd.grad(kl.sum(), leaves)

    def test_below_the_threshold_the_kl_is_a_constant(self):
        kl, gradients = self._draw(free_bits=0.7)
        torch.testing.assert_close(kl, torch.full_like(kl, 0.7))
        assert all((g == 0).all() for g in gradients)

    def test_the_constant_has_the_weight_too(self):
        kl, _ = self._draw(free_bits=0.7, beta=0.5)
        torch.testing.assert_close(kl, torch.full_like(kl, 0.35))

    def test_above_the_threshold_nothing_changes(self):
        with_bits, without = self._draw(free_bits=0.6), self._draw(free_bits=0.0)
        torch.testing.assert_close(with_bits[0], without[0])
        torch.testing.assert_close(without[0], torch.full_like(without[0], LG2["kl"]))
        for a, b in zip(with_bits[1], without[1], strict=True):
            torch.testing.assert_close(a, b)

    @pytest.mark.parametrize("closed_form_kl", [True, False])
    def test_the_batch_decides_together(self, closed_form_kl):
        """One datum above and one below: their mean is compared, not each of them."""
        leaf = torch.tensor([0.5, 3.0]).double().requires_grad_()

        def model(x):
            with pyro.plate("data", 2):
                pyro.sample("z", dist.Normal(torch.zeros(()).double(), 1.0))
                pyro.sample("x", dist.Normal(0.0, 1.0), obs=x)

        def guide(x):
            with pyro.plate("data", 2):
                pyro.sample("z", dist.Normal(leaf, 1.0))  # KL: 0.125 and 4.5, mean 2.3

        for free_bits, pull in ((1.0, [0.5, 3.0]), (10.0, [0.0, 0.0])):
            objective = Beta(1.0, 200, free_bits=free_bits, closed_form_kl=closed_form_kl)
            loss = objective.differentiable_loss(model, guide, torch.zeros(2).double())
            (gradient,) = torch.autograd.grad(loss, [leaf])
            expected = torch.tensor(pull).double()
            torch.testing.assert_close(
                gradient, expected, rtol=0, atol=1e-9 if closed_form_kl else 0.35
            )

    def test_each_site_has_its_own(self):
        pair = STYLES["hierarchy"](torch.float64)
        plain = _per_datum(Beta({"z1": 0.0, "z2": 0.0}), pair)
        only_first = _per_datum(Beta({"z2": 0.0}, free_bits=1e6), pair)
        both = _per_datum(Beta(1.0, free_bits=1e6), pair)
        torch.testing.assert_close(plain - only_first, torch.full_like(plain, 1e6))
        torch.testing.assert_close(plain - both, torch.full_like(plain, 2e6))

    def test_the_decoder_still_learns(self):
        pair = STYLES["param_functions"](torch.float64)
        plain, held = (_gradients(Beta(b, free_bits=f), pair) for b, f in ((0.0, 0.0), (1.0, 1e3)))
        for name in plain:
            torch.testing.assert_close(held[name], plain[name])


def test_repr_shows_the_weight():
    assert repr(Beta(0.5, 2)) == "Beta(beta=0.5, num_particles=2)"


@pytest.mark.parametrize("objective", [Beta({"z": 2.0}), Beta(1.0, free_bits=0.5)], ids=repr)
def test_refuses_to_weigh_a_collapsed_latent_apart(objective):
    pair = MixtureVAE((4,), 2, 3)
    with pytest.raises(SiteError, match="draws 'c' from the model's own posterior"):
        objective.per_datum(pair.model, pair.guide, torch.ones(5, 4))
