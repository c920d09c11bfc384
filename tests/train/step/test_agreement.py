"""A step is captured only where its loss is the one that the user gave."""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, TraceMeanField_ELBO, config_enumerate

from pyrovae.errors import CaptureWarning, ScaleError
from pyrovae.objectives import ELBO, IWAE
from pyrovae.objectives.pyro_loss import as_objective
from pyrovae.train import SVI, fit
from pyrovae.train.step import agreement

X = torch.randn(10, 3, generator=torch.Generator().manual_seed(0)).double()


pytestmark = pytest.mark.usefixtures("interpreted")


def regression(start=0.1):
    """Bayesian regression by minibatches: a scale of four on the data, none on the weights."""

    def model(x):
        w = pyro.sample("w", dist.Normal(torch.zeros(2).double(), 1.0).to_event(1))
        with pyro.plate("data", 40, subsample=torch.arange(len(x))):
            pyro.sample("y", dist.Normal((w * x[:, :2]).sum(-1), 0.3), obs=x[:, 2])

    def guide(x):
        m = pyro.param("m", torch.zeros(2).double())
        s = pyro.param("s", torch.full((2,), start).double(), dist.constraints.positive)
        pyro.sample("w", dist.Normal(m, s).to_event(1))

    return model, guide


def annealed():
    """KL annealing by `poutine.scale` with a tensor, which changes from step to step."""

    def model(x, beta):
        w = pyro.param("w", torch.ones(2, 3).double())
        with pyro.plate("data", len(x)):
            with poutine.scale(scale=beta):
                z = pyro.sample("z", dist.Normal(torch.zeros(2).double(), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ w, 1.0).to_event(1), obs=x)

    def guide(x, beta):
        v = pyro.param("v", torch.ones(3, 2).double())
        with pyro.plate("data", len(x)), poutine.scale(scale=beta):
            pyro.sample("z", dist.Normal(x @ v, 1.0).to_event(1))

    return model, guide


