"""Global latents drawn once, local ones weighed: against a linear-Gaussian pair known exactly.

u ~ N(0, 1) is a weight of all data; z_i ~ N(u, 1) and x_i ~ N(z_i, s^2) of each datum.
"""

import math

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch.distributions import Normal

from pyrovae import draw, log_evidence
from pyrovae.errors import PlateError, ScaleError
from pyrovae.objectives import (
    CIWAE,
    CUBO,
    ELBO,
    IWAE,
    MIWAE,
    PIWAE,
    RWS,
    STL,
    VIMCO,
    Beta,
    DReG,
    DReGCIWAE,
    DReGMIWAE,
    DReGPIWAE,
    Renyi,
)
from pyrovae.train import SVI, fit

S = 0.7
X = torch.tensor([0.5, 1.0, -0.3, 0.2, 0.8, -1.1]).double()
TOTAL = 12  # data that X is a minibatch of
Q = {"m": 0.3, "a": 0.4, "b": 0.2}
U_SCALE, Z_SCALE = 0.5, 0.8


def model(x):
    u = pyro.sample("u", dist.Normal(torch.zeros(()).double(), 1.0))
    with pyro.plate("data", TOTAL, subsample=torch.arange(len(x))):
        z = pyro.sample("z", dist.Normal(u, 1.0))
        pyro.sample("x", dist.Normal(z, S), obs=x)


def guide(x):
    m, a, b = (pyro.param(name, torch.tensor(value).double()) for name, value in Q.items())
    u = pyro.sample("u", dist.Normal(m, U_SCALE))
    with pyro.plate("data", TOTAL, subsample=torch.arange(len(x))):
        pyro.sample("z", dist.Normal(a * x + b * u, Z_SCALE))


def exact_guide(x):
    """The posterior of each z given u."""
    u = pyro.sample("u", dist.Normal(torch.tensor(0.3).double(), U_SCALE))
    with pyro.plate("data", TOTAL, subsample=torch.arange(len(x))):
        gain = 1 / (1 + S**2)
        pyro.sample("z", dist.Normal(u + gain * (x - u), math.sqrt(gain) * S))


def _nodes(loc, scale, count=60):
    """Gauss-Hermite: points and weights of an expectation under a normal."""
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    points, weights = torch.tensor(points), torch.tensor(weights)
    return loc + scale * points, weights / weights.sum()


def exact_limit():
    """E_u [log p(u) - log q(u) + N/B sum_i log p(x_i | u)]: the bound of infinitely many z."""
    u, weights = _nodes(Q["m"], U_SCALE)
    prior = Normal(0.0, 1.0).log_prob(u) - Normal(Q["m"], U_SCALE).log_prob(u)
    data = Normal(u[:, None], math.sqrt(1 + S**2)).log_prob(X).sum(1)
    return float((weights * (prior + TOTAL / len(X) * data)).sum())


def exact_elbo():
    u, weights = _nodes(Q["m"], U_SCALE)
    z_loc = Q["a"] * X + Q["b"] * u[:, None]
    gap = (Z_SCALE**2 + (z_loc - X) ** 2) / (2 * S**2)
    likelihood = -gap - math.log(S) - 0.5 * math.log(2 * math.pi)
    kl = 0.5 * (Z_SCALE**2 + (z_loc - u[:, None]) ** 2 - 1) - math.log(Z_SCALE)
    kl_u = 0.5 * (U_SCALE**2 + Q["m"] ** 2 - 1) - math.log(U_SCALE)
    return float((weights * TOTAL / len(X) * (likelihood - kl).sum(1)).sum()) - kl_u


def _bounds(objective, count, guide=guide):
    pyro.set_rng_seed(0)
    return -torch.stack([objective.loss(model, guide, X) for _ in range(count)])


def _assert_mean(values, exact):
    error = values.std() / len(values) ** 0.5
    assert abs(values.mean() - exact) < 4.5 * error, (values.mean(), exact, error)


