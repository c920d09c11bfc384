"""`LinearGaussianChain` against a flat pair, textbook formulas, Bayes' rule and sampling."""

import pyro
import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from pyrovae.data import LinearGaussian, LinearGaussianChain
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.objectives import ELBO, IWAE, Renyi
from pyrovae.particles import draw, simulate
from pyrovae.particles.kl import kl_routes, site_kl
from tests.oracles import z_scores

ORDERS = ["bottom-up", "top-down"]
SIZES = [(3, (2,)), (4, (2, 1)), (5, (3, 2)), (4, (2, 3, 2))]  # D, L


@pytest.fixture(params=ORDERS)
def order(request):
    return request.param


def random_chain(order, sizes=(5, (3, 2)), seed=0):
    pair = LinearGaussianChain.random(*sizes, seed=seed, order=order)
    return pair, pair.sample(4, seed=seed + 1)


def exact_chain(order, sizes=(5, (3, 2)), seed=0):
    """With the guide at its start: the posterior."""
    pair, x = random_chain(order, sizes, seed)
    layers = [(step.weight, step.loc, step.log_scale.exp()) for step in pair.decoders]
    return LinearGaussianChain(layers, order=order), x


def close(actual, expected, atol=1e-9):
    torch.testing.assert_close(actual, expected, atol=atol, rtol=0)


def test_one_layer_is_the_flat_pair(order):
    """Whose numbers are checked against printed ones."""
    chain, x = random_chain(order, (5, (2,)))
    (decoder,), (encoder,) = chain.decoders, chain.encoders
    flat = LinearGaussian(
        decoder.weight, decoder.loc, decoder.log_scale.exp(),
        q_loc=encoder.loc, q_scale_tril=encoder.scale_tril(), q_weight=encoder.weight,
    )  # fmt: skip
    for name in ("log_px", "elbo", "reconstruction", "kl", "kl_to_posterior", "eubo", "ess"):
        close(getattr(chain, name)(x), getattr(flat, name)(x))
    close(chain.iwae(x, 7), flat.iwae(x, 7))
    close(chain.renyi(x, 0.5), flat.renyi(x, 0.5))
    close(chain.posterior(x).covariance_matrix, flat.posterior(x).covariance_matrix)


@pytest.mark.parametrize("sizes", SIZES)
def test_bayes_rule_holds_at_any_latent(order, sizes):
    """The joint density by hand, layer by layer: it defines evidence and posterior."""
    pair, x = random_chain(order, sizes)
    rng = torch.Generator().manual_seed(3)
    z = [torch.randn(4, n, generator=rng, dtype=torch.float64) for n in sizes[1]]
    joint = Normal(0.0, 1.0).log_prob(z[-1]).sum(-1)
    for step, below, above in zip(pair.decoders, [x, *z], z, strict=False):
        loc = above @ step.weight.T + step.loc
        joint = joint + Normal(loc, step.log_scale.exp()).log_prob(below).sum(-1)
    close(pair.posterior(x).log_prob(torch.cat(z, -1)), joint - pair.log_px(x))


@pytest.mark.parametrize("sizes", SIZES)
def test_identities(order, sizes):
    pair, x = random_chain(order, sizes)
    log_px, elbo = pair.log_px(x), pair.elbo(x)
    assert (elbo < log_px - 1e-3).all(), "the guide must not be the posterior"
    close(elbo, log_px - pair.kl_to_posterior(x))
    close(pair.iwae(x, 1), elbo)
    assert (pair.eubo(x) > log_px).all()
    assert pair.weight_variance(x).isfinite().all()
    bounds = torch.stack([pair.iwae(x, k) for k in (1, 2, 10, 1000)])
    assert (bounds.diff(dim=0) > 0).all() and (bounds[-1] < log_px).all()
    close(pair.renyi(x, 2, 2), 2 * elbo - bounds[1])


@pytest.mark.parametrize("sizes", SIZES)
def test_the_guide_starts_as_the_posterior(order, sizes):
    pair, x = exact_chain(order, sizes)
    for value in (pair.elbo(x), pair.iwae(x, 5), pair.renyi(x, 2.0), pair.eubo(x)):
        close(value, pair.log_px(x))
    log_w = draw(pair.model, pair.guide, x, num_particles=3).log_w
    close(log_w, pair.log_px(x).expand(3, 4))


def test_the_guide_as_one_normal_is_what_the_program_scores(order):
    pair, x = random_chain(order, (4, (2, 3, 2)))
    p = draw(pair.model, pair.guide, x, num_particles=50)
    z = torch.cat([p.latents[f"z{i}"] for i in (1, 2, 3)], -1)
    close(pair._q(x).log_prob(z), p.log_q)
    loc, covariance = pair._prior()
    close(MultivariateNormal(loc, covariance).log_prob(z), p.log_prior)


