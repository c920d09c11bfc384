"""Every kind of schedule that a user gives becomes the scheduler of the run."""

import functools
import math

import pyro
import pytest
import torch
from torch.optim import lr_scheduler as torch_schedulers

from pyrovae.errors import ConfigError
from pyrovae.train.optim import schedules
from pyrovae.train.optim.joint import JointOptimizer
from pyrovae.train.optim.scheduler import ByProgress, OfTorch, Scheduler
from pyrovae.train.optim.scheduling import NAMES, scheduler_of


def joint(wanted="sgd", lr=1.0):
    made = JointOptimizer(wanted, lr=lr)
    made.cover({"a": torch.zeros(1, requires_grad=True), "b": torch.zeros(1, requires_grad=True)})
    return made


def scheduled(wanted, validated=True):
    made = joint()
    return made.torch, scheduler_of(wanted, made, validated=validated)


def factors(wanted, places=(0.0, 0.1, 0.5, 1.0)):
    optimizer, scheduler = scheduled(wanted)
    assert isinstance(scheduler, ByProgress)
    found = []
    for place in places:
        scheduler.before_step(place)
        found.append(optimizer.param_groups[0]["lr"])
    return found


COSINE = schedules.cosine()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (COSINE, COSINE),
        ("cosine", COSINE),
        ("Cosine", COSINE),
        (schedules.cosine, COSINE),
        ("cosine(warmup=0.2)", schedules.cosine(0.2)),
        (functools.partial(schedules.cosine, warmup=0.2), schedules.cosine(0.2)),
        ("warmup_cosine", schedules.cosine(0.1)),
        ("warmup-cosine", schedules.cosine(0.1)),
        ("linear", lambda progress: 1 - progress),
        (schedules.exponential, schedules.exponential()),
        ("exponential(final=0.5)", schedules.exponential(0.5)),
        ("iwae", schedules.iwae()),
        ("constant", lambda progress: 1.0),
        (lambda progress: -progress, lambda progress: -progress),
        (lambda progress: torch.tensor(0.5), lambda progress: 0.5),
        (lambda progress: 1, lambda progress: 1.0),
        (schedules.PerStep(math.exp), math.exp),
    ],
)
def test_functions_of_the_progress(wanted, expected):
    assert factors(wanted) == pytest.approx([expected(p) for p in (0.0, 0.1, 0.5, 1.0)])


@pytest.mark.parametrize(
    ("wanted", "kind", "per_step"),
    [
        (lambda opt: torch_schedulers.StepLR(opt, 2), "StepLR", False),
        (functools.partial(torch_schedulers.StepLR, step_size=2), "StepLR", False),
        ("StepLR(step_size=2)", "StepLR", False),
        ("steplr(step_size=2)", "StepLR", False),
        (torch_schedulers.LinearLR, "LinearLR", False),
        (torch_schedulers.ReduceLROnPlateau, "ReduceLROnPlateau", False),
        ("plateau", "ReduceLROnPlateau", False),
        ("plateau(patience=2)", "ReduceLROnPlateau", False),
        (lambda opt: torch_schedulers.LambdaLR(opt, lambda e: 0.5**e), "LambdaLR", False),
        ("OneCycleLR(max_lr=0.1, total_steps=9)", "OneCycleLR", True),
        (lambda opt: torch_schedulers.CyclicLR(opt, 0.1, 1.0), "CyclicLR", True),
        (schedules.PerStep(torch_schedulers.LinearLR), "LinearLR", True),
        (schedules.PerStep("StepLR(step_size=2)"), "StepLR", True),
        (schedules.PerEpoch("OneCycleLR(max_lr=0.1, total_steps=9)"), "OneCycleLR", False),
    ],
)  # fmt: skip
def test_schedulers_of_torch_and_when_they_are_stepped(wanted, kind, per_step):
    optimizer, scheduler = scheduled(wanted)
    assert isinstance(scheduler, OfTorch)
    assert type(scheduler._scheduler).__name__ == kind and scheduler._per_step is per_step
    assert scheduler._scheduler.optimizer is optimizer


