"""`pyro.plate("data")` states no size: Pyro's idiom, which has that of the log-densities."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO

from pyrovae import compare, elbo_parts, log_evidence
from pyrovae.errors import PlateError
from pyrovae.objectives import ELBO, IWAE, REINFORCE, STL, VIMCO, Beta, DReG
from pyrovae.train import SVI, fit

X = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)).double()


def pair(size, dim=None):
    """A linear-Gaussian pair whose plate is given a size, or none."""

    def plate(x):
        return pyro.plate("data", len(x) if size else None, dim=dim)

    def model(x):
        w = pyro.param("W", torch.ones(2, 3).double())
        with plate(x):
            loc = x.new_zeros(len(x), *[1] * (-1 - (dim or -1)), 2)
            z = pyro.sample("z", dist.Normal(loc, 1.0).to_event(1))
            x = x.reshape(len(x), *[1] * (-1 - (dim or -1)), 3)
            pyro.sample("x", dist.Normal(z @ w, 1.0).to_event(1), obs=x)

    def guide(x):
        v = pyro.param("V", torch.ones(3, 2).double())
        with plate(x):
            loc = (x @ v).reshape(len(x), *[1] * (-1 - (dim or -1)), 2)
            pyro.sample("z", dist.Normal(loc, 1.0).to_event(1))

    return model, guide


OBJECTIVES = [
    lambda **o: ELBO(**o),
    lambda **o: ELBO(3, **o),
    lambda **o: ELBO(3, closed_form_kl=True, vectorize_particles=False, **o),
    lambda **o: Beta(2.0, 2, **o),
    lambda **o: IWAE(5, **o),
    lambda **o: IWAE(5, **o).in_chunks(2),
    lambda **o: VIMCO(3, **o),
    lambda **o: DReG(3, **o),
    lambda **o: STL(2, **o),
    lambda **o: REINFORCE(2, **o),
]


@pytest.mark.parametrize("dim", [None, -2])
@pytest.mark.parametrize("make", OBJECTIVES)
def test_every_objective_as_with_a_size(make, dim):
    values = []
    for size in (True, False):
        pyro.set_rng_seed(0)
        values.append(make().per_datum(*pair(size, dim), X))
    torch.testing.assert_close(*values)
    assert values[0].shape == (8,)


@pytest.mark.parametrize("make", OBJECTIVES[:4])
def test_jointly(make):
    values = []
    for size in (True, False):
        pyro.set_rng_seed(0)
        values.append(make(batch_plate=None).loss(*pair(size), X))
    torch.testing.assert_close(*values)


def test_as_pyro():
    pyro.set_rng_seed(0)
    ours = ELBO().loss(*pair(False), X)
    pyro.set_rng_seed(0)
    assert float(ours) == pytest.approx(Trace_ELBO().loss(*pair(False), X))


def test_measuring_and_training():
    model, guide = pair(False)
    w = torch.ones(2, 3).double()
    exact = dist.MultivariateNormal(torch.zeros(3).double(), w.T @ w + torch.eye(3))

    def proposal(x):  # the exact posterior
        precision = torch.eye(2).double() + w @ w.T
        covariance = precision.inverse()
        with pyro.plate("data"):
            pyro.sample("z", dist.MultivariateNormal(x @ w.T @ covariance, covariance))

    found = log_evidence(model, proposal, X, num_particles=20, seed=0)
    torch.testing.assert_close(found.log_px, exact.log_prob(X))
    assert elbo_parts(model, guide, X, num_particles=4).elbo.shape == (8,)
    table = compare(model, guide, X, [ELBO(), IWAE(3)], num_draws=4, evidence_particles=9)
    assert len(table.rows) == 2
    run = fit(model, guide, X, objective=ELBO(), epochs=2, batch_size=3, progress=False)
    assert run.steps == 6
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), IWAE(3))
    assert svi.step(X) > 0


def test_a_size_on_one_side():
    model, _ = pair(False)
    _, guide = pair(True)
    assert IWAE(3).per_datum(model, guide, X).shape == (8,)


def test_one_value_for_all_data():
    """Pyro would count it once, and it belongs to no datum."""

    def model(x):
        with pyro.plate("data"):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0).expand([3]).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data"):
            pyro.sample("z", dist.Normal(0.0, 1.0))

    with pytest.raises(PlateError, match=r"'z' of the guide has 1 value.*plate\('data', 8\)"):
        IWAE(1).loss(model, guide, X)
    pyro.set_rng_seed(0)
    jointly = ELBO(batch_plate=None).loss(model, guide, X)
    pyro.set_rng_seed(0)
    assert float(jointly) == pytest.approx(Trace_ELBO().loss(model, guide, X))


def test_densities_that_disagree():
    def model(x):
        with pyro.plate("data"):
            pyro.sample("z", dist.Normal(x.new_zeros(len(x)), 1.0))
            pyro.sample("y", dist.Normal(x.new_zeros(5), 1.0), obs=x.new_zeros(5))

    def guide(x):
        with pyro.plate("data"):
            pyro.sample("z", dist.Normal(x.new_zeros(len(x)), 1.0))

    with pytest.raises(PlateError, match="states no size.*5 and 8"):
        IWAE(3).loss(model, guide, X)
