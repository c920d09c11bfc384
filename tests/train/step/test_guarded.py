"""A step that is not finite is not taken, and the error counts the steps before it."""

import pyro
import pytest
import torch

from pyrovae.objectives import ELBO
from pyrovae.train import SVI
from pyrovae.train.step.guarded import NonFiniteStep, guarded_step
from tests.train.step.compiled_runs import ORACLE


@pytest.mark.parametrize("compile", [False, True])
def test_the_steps_before_it_are_taken(interpreted, compile):
    x = ORACLE.sample(4, seed=1)
    objective = ELBO()
    optim = pyro.optim.Adam({"lr": 1e-2})
    svi = SVI(ORACLE.model, ORACLE.guide, optim, objective, compile=compile)
    for _ in range(3):
        results = guarded_step(svi, objective, [(x,), (x,)], wait=True)
        assert [bool(step.taken) for step in results] == [True, True]
    leaves = [leaf.detach().clone() for leaf in svi.optimizer.leaves.values()]
    with (
        pyro.validation_enabled(False),
        pytest.raises(NonFiniteStep, match="guide's site 'z'") as caught,
    ):
        guarded_step(svi, objective, [(x,), (x * float("nan"),)], wait=True)
    assert caught.value.before == 1
    now = list(svi.optimizer.leaves.values())
    assert all(leaf.isfinite().all() for leaf in now)
    assert not all(map(torch.equal, leaves, now))  # the first of the two was taken