def test_a_scheduler_that_is_made_already():
    made = joint()
    own = torch_schedulers.StepLR(made.torch, 1, gamma=0.5)
    scheduler_of(own, made, validated=False).after_epoch({})
    assert made.torch.param_groups[0]["lr"] == 0.5


def test_no_schedule_leaves_the_rate():
    optimizer, scheduler = scheduled(None)
    assert type(scheduler) is Scheduler
    scheduler.before_step(0.5), scheduler.after_steps(1), scheduler.after_epoch({})
    scheduler.resume(3, [])
    assert optimizer.param_groups[0]["lr"] == 1.0


def test_a_scheduler_of_pyro_comes_with_its_optimiser():
    made = joint(pyro.optim.StepLR(
        {"optimizer": torch.optim.SGD, "optim_args": {"lr": 1.0}, "step_size": 1, "gamma": 0.5}
    ), lr=None)  # fmt: skip
    scheduler_of(None, made, validated=False).after_epoch({})
    assert made.torch.param_groups[0]["lr"] == 0.5
    with pytest.raises(ConfigError, match="is a pyro.optim scheduler; give one"):
        scheduler_of("cosine", made, validated=False)


def test_a_new_scheduler_begins_at_the_base_rate():
    made = joint()
    first = scheduler_of("StepLR(step_size=1)", made, validated=False)
    first.after_epoch({})
    assert made.torch.param_groups[0]["lr"] == pytest.approx(0.1)
    scheduler_of(functools.partial(torch_schedulers.StepLR, step_size=1), made, validated=False)
    assert made.torch.param_groups[0]["lr"] == 1.0


def other_optimiser():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("cosin", "did you mean 'cosine'.*warmup_cosine.*plateau.*StepLR"),
        ("cosine(speed=1)", "unexpected keyword"),
        ("cosine(warmup=2)", "warmup is a share"),
        ("cosine(1)", "cannot read its options"),
        ("cosine(warmup='a')", "correct its arguments"),
        ("piecewise(starts=[0], factors=['a'])", "correct its arguments"),
        ("StepLR", "step_size.*functools.partial"),
        ("OneCycleLR(max_lr=0.1)", "total_steps"),
        (torch_schedulers.StepLR, "step_size.*functools.partial"),
        (schedules.piecewise, "correct its arguments"),
        (torch_schedulers.StepLR(other_optimiser(), 1), "of another optimiser"),
        (lambda opt: torch_schedulers.StepLR(other_optimiser(), 1), "a StepLR for the progress"),
        (schedules.PerStep("plateau"), "without PerStep"),
        (pyro.optim.ExponentialLR({"optimizer": torch.optim.SGD, "optim_args": {}, "gamma": 1.0}),
         "passed as optimizer"),
        (0.5, "is a float"),
        (["cosine"], "is a list"),
        (lambda: 1.0, "no factor for the progress 0.0.*no scheduler"),
        (lambda progress: progress + "a", "no factor for the progress 0.0.*no scheduler"),
        (lambda progress: "fast", "gives a str"),
        (lambda progress: None, "gives a NoneType"),
        (lambda warmup: schedules.cosine(), "gives a function"),
        (lambda opt: [opt.param_groups], "gives a list for the optimiser"),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_an_error(wanted, message):
    with pytest.raises(ConfigError, match=message):
        scheduled(wanted)


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_factor_that_is_not_finite_is_an_error(factor):
    _, scheduler = scheduled(lambda progress: factor if progress > 0.5 else 1.0)
    scheduler.before_step(0.5)
    with pytest.raises(ConfigError, match="at the progress 0.6, needs a finite"):
        scheduler.before_step(0.6)


def test_an_error_of_the_users_own_schedule_stays_what_it_is():
    with pytest.raises(ZeroDivisionError):
        scheduled(lambda progress: 1 / progress)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("LR")])
def test_the_names_of_torch_are_those_of_its_classes(name):
    assert NAMES[name] is getattr(torch_schedulers, name)
