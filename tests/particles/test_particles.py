"""Whether what guide and model recorded fits together."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import log_evidence
from pyrovae.errors import ShapeError
from pyrovae.objectives import ELBO, IWAE, DReG

X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def _model(fn):
    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", fn())
            pyro.sample("x", dist.Normal(torch.zeros(3), 1.0).to_event(1), obs=x)

    return model


def _guide(fn):
    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", fn())

    return guide


def _normal(*shape, event=1):
    return lambda: dist.Normal(torch.zeros(shape), 1.0).to_event(event)


UNLIKE = {
    "one value for five": (_normal(5), _normal(1)),
    "five values for one": (_normal(1), _normal(5)),
    "a scalar for a vector": (_normal(5), lambda: dist.Normal(0.0, 1.0)),
    "a matrix for a vector": (_normal(2), _normal(2, 2, event=2)),
    "a row for a matrix": (_normal(2, 2, event=2), _normal(1, 2, event=2)),
    "events on one side": (_normal(4, event=0), _normal(4)),
    "another kind": (
        lambda: dist.Dirichlet(torch.ones(3)),
        lambda: dist.Dirichlet(torch.ones(4)),
    ),
}


@pytest.mark.parametrize(
    "objective", [ELBO(), ELBO(3), IWAE(3, vectorize_particles=False), DReG(2)]
)
@pytest.mark.parametrize("case", UNLIKE)
def test_a_latent_has_one_shape(case, objective):
    model, guide = (make(fn) for make, fn in zip((_model, _guide), UNLIKE[case], strict=True))
    for validates in (True, False):
        with pyro.validation_enabled(validates), pytest.raises(ShapeError, match="'z'"):
            objective.loss(model, guide, X)


def test_measuring_asks_too():
    with pytest.raises(ShapeError, match=r"event shape \[5\] in the model and \[1\] in the guide"):
        log_evidence(_model(_normal(5)), _guide(_normal(1)), X, num_particles=10)


def test_plates_inside_the_batch_count():
    """The model draws two for each datum, and the guide one."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            with pyro.plate("two", 2, dim=-2):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z.mean(), 1.0), obs=x[:, 0])

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(0.0, 1.0))

    for objective in (ELBO(), IWAE(3)):
        with pytest.raises(ShapeError, match=r"batch shape \[2, 4\].*\[1, 4\]"):
            objective.loss(model, guide, X)


def test_equal_shapes_written_differently_are_equal():
    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.MultivariateNormal(torch.zeros(5), torch.eye(5)))

    assert ELBO(2).per_datum(_model(_normal(5)), guide, X).shape == (4,)


def test_one_number_is_not_a_datum():
    """`obs` of a last dim of one would count three times."""
    with pytest.raises(ShapeError, match=r"site 'x'.*event shape \[3\].*\[1\]"):
        ELBO().loss(_model(_normal(5)), _guide(_normal(5)), X[:, :1])
