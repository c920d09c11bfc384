"""The captured step is the eager step: every objective, every style of pair, every setting."""

import copy
import math

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import trainable
from pyrovae.data import LinearGaussian
from pyrovae.objectives import ELBO, IWAE, Beta, DReG
from pyrovae.train import SVI
from tests.objectives.test_contract import some_each
from tests.pairs import STYLES
from tests.train.step.compiled_runs import ORACLE, assert_same_run

pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


# Three styles for each: the eager steps of all are compared in the contract, and a graph is
# compared with the eager step by `Captured` itself before it is used.
@pytest.mark.parametrize(("make", "style"), some_each(STYLES, 3))
def test_every_objective_on_every_pair(interpreted, make, style):
    # Plain gradient descent moves the leaves by the gradient itself.
    assert_same_run(style, make, lambda: pyro.optim.SGD({"lr": 1e-3}), steps=3)


@pytest.mark.parametrize("style", ["param_functions", "convolutions"])
def test_sequential_particles(interpreted, style):
    assert_same_run(style, lambda: IWAE(3, vectorize_particles=False))


def test_compiled_for_real():
    svi = assert_same_run("module_functions", lambda: DReG(3), steps=6)
    assert svi._compiled.captured.seconds > 0


def test_noise_is_new_at_every_step(interpreted):
    x = ORACLE.sample(4, seed=1)
    optim = pyro.optim.SGD({"lr": 0.0})
    svi = SVI(ORACLE.model, ORACLE.guide, optim, ELBO(), compile=True)
    losses = torch.tensor([svi.step(x) for _ in range(400)])
    exact = -ORACLE.elbo(x).sum()
    error = losses.std() / math.sqrt(len(losses))
    assert abs(losses.mean() - exact) < 4 * error
    assert len(losses.unique()) == 400


def test_weights_and_rates_take_effect(interpreted):
    weight = torch.tensor(0.0, dtype=torch.float64)
    optim = pyro.optim.SGD({"lr": 0.0})
    x = ORACLE.sample(4, seed=1)
    svi = SVI(ORACLE.model, ORACLE.guide, optim, Beta(weight), compile=True)
    for _ in range(3):
        svi.step(x)
    eager = SVI(ORACLE.model, ORACLE.guide, pyro.optim.SGD({"lr": 0.0}), Beta(weight))
    for value in (0.5, 3.0):
        weight.fill_(value)
        pyro.set_rng_seed(1)
        found = svi.step(x)
        pyro.set_rng_seed(1)
        assert found == pytest.approx(eager.step(x), rel=1e-12)
    leaf = next(iter(svi.optimizer.leaves.values()))
    before = leaf.detach().clone()
    svi.step(x)
    assert torch.equal(leaf, before)
    svi.optimizer.torch.param_groups[0]["lr"] = 1e-3
    svi.step(x)
    assert not torch.equal(leaf, before)


def test_a_number_that_changes_makes_another_graph(interpreted):
    objective, x = Beta(1.0), ORACLE.sample(4, seed=1)
    svi = SVI(ORACLE.model, ORACLE.guide, pyro.optim.SGD({"lr": 0.0}), objective, compile=True)
    losses = []
    for beta in (1.0, 5.0):
        objective.beta = beta
        for _ in range(4):
            pyro.set_rng_seed(1)
            losses.append(svi.step(x))
    assert len(set(losses[:4])) == 1 and len(set(losses[4:])) == 1
    assert losses[0] != pytest.approx(losses[4])


def test_a_state_that_is_loaded_amid_the_run_is_gone_on_with(interpreted):
    x, ends = ORACLE.sample(4, seed=1), []
    for compile in (False, True):
        pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0, dtype=torch.float64)
        leaves = trainable(pair.model, pair.guide, x)
        optim = torch.optim.Adam(leaves.values(), lr=1e-2)
        svi = SVI(pair.model, pair.guide, optim, ELBO(), compile=compile)
        pyro.set_rng_seed(1)
        for step in range(12):
            if step == 4:
                kept = copy.deepcopy(optim.state_dict())
            if step == 8:
                optim.load_state_dict(kept)
            svi.step(x)
        assert all(state["step"] == 8 for state in optim.state.values())
        ends.append([leaf.detach().clone() for leaf in leaves.values()])
    torch.testing.assert_close(*ends)


@pytest.mark.parametrize(
    "other", [lambda x, y: {"b": x, "a": y}, lambda x, y: ({"a": x}, y)], ids=["names", "nesting"]
)
def test_batches_of_another_structure_are_another_graph(interpreted, other):
    def pair(*batch):
        weight = pyro.param("w", torch.ones(()))
        first = batch[0]
        if isinstance(first, dict):  # of other meaning by its names
            scale = 2.0 if "b" in first else 3.0
            rows = next(iter(first.values()))
        else:
            scale, rows = 5.0, first[0]["a"]
        return weight, scale, rows

    def model(*batch):
        weight, scale, rows = pair(*batch)
        with pyro.plate("data", len(rows)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(weight * z, scale), obs=rows)

    def guide(*batch):
        loc = pyro.param("loc", torch.zeros(()))
        with pyro.plate("data", len(pair(*batch)[2])):
            pyro.sample("z", dist.Normal(loc, 1.0))

    x, y = torch.randn(2, 4)
    losses = []
    for compile in (False, True):
        pyro.clear_param_store()
        optim = pyro.optim.SGD({"lr": 0.0})
        svi = SVI(model, guide, optim, ELBO(), compile=compile)
        found = []
        for batch in [{"a": x, "b": y}] * 4 + [other(x, y)] * 4:
            pyro.set_rng_seed(1)
            found.append(svi.step(batch))
        losses.append(found)
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


def test_after_a_bad_step_nothing_moves_until_somebody_looks(interpreted):
    x = ORACLE.sample(4, seed=1)
    optim = pyro.optim.Adam({"lr": 1e-2})
    svi = SVI(ORACLE.model, ORACLE.guide, optim, ELBO(), compile=True)
    for _ in range(3):
        assert svi.step_if_finite(x).taken
    kept = [leaf.detach().clone() for leaf in svi.optimizer.leaves.values()]
    for batch in (x * float("nan"), x, x):
        step = svi.step_if_finite(batch)
        assert step.deferred and not step.taken
    assert all(map(torch.equal, kept, svi.optimizer.leaves.values()))


@pytest.mark.slow
def test_ten_thousand_steps_take_no_more_memory():
    import resource

    x = ORACLE.sample(4, seed=1)
    svi = SVI(ORACLE.model, ORACLE.guide, pyro.optim.Adam({"lr": 1e-4}), ELBO(), compile=True)
    for _ in range(500):
        svi.step(x)
    grown = []
    for _ in range(2):  # what is kept of each step grows each time; other memory may grow once
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(10_000):
            svi.step(x)
        grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert min(grown) < 4_000, grown  # kilobytes
