"""A penalty adds to every loss, and to no bound."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI as PyroSVI
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, TraceMeanField_ELBO

import pyrovae
from pyrovae import SVI, fit, log_evidence, penalty
from pyrovae.errors import PlateError, SiteError
from pyrovae.particles import draw
from pyrovae.particles.parameters import trainable
from tests.objectives.test_contract import OBJECTIVES, in_turn

pytestmark = pytest.mark.filterwarnings(
    "ignore::pyrovae.errors.VarianceWarning",
    "ignore::pyrovae.errors.GradientWarning",
    "ignore:.*no sample sites configured for enumeration",
)

X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
NUM_DATA = 15  # of a plate that these five are a part of


def model(x, weight=1.0):
    bias = pyro.param("bias", lambda: torch.zeros(3).double())
    with pyro.plate("data", NUM_DATA, subsample=torch.arange(len(x))):
        z = pyro.sample("z", dist.Normal(x.new_zeros(3), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z + bias, 0.5).to_event(1), obs=x)


def guide(x, weight=1.0):
    slope = pyro.param("slope", lambda: torch.full((3,), 0.6).double())
    with pyro.plate("data", NUM_DATA, subsample=torch.arange(len(x))):
        z = pyro.sample("z", dist.Normal(slope * x, 0.4).to_event(1))
        if weight:
            penalty("of the slope", weight * (slope**2).sum() * x[:, 0] ** 2)
            penalty("of z", weight * z.abs().sum(-1))


def _loss(objective, weight):
    pyro.clear_param_store()
    leaves = trainable(model, guide, X, weight)
    pyro.set_rng_seed(3)
    loss = objective.differentiable_loss(model, guide, X, weight)
    wanted = [leaves["slope"], leaves["bias"]]
    return loss.detach(), torch.autograd.grad(
        loss, wanted, allow_unused=True, materialize_grads=True
    )


def _exact(objective):
    """The penalties of the draws that the objective makes, and their gradient."""
    pyro.clear_param_store()
    slope = trainable(model, guide, X)["slope"]
    pyro.set_rng_seed(3)
    z = objective.draw(model, guide, X).latents["z"]
    z = slope * X + (z - slope * X).detach()
    cost = (slope**2).sum() * X[:, 0] ** 2 + z.abs().sum(-1).mean(0)
    total = NUM_DATA / len(X) * cost.sum()
    return total.detach(), torch.autograd.grad(total, slope)[0]


WAYS = {
    "vectorised": (True, None),
    "sequential": (False, None),
    "vectorised, chunks": (True, 2),
    "sequential, chunks": (False, 2),
}


@pytest.mark.parametrize(("make", "way"), in_turn(WAYS))
def test_adds_to_every_loss(make, way):
    vectorize, chunk = WAYS[way]
    objective = make(vectorize_particles=vectorize)
    objective = objective.in_chunks(chunk) if chunk else objective
    (loss, (slope, bias)), (bare, (bare_slope, bare_bias)) = (
        _loss(objective, weight) for weight in (1.0, 0.0)
    )
    cost, gradient = _exact(objective)
    torch.testing.assert_close(loss - bare, cost)
    torch.testing.assert_close(bias, bare_bias)
    # What hands draws on as constants lets no gradient through them here either.
    if type(objective)._fixed_latents is False:
        torch.testing.assert_close(slope - bare_slope, gradient)
    pyro.set_rng_seed(3)
    assert torch.equal(loss.isfinite(), objective.loss(model, guide, X).isfinite())


@pytest.mark.parametrize("make", OBJECTIVES)
def test_enters_no_bound(make):
    bounds = []
    for weight in (0.0, 7.0):
        pyro.clear_param_store()
        pyro.set_rng_seed(3)
        bounds.append(make().per_datum(model, guide, X, weight))
    assert torch.equal(*bounds)


def test_enters_no_weight_and_is_no_site():
    found = [log_evidence(model, guide, X, w, num_particles=50, seed=1) for w in (0.0, 7.0)]
    assert torch.equal(found[0].log_px, found[1].log_px)
    p = draw(model, guide, X, num_particles=2)
    assert set(p.guide_sites) == {"z"} and set(p.penalties) == {"of z", "of the slope"}


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("cls", [Trace_ELBO, TraceMeanField_ELBO, TraceEnum_ELBO])
def test_pyro_trains_with_it(cls):
    """Pyro's own loss and gradient, and those of the captured step in its place."""
    ends = []
    for svi_class, options in ((PyroSVI, {}), (SVI, {}), (SVI, {"compile": True})):
        pyro.clear_param_store()
        pyro.set_rng_seed(5)
        optim = pyro.optim.SGD({"lr": 1e-3})
        svi = svi_class(model, guide, optim, cls(max_plate_nesting=1), **options)
        losses = [float(svi.step(X)) for _ in range(3)]
        ends.append([*losses, *pyro.param("slope").tolist()])
    torch.testing.assert_close(torch.tensor(ends[0]), torch.tensor(ends[1]))
    torch.testing.assert_close(torch.tensor(ends[0]), torch.tensor(ends[2]))


def test_trained_by_fit():
    """The optimum of z ~ N(0, 1), q = N(m, 1) under a penalty w m^2: m = x / (1 + 1 + 2 w)."""

    def one(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def q(x):
        slope = pyro.param("m", lambda: torch.zeros(()).double())
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(slope * x, 1.0))
            penalty("pull", 1.5 * (slope * x) ** 2)

    pyro.clear_param_store()
    objective = pyrovae.objectives.ELBO(100, closed_form_kl=True)
    fit(one, q, X[:, 0], objective=objective, epochs=150, lr=0.02, device="cpu", progress=False)
    assert abs(float(pyro.param("m").detach()) - 0.2) < 0.03


def test_where_it_cannot_stand():
    def bad_model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(3), 1.0).to_event(1))
            penalty("cost", x[:, 0])

    def bad_guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(3), 1.0).to_event(1))
        penalty("cost", x.sum())

    def plain(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(3), 1.0).to_event(1))

    with pytest.raises(SiteError, match="model has `pyrovae.penalty\\('cost'"):
        draw(bad_model, plain, X)
    with pytest.raises(PlateError, match="cost"):
        draw(plain, bad_guide, X)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("compile", [False, True])
def test_the_validation_is_of_the_bound(compile):
    found = []
    for weight in (0.0, 7.0):
        pyro.clear_param_store()

        def weighed(x, weight=weight):
            guide(x, weight)

        pyro.param("slope", lambda: torch.full((3,), 0.6).double())
        run = fit(model, weighed, X, val=X, objective=pyrovae.objectives.ELBO(), epochs=1, lr=0.0,
                  compile=compile, device="cpu", progress=False)  # fmt: skip
        found.append([run.history[0][name] for name in ("train", "val")])
    (train, val), (penalised, same) = found
    assert same == pytest.approx(val) and penalised < train - 10