@pytest.mark.parametrize("make", [ELBO, IWAE, lambda k, **o: Beta(1.0, k, **o)])
def test_one_particle_is_the_elbo(make):
    _assert_mean(_bounds(make(1, batch_plate="data"), 400), exact_elbo())
    if make is not IWAE:
        _assert_mean(_bounds(make(1, batch_plate=None), 400), exact_elbo())


OPTIONS = [{}, {"vectorize_particles": False}]


@pytest.mark.parametrize("make", [IWAE, VIMCO, lambda k, **o: Renyi(0.0, k, **o)])
@pytest.mark.parametrize("options", OPTIONS)
def test_with_the_exact_local_posterior_only_the_global_gap_is_left(make, options):
    """Whatever K: each weight is p(x_i | u), and the noise is that of u alone."""
    values = _bounds(make(3, batch_plate="data", **options), 200, exact_guide)
    _assert_mean(values, exact_limit())


def test_the_bound_rises_to_its_limit():
    means = [_bounds(IWAE(k, batch_plate="data"), 300).mean() for k in (1, 4, 64)]
    assert means[0] < means[1] < means[2]
    _assert_mean(_bounds(IWAE(256, batch_plate="data"), 200), exact_limit() - 0.03)


def test_it_is_below_the_evidence():
    """Of all data whole: log N(x; 0, 11' + (1 + s^2) I)."""
    covariance = torch.ones(6, 6).double() + (1 + S**2) * torch.eye(6).double()
    exact = torch.distributions.MultivariateNormal(torch.zeros(6).double(), covariance)
    whole = [poutine.scale(program, scale=len(X) / TOTAL) for program in (model, guide)]
    # Undo the minibatch: the plate's scale times this one is one, and u keeps a scale of 1/2.
    pyro.set_rng_seed(0)
    p = draw(*whole, X, num_particles=64, batch_plate="data")
    assert p.scale == pytest.approx(1.0)
    assert p.global_guide_sites["u"].scales == (0.5,)
    bounds = []
    for _ in range(200):
        p = draw(model, guide, X, num_particles=64, batch_plate="data")
        u = p.global_guide_sites["u"].value
        prior = Normal(0.0, 1.0).log_prob(u) - Normal(Q["m"], U_SCALE).log_prob(u)
        bounds.append(prior.sum() + (p.log_w.logsumexp(0) - math.log(64)).sum())
    values = torch.stack(bounds).detach()
    assert values.mean() - 4.5 * values.std() / 200**0.5 < exact.log_prob(X)


@pytest.mark.parametrize(
    "shape",
    [{}, {"vectorize_particles": False}, {"chunk": 2}],
    ids=["at once", "one by one", "in chunks"],
)
def test_one_draw_of_the_global_latent(shape):
    p = draw(model, guide, X, num_particles=5, batch_plate="data", **shape)
    assert p.global_guide_sites["u"].value.numel() == 1
    assert p.log_w.shape == (5, len(X))
    assert list(p.guide_sites) == ["z"] and list(p.model_sites) == ["z", "x"]
    u, z = p.global_guide_sites["u"].value.reshape(()), p.latents["z"]
    assert len(z.unique()) == z.numel()
    expected = (
        Normal(u, 1.0).log_prob(z) + Normal(z, S).log_prob(X)
        - Normal(Q["a"] * X + Q["b"] * u, Z_SCALE).log_prob(z)
    )  # fmt: skip
    torch.testing.assert_close(p.log_w, expected)
    prior = Normal(0.0, 1.0).log_prob(u) - Normal(Q["m"], U_SCALE).log_prob(u)
    torch.testing.assert_close(p.log_global, prior)