@pytest.mark.parametrize("sizes", SIZES[1:])
def test_sampling_agrees_with_every_exact_number(order, sizes):
    pair, x = random_chain(order, sizes)
    many = x.repeat(10_000, 1)
    for objective, truth in (
        (ELBO(), pair.elbo(x)),
        (ELBO(closed_form_kl=True), pair.elbo(x)),
        (IWAE(5), pair.iwae(x, 5)),
        (Renyi(0.5, 4), pair.renyi(x, 0.5, 4)),
    ):
        bounds = objective.per_datum(pair.model, pair.guide, many).reshape(-1, 4)
        assert (z_scores(bounds, truth).abs() < 4.5).all(), objective
    p = draw(pair.model, pair.guide, many)
    for name, truth in pair.kl_by_site(x).items():
        for closed_form in (True, False):
            found = site_kl(p, name, closed_form=closed_form).value.reshape(-1, 4)
            if bool((found.std(0) < 1e-9).all()):  # of what is drawn first the term is exact
                close(found[0], truth)
                continue
            assert (z_scores(found, truth).abs() < 4.5).all(), (name, closed_form)


def test_where_a_closed_form_would_be_wrong():
    routes = {}
    for order in ORDERS:
        pair, x = random_chain(order, (4, (2, 3, 2)))
        # The closed form between normals of full and of diagonal covariance is known.
        routes[order] = kl_routes(pair.model, pair.guide, x)
    assert set(routes["top-down"].values()) == {"closed form"}
    assert routes["bottom-up"] == {
        "z1": "sampled: the model draws 'z3' before it and the guide after it",
        "z2": "sampled: the model draws 'z3' before it and the guide after it",
        "z3": "closed form",
    }


def test_the_refused_closed_form_would_be_wrong():
    """KL(q(z1|x) || p(z1|z2)) given z2 ~ q(z2|z1) is not the term."""
    pair, x = random_chain("bottom-up")
    many = x.repeat(10_000, 1)
    p = draw(pair.model, pair.guide, many)
    pairs = p.guide_sites["z1"].distributions[0], p.model_sites["z1"].distributions[0]
    naive = torch.distributions.kl_divergence(
        pairs[0],
        MultivariateNormal(pairs[1].mean, torch.diag_embed(pairs[1].variance)),
    ).reshape(-1, 4)
    assert (z_scores(naive, pair.kl_by_site(x)["z1"]).abs() > 20).all()


def test_samples_have_the_moments_of_the_model():
    pair, _ = random_chain("bottom-up", (3, (2, 2)))
    weight, bias, variance = pair._likelihood()
    loc, covariance = pair._prior()
    mean = weight @ loc + bias
    spread = weight @ covariance @ weight.T + variance * torch.eye(3).double()
    pyro.set_rng_seed(0)
    mine = pair.sample(40_000, seed=6)
    for x in (mine, simulate(pair.model, torch.zeros(40_000, 3).double())["x"]):
        centred = x - mean
        assert z_scores(x, mean.detach()).abs().max() < 4.5
        assert z_scores(centred[:, :, None] * centred[:, None], spread).abs().max() < 4.5
    assert torch.equal(mine[:3], pair.sample(40_000, seed=6)[:3])


def test_gradients_are_exact(order):
    """The derivative of the ELBO in every parameter, against differences."""
    pair, x = random_chain(order, (3, (2, 1)))
    grads = torch.autograd.grad(pair.elbo(x).sum(), list(pair.parameters()))
    rng = torch.Generator().manual_seed(5)
    ways = [torch.randn(p.shape, generator=rng).double() for p in pair.parameters()]
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            for p, way in zip(pair.parameters(), ways, strict=True):
                p += sign * 1e-5 * way
            values.append(pair.elbo(x).sum())
            for p, way in zip(pair.parameters(), ways, strict=True):
                p -= sign * 1e-5 * way
    slope = sum((g * w).sum() for g, w in zip(grads, ways, strict=True))
    close(slope, (values[0] - values[1]) / 2e-5, atol=1e-5)


def test_single_precision_programs_keep_exact_numbers_double(order):
    pair, x = random_chain(order)
    single = LinearGaussianChain.random(5, (3, 2), seed=0, order=order, dtype=torch.float32)
    assert single.elbo(x.float()).dtype == torch.float64
    torch.testing.assert_close(single.elbo(x.float()), pair.elbo(x), rtol=1e-4, atol=0)
    assert (
        draw(single.model, single.guide, x.float(), num_particles=2).log_w.dtype == torch.float32
    )


def test_bad_arguments_are_refused():
    one = (torch.ones(4, 2), torch.zeros(4), 1.0)
    with pytest.raises(ConfigError, match="0 layers"):
        LinearGaussianChain([])
    with pytest.raises(ConfigError, match="'sideways'"):
        LinearGaussianChain([one], order="sideways")
    with pytest.raises(ConfigError, match="LinearGaussianChain: scales must be positive"):
        LinearGaussianChain([(*one[:2], -1.0)])
    with pytest.raises(ShapeError, match=r"layer 1 has weight \[3, 2\].*out = 2"):
        LinearGaussianChain([one, (torch.ones(3, 2), torch.zeros(3), 1.0)])
    pair = LinearGaussianChain([one])
    for call in (pair.model, pair.guide, pair.elbo):
        with pytest.raises(ShapeError, match=r"needs \[B, 4\]"):
            call(torch.zeros(3, 5))