def two_rates():
    """Two plates, subsampled unlike."""

    def model(x):
        with pyro.plate("a", 30, subsample=torch.arange(len(x))):
            z = pyro.sample("z", dist.Normal(torch.zeros(()).double(), 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x[:, 0])
        with pyro.plate("b", 50, subsample=torch.arange(5)):
            pyro.sample("y", dist.Normal(pyro.param("m", torch.tensor(0.1).double()), 1.0),
                        obs=x[:5, 1])  # fmt: skip

    def guide(x):
        scale = pyro.param("l", torch.tensor(0.2).double())
        with pyro.plate("a", 30, subsample=torch.arange(len(x))):
            pyro.sample("z", dist.Normal(scale * x[:, 0], 1.0))

    return model, guide


PAIRS = {
    "regression": (regression, lambda i: (X,)),
    "annealed": (annealed, lambda i: (X, torch.tensor(0.1 * (i + 1)).double())),
    "two rates": (two_rates, lambda i: (X,)),
}
LOSSES = {
    "Trace_ELBO": Trace_ELBO,
    "of three": lambda: Trace_ELBO(3),
    "vectorised": lambda: Trace_ELBO(3, vectorize_particles=True, max_plate_nesting=1),
    "TraceMeanField_ELBO": TraceMeanField_ELBO,
    "ELBO": lambda: ELBO(batch_plate=None),
}


def _run(svi, batches, steps=6):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    losses = [svi.step(*batches(i)) for i in range(steps)]
    store = pyro.get_param_store()
    return losses, {name: value.detach().clone() for name, value in store.items()}


@pytest.mark.parametrize("validates", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("pair", PAIRS)
def test_unequal_scales_are_those_of_pyro(pair, loss, validates):
    programs, batches = PAIRS[pair]
    runs = []
    with pyro.validation_enabled(validates):
        for make in (pyro.infer.SVI, SVI, partial(SVI, compile=True)):
            svi = make(*programs(), pyro.optim.Adam({"lr": 0.05}), LOSSES[loss]())
            runs.append(_run(svi, batches))
    for run in runs[1:]:
        assert run[0] == pytest.approx(runs[0][0], rel=1e-9)
        torch.testing.assert_close(run[1], runs[0][1], rtol=1e-7, atol=1e-9)
    assert svi._compiled.captured.refusal == ""


@pytest.mark.parametrize("compile", [False, True])
def test_fit_too(compile):
    """The posterior of the weights, which is known: not twice as wide."""
    x = torch.randn(400, 3, generator=torch.Generator().manual_seed(1)).double()
    x[:, 2] = x[:, 0] - 2 * x[:, 1] + 0.3 * x[:, 2]

    def model(rows):
        w = pyro.sample("w", dist.Normal(torch.zeros(2).double(), 1.0).to_event(1))
        with pyro.plate("data", 400, subsample=torch.arange(len(rows))):
            pyro.sample("y", dist.Normal((w * rows[:, :2]).sum(-1), 0.3), obs=rows[:, 2])

    _, guide = regression(start=0.03)
    loss = Trace_ELBO(20, vectorize_particles=True, max_plate_nesting=1)
    fit(
        model, guide, x, objective=loss, epochs=150, lr=0.03, compile=compile,
        schedule=lambda progress: 1 - progress, progress=False,
    )  # fmt: skip
    precision = torch.eye(2).double() + x[:, :2].T @ x[:, :2] / 0.3**2
    found = pyro.param("s").detach()
    torch.testing.assert_close(found, precision.diagonal().rsqrt(), rtol=0.4, atol=0)


class Doubled(Trace_ELBO):
    """A loss whose gradient is its own, and whose `differentiable_loss` is another's."""

    def loss_and_grads(self, model, guide, *args, **kwargs):
        value = super().loss_and_grads(model, guide, *args, **kwargs)
        for leaf in pyro.get_param_store()._params.values():
            if leaf.grad is not None:
                leaf.grad *= 2
        return 2 * value


def _own_gradients(model, guide, *args):
    loss = Trace_ELBO().differentiable_loss(model, guide, *args)
    (3 * loss).backward()
    return 3 * float(loss.detach())


@pytest.mark.parametrize(
    "options",
    [
        {"loss": Doubled()},
        {"loss": Trace_ELBO().differentiable_loss, "loss_and_grads": _own_gradients},
    ],
    ids=["a subclass", "a function"],
)
def test_another_loss_is_not_captured(options):
    """The step then is the eager one."""
    eager = _run(SVI(*regression(), pyro.optim.Adam({"lr": 0.05}), **options), lambda i: (X,))
    svi = SVI(*regression(), pyro.optim.Adam({"lr": 0.05}), **options, compile=True)
    with pytest.warns(CaptureWarning, match="differs from"):
        found = _run(svi, lambda i: (X,))
    assert found[0] == eager[0]
    torch.testing.assert_close(found[1], eager[1], rtol=0, atol=0)


def test_a_loss_in_its_place_must_agree(monkeypatch):
    """Were the objective that stands for `Trace_ELBO` wrong, no step of it would be taken."""

    class Wrong(ELBO):
        def bound(self, p):
            return super().bound(p) * 1.01

    monkeypatch.setattr("pyrovae.objectives.pyro_equals._PathwiseELBO", Wrong)
    svi = SVI(*regression(), pyro.optim.Adam({"lr": 0.05}), Trace_ELBO(), compile=True)
    eager = _run(SVI(*regression(), pyro.optim.Adam({"lr": 0.05}), Trace_ELBO()), lambda i: (X,))
    with pytest.warns(CaptureWarning, match="differs from Trace_ELBO by"):
        found = _run(svi, lambda i: (X,))
    assert found[0] == eager[0]


def test_a_batch_that_cannot_tell_puts_it_off():
    """Nothing is captured on a loss that is not finite, and the next batch is asked."""

    def model(x):
        w = pyro.param("w", torch.tensor(1.0).double())
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(w, 1.0), obs=x)

    def guide(x):
        pass

    loss = Trace_ELBO()
    agreed = agreement.Agreement(loss.differentiable_loss, as_objective(loss), loss.loss_and_grads)
    leaves = [torch.tensor(1.0).double().requires_grad_()]
    with pyro.validation_enabled(False):
        assert not agreed.holds(model, guide, (torch.tensor([torch.inf]).double(),), {}, leaves)


def test_asking_changes_nothing():
    model, guide = regression()
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.05}), Trace_ELBO())
    svi.step(X)
    leaves = list(svi.optimizer.leaves.values())
    loss = svi.loss_and_grads
    objective = as_objective(Trace_ELBO())
    agreed = agreement.Agreement(objective.captured_loss, objective, loss)
    leaves[0].grad = torch.ones_like(leaves[0])
    before, state = [leaf.detach().clone() for leaf in leaves], torch.get_rng_state()
    assert agreed.holds(model, guide, (X,), {}, leaves)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(leaf, old) for leaf, old in zip(leaves, before, strict=True))
    assert (leaves[0].grad == 1).all() and (leaves[1].grad == 0).all()