def test_the_gradient_is_that_of_the_formula():
    """Written out by hand, with the same draws."""
    k = 4
    leaves = {n: torch.tensor(v).double().requires_grad_() for n, v in Q.items()}
    p = draw(model, guide, X, num_particles=k, batch_plate="data")
    u_noise = ((p.global_guide_sites["u"].value.reshape(()) - Q["m"]) / U_SCALE).detach()
    loc = Q["a"] * X + Q["b"] * p.global_guide_sites["u"].value.reshape(())
    z_noise = ((p.latents["z"] - loc) / Z_SCALE).detach()
    u = leaves["m"] + U_SCALE * u_noise
    q_loc = leaves["a"] * X + leaves["b"] * u
    z = q_loc + Z_SCALE * z_noise
    log_w = (
        Normal(u, 1.0).log_prob(z) + Normal(z, S).log_prob(X) - Normal(q_loc, Z_SCALE).log_prob(z)
    )
    prior = Normal(0.0, 1.0).log_prob(u) - Normal(leaves["m"], U_SCALE).log_prob(u)
    by_hand = -(prior.sum() + TOTAL / len(X) * (log_w.logsumexp(0) - math.log(k)).sum())
    by_hand.backward()

    objective = IWAE(k, batch_plate="data")
    pyro.clear_param_store()
    loss = objective._as_loss(p, objective.surrogate(p))
    torch.testing.assert_close(loss, by_hand)
    found = torch.autograd.grad(loss, [p.guide_parameters[n] for n in leaves])
    torch.testing.assert_close(list(found), [leaf.grad for leaf in leaves.values()])


PATHS = [
    lambda **o: DReG(4, **o),
    lambda **o: DReGMIWAE(2, 2, **o),
    lambda **o: DReGCIWAE(0.5, 4, **o),
    lambda **o: DReG(4, vectorize_particles=False, **o),
    lambda **o: DReG(4, **o).in_chunks(2),
]
PLAIN = [
    lambda **o: IWAE(4, **o),
    lambda **o: MIWAE(2, 2, **o),
    lambda **o: CIWAE(0.5, 4, **o),
    lambda **o: IWAE(4, **o),
    lambda **o: IWAE(4, **o),
]


@pytest.mark.parametrize("make, plain", list(zip(PATHS, PLAIN, strict=True)))
def test_paths_have_the_gradient_of_the_plain_bound(make, plain):
    """In the mean, of all that the guide declares, and of the value draw by draw."""
    count, found = 300, []
    for objective in (make(batch_plate="data"), plain(batch_plate="data")):
        pyro.set_rng_seed(1)
        rows = []
        for _ in range(count):
            pyro.clear_param_store()
            loss = objective.loss_and_grads(model, guide, X)
            leaves = pyro.get_param_store()._params
            rows.append(torch.stack([loss, *(leaves[name].grad for name in Q)]))
        found.append(torch.stack(rows))
    error = ((found[0].var(0) + found[1].var(0)) / count).sqrt()
    assert ((found[0].mean(0) - found[1].mean(0)).abs() < 4.5 * error).all()


def test_paths_have_no_noise_at_the_posterior():
    """Where u and all z are those of the posterior, every path has gradient zero."""
    x = X[:2]
    precision = 1 + 2 / (1 + S**2)

    def whole_model(x):
        u = pyro.sample("u", dist.Normal(torch.zeros(()).double(), 1.0))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(u, 1.0))
            pyro.sample("x", dist.Normal(z, S), obs=x)

    def posterior(x):
        shift = pyro.param("shift", torch.zeros(2).double())
        loc = x.sum() / (1 + S**2) / precision + shift[0]
        u = pyro.sample("u", dist.Normal(loc, precision**-0.5))
        with pyro.plate("data", len(x)):
            gain = 1 / (1 + S**2)
            fn = dist.Normal(u + gain * (x - u) + shift[1], math.sqrt(gain) * S)
            pyro.sample("z", fn)

    for objective in (DReG(4, batch_plate="data"), STL(2, batch_plate="data")):
        pyro.clear_param_store()
        objective.loss_and_grads(whole_model, posterior, x)
        gradient = pyro.get_param_store()._params["shift"].grad
        torch.testing.assert_close(gradient, torch.zeros(2).double(), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "make", [RWS, CUBO, lambda **o: PIWAE(2, 2, **o), lambda **o: DReGPIWAE(2, 2, **o)]
)
def test_what_cannot_take_them_says_so(make):
    with pytest.raises(PlateError, match="'u' is outside plate 'data'.*batch_plate=None"):
        make(batch_plate="data").loss_and_grads(model, guide, X)


