"""A guide and a model sample the same latents, in the same shapes."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import log_evidence
from pyrovae.errors import (
    PlateError,
    ShapeError,
    SiteError,
)
from pyrovae.objectives import ELBO, IWAE, VIMCO, DReG
from tests.particles.axis_pairs import L, Net, Pair, asserted
from tests.particles.axis_pairs import X as AXIS_X

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


class TestOrderOfChecks:
    """The missing latent comes before the shape that it causes."""

    HOW = [
        {"num_particles": 1},
        {"num_particles": 5},
        {"num_particles": 5, "vectorize_particles": False},
        {"num_particles": 5, "max_plate_nesting": 1},
    ]

    @pytest.mark.parametrize("how", HOW, ids=str)
    @pytest.mark.parametrize("make", [ELBO, IWAE, DReG, VIMCO])
    def test_a_latent_that_indexes(self, make, how):
        def model(x):
            with pyro.plate("topics", 3):
                t = pyro.sample("t", dist.Normal(0.0, 1.0))
            with pyro.plate("data", len(x)):
                k = pyro.sample("k", dist.Categorical(torch.ones(3)))
                pyro.sample("x", dist.Normal(t[k], 1.0), obs=x)

        def guide(x):
            with pyro.plate("topics", 3):
                pyro.sample("t", dist.Normal(pyro.param("a", torch.zeros(3)), 1.0))

        self.check(make, how, model, guide, torch.randn(8), "the model samples 'k'")

    @pytest.mark.parametrize("how", HOW, ids=str)
    def test_an_extra_latent_of_the_guide(self, how):
        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                pyro.sample("x", dist.Normal(z, 1.0), obs=x)

        def guide(x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x, 1.0))
                k = pyro.sample("k", dist.Categorical(torch.ones(3)))
            assert k.dim() == 1, "not with particles"

        self.check(IWAE, how, model, guide, torch.randn(8), "the guide samples 'k'")

    @pytest.mark.parametrize("how", HOW, ids=str)
    def test_a_latent_without_which_the_model_fails_at_once(self, how):
        def model(x):
            w = pyro.sample("w", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                pyro.sample("x", dist.Normal(z.reshape(len(x), 3) @ w, 1.0), obs=x)

        def guide(x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x, 1.0))

        self.check(IWAE, how, model, guide, torch.randn(8), "the model samples 'w'")

    @pytest.mark.parametrize("how", HOW, ids=str)
    def test_a_plate_that_the_guide_lacks(self, how):
        pair = Pair(Net(lambda z: z.flatten(1)))

        def guide(x):
            loc, log_scale = pair.enc(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(2))

        with pytest.raises(PlateError, match="site 'z' of the guide"):
            IWAE(**how).loss(pair.model, guide, AXIS_X)

    @pytest.mark.parametrize("how", HOW, ids=str)
    def test_a_latent_under_another_name(self, how):
        pair = Pair(Net(asserted))

        def guide(x):
            with pyro.plate("data", len(x)):
                pyro.sample("latent", dist.Normal(x[:, :L], 1.0).to_event(1))

        self.check(IWAE, how, pair.model, guide, AXIS_X, "the model samples 'z'")

    def check(self, make, how, model, guide, x, match):
        least = 2 if make is VIMCO else 1
        how = {**how, "num_particles": max(least, how["num_particles"])}
        with pytest.raises(SiteError, match=match):
            make(**how).loss_and_grads(model, guide, x)
