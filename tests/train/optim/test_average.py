"""The average is that of torch's AveragedModel, over parameters of every style."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pyrovae.errors import CheckpointError, ConfigError
from pyrovae.train.optim.average import WeightAverage, check_average


def moved(net, step):
    generator = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_is_torchs(decay):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1).double())
    theirs = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay))
    ours = WeightAverage(decay)
    for step in range(5):
        moved(net, step)
        theirs.update_parameters(net)
        ours.update(dict(net.named_parameters()))
    for name, parameter in theirs.module.named_parameters():
        assert torch.equal(ours.values[name], parameter), name


def test_parameters_come_back_as_they_were():
    leaf = torch.ones(2, requires_grad=True)
    average = WeightAverage(0.5)
    average.update({"a": leaf})
    with torch.no_grad():
        leaf.fill_(0.3)
    average.update({"a": leaf})
    before = leaf.detach().clone()
    with pytest.raises(RuntimeError, match="within"), average.applied():
        torch.testing.assert_close(leaf.detach(), torch.full((2,), 0.65))
        raise RuntimeError("within")
    assert torch.equal(leaf, before) and leaf.requires_grad
    average.apply()
    torch.testing.assert_close(leaf.detach(), torch.full((2,), 0.65))


def test_a_parameter_that_appears_later_begins_at_its_value():
    one, other = (torch.full((1,), float(i), requires_grad=True) for i in (1, 2))
    average = WeightAverage(0.9)
    average.update({"one": one})
    average.update({"one": one, "other": other})
    assert float(average.values["other"]) == 2.0


def test_before_the_first_step_nothing_changes():
    average = WeightAverage(0.9)
    with average.applied():
        pass
    average.apply()
    assert average.values == {}


@pytest.mark.parametrize("decay", [1.0, 1.5, -0.1, float("nan"), float("inf"), "0.9", True, None])
def test_what_is_no_decay_is_an_error(decay):
    with pytest.raises(ConfigError, match="ema="):
        WeightAverage(decay)


@pytest.mark.parametrize(
    ("average", "decay"),
    [
        (None, 0.9),
        (WeightAverage(0.9), None),
        (WeightAverage(0.9), 0.5),
        (WeightAverage(0.0), False),
        (WeightAverage(0.9), "0.9"),
        (None, {}),
    ],
)
def test_another_decay_is_refused(average, decay):
    with pytest.raises(CheckpointError, match="resume with the first value"):
        check_average(average, decay)
    check_average(None, None)
    check_average(WeightAverage(0.9), 0.9)