def test_a_global_latent_without_a_sampler_is_refused():
    def scored(x):
        fn = dist.Normal(pyro.param("m", torch.tensor(0.3).double()), U_SCALE)
        fn.has_rsample = False
        pyro.sample("u", fn)
        with pyro.plate("data", TOTAL, subsample=torch.arange(len(x))):
            pyro.sample("z", dist.Normal(x, Z_SCALE))

    with pytest.raises(PlateError, match="'u'.*has no reparameterised sampler"):
        IWAE(3, batch_plate="data").loss_and_grads(model, scored, X)


@pytest.mark.parametrize("plate", ["auto", "data"])
def test_measurements_per_datum_refuse_them(plate):
    """There is no log p(x_i) of a datum whose model shares a latent with others."""
    with pytest.raises(PlateError, match="batch_plate"):
        log_evidence(model, guide, X, num_particles=5, rows=len(X), batch_plate=plate)
    with pytest.raises(PlateError, match="batch_plate"):
        IWAE(3, batch_plate=plate).per_datum(model, guide, X)


def test_sides_that_disagree():
    def elsewhere(x):
        with pyro.plate("data", TOTAL, subsample=torch.arange(len(x))):
            u = pyro.sample("u", dist.Normal(x, 1.0))
            pyro.sample("z", dist.Normal(u, Z_SCALE))

    with pytest.raises(PlateError, match="site 'u' is in plate 'data' on one side"):
        IWAE(3, batch_plate="data").loss(model, elsewhere, X)


def test_joint_weights_still_need_one_scale():
    with pytest.raises(ScaleError, match="batch_plate='data'"):
        IWAE(3, batch_plate=None).loss(model, guide, X)


@pytest.mark.parametrize("objective", [ELBO(2, batch_plate=None), IWAE(3, batch_plate="data")])
@pytest.mark.parametrize("compile", [False, True])
def test_training_moves_towards_the_posterior(objective, compile, interpreted):
    """Of u: with the local posterior known, precision 1 + N / (1 + s^2)."""
    x = torch.cat([X, X])

    def whole_model(x):
        u = pyro.sample("u", dist.Normal(torch.zeros(()).double(), 1.0))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(u, 1.0))
            pyro.sample("x", dist.Normal(z, S), obs=x)

    def whole_guide(x):
        m = pyro.param("m", torch.tensor(0.0).double())
        s = pyro.param("s", torch.tensor(1.0).double(), constraint=dist.constraints.positive)
        u = pyro.sample("u", dist.Normal(m, s))
        with pyro.plate("data", len(x)):
            gain = 1 / (1 + S**2)
            pyro.sample("z", dist.Normal(u + gain * (x - u), math.sqrt(gain) * S))

    svi = SVI(
        whole_model, whole_guide, pyro.optim.ClippedAdam({"lr": 0.05, "lrd": 0.99}), objective,
        compile=compile,
    )  # fmt: skip
    for _ in range(300):
        svi.step(x)
    precision = 1 + len(x) / (1 + S**2)
    assert pyro.param("m").item() == pytest.approx(
        float(x.sum() / (1 + S**2)) / precision, abs=0.05
    )
    assert pyro.param("s").item() == pytest.approx(precision**-0.5, rel=0.1)


def test_fit_reports_nats_per_datum():
    def whole_guide(x):
        return guide(x)

    run = fit(
        model, whole_guide, X, objective=IWAE(3, batch_plate="data"), epochs=2, batch_size=6,
        progress=False,
    )  # fmt: skip
    assert run.history[-1]["train"] == pytest.approx(exact_limit() / TOTAL, abs=0.8)
