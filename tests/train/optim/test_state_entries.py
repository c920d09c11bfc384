"""Entries are found by the names of the parameters; what belongs to none is an error."""

import pytest
import torch

from pyrovae.errors import CheckpointError
from pyrovae.train.optim.state_entries import names_of, plain, state_by_leaf
from tests.train.optim.test_state import MAKERS, made


def test_names_are_in_the_order_of_the_optimiser():
    assert names_of(made(MAKERS["Adam"])) == ["net$$$conv.weight", "loc"]
    assert names_of(made(MAKERS["more than the pair"])) == ["#0", "net$$$conv.weight", "loc"]


def test_entries_of_each_parameter():
    joint, moment = made(MAKERS["Adam"]), torch.ones(3)
    found = state_by_leaf(joint, {"loc/exp_avg": moment}, {"scalars": {"loc": {"step": 2}}})
    assert found == [{}, {"step": 2, "exp_avg": moment}]
    for name in ("other/exp_avg", "loc/step"):
        with pytest.raises(CheckpointError, match=f"holds a state of .*{name}"):
            state_by_leaf(joint, {name: moment}, {"scalars": {"loc": {"step": 2}}})


def test_plain_values():
    assert plain("betas", (torch.tensor(0.5), 0.25)) == [0.5, 0.25]
    with pytest.raises(CheckpointError, match="keeps a Tensor under 'moment'"):
        plain("moment", torch.ones(2))