def test_enumerated_losses_agree():
    @config_enumerate
    def model(x):
        p = pyro.param("p", torch.tensor(0.3).double(), dist.constraints.unit_interval)
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Bernoulli(p))
            pyro.sample("x", dist.Normal(k, 1.0), obs=x[:, 0])

    def guide(x):
        pass

    runs = [
        _run(SVI(model, guide, pyro.optim.Adam({"lr": 0.05}),
                 TraceEnum_ELBO(max_plate_nesting=1), compile=c), lambda i: (X,))
        for c in (False, True)
    ]  # fmt: skip
    assert runs[0][0] == pytest.approx(runs[1][0], rel=1e-9)


def weighed(x, weights, of_guide):
    """Each datum with a weight of its own, which the batch brings."""
    model, guide = annealed()

    def scaled(program, scale):
        return lambda x, *_: poutine.scale(program, scale=scale)(x, torch.tensor(1.0).double())

    return scaled(model, weights), scaled(guide, of_guide)


def _weighed(compile, **options):
    def model(x, weights, of_guide):
        return weighed(x, weights, of_guide)[0](x)

    def guide(x, weights, of_guide):
        return weighed(x, weights, of_guide)[1](x)

    return SVI(model, guide, pyro.optim.Adam({"lr": 0.05}), IWAE(3), compile=compile, **options)


def test_weights_of_the_data_stay_in_the_graph():
    """As tensors that are new at each step."""
    weights = [torch.rand(10, generator=torch.Generator().manual_seed(i)).double() + 0.1
               for i in range(6)]  # fmt: skip
    eager = _run(_weighed(False), lambda i: (X, weights[i], weights[i].clone()))
    svi = _weighed(True)
    found = _run(svi, lambda i: (X, weights[i], weights[i].clone()))
    assert svi._compiled.captured.refusal == ""
    assert found[0] == pytest.approx(eager[0], rel=1e-9)


def test_scales_that_come_to_differ_are_not_silent():
    """Where a graph cannot look, the step is not finite; `step_if_finite` then takes none."""
    svi, one = _weighed(True), torch.ones(10).double()
    _run(svi, lambda i: (X, one, one.clone()), steps=4)
    leaf = next(iter(svi.optimizer.leaves.values()))
    before = leaf.detach().clone()
    with pytest.raises(ScaleError):
        _weighed(False).step(X, one, 2 * one)
    assert math.isnan(svi.step(X, one, 2 * one))
    pair = _weighed(True)
    pyro.clear_param_store()
    for _ in range(4):
        pair.step_if_finite(X, one, one.clone())
    leaf = next(iter(pair.optimizer.leaves.values()))
    before = leaf.detach().clone()
    assert not pair.step_if_finite(X, one, 2 * one).taken
    assert torch.equal(leaf, before)
