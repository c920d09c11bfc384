"""Schedulers of torch step as in a loop written by hand, and a resumed one as if never stopped."""

import functools
import math
import warnings

import pytest
import torch
from torch.optim import lr_scheduler as torch_schedulers

from pyrovae.errors import ConfigError
from pyrovae.train.optim.scheduler import ByProgress, OfTorch

EPOCHS, STEPS = 6, 3  # of an epoch
VAL = [-9.0, -8.0, -8.5, -8.4, None, -8.3]
HISTORY = [{"val": val, "train": -7.0 - i} for i, val in enumerate(VAL)]


def chained(optimizer):
    warm = torch_schedulers.ConstantLR(optimizer, 0.5, total_iters=2)
    return torch_schedulers.ChainedScheduler(
        [warm, torch_schedulers.ExponentialLR(optimizer, 0.7)]
    )


def sequential(optimizer):
    parts = [torch_schedulers.LinearLR(optimizer, 0.1), torch_schedulers.StepLR(optimizer, 2)]
    return torch_schedulers.SequentialLR(optimizer, parts, milestones=[2])


MAKERS = {
    "step": functools.partial(torch_schedulers.StepLR, step_size=2),
    "steps": functools.partial(torch_schedulers.MultiStepLR, milestones=[1, 4], gamma=0.5),
    "exponential": functools.partial(torch_schedulers.ExponentialLR, gamma=0.9),
    "cosine": functools.partial(torch_schedulers.CosineAnnealingLR, T_max=5),
    "restarts": functools.partial(torch_schedulers.CosineAnnealingWarmRestarts, T_0=2),
    "polynomial": torch_schedulers.PolynomialLR,
    "lambda": functools.partial(torch_schedulers.LambdaLR, lr_lambda=lambda e: 1 / (1 + e)),
    "product": functools.partial(
        torch_schedulers.MultiplicativeLR, lr_lambda=lambda e: 0.5 + 0.1 * e
    ),
    "chained": chained,
    "sequential": sequential,
    "one cycle": functools.partial(torch_schedulers.OneCycleLR, max_lr=1.0, total_steps=18),
    "cyclic": functools.partial(
        torch_schedulers.CyclicLR, base_lr=0.1, max_lr=1.0, step_size_up=4
    ),
    "plateau": functools.partial(torch_schedulers.ReduceLROnPlateau, patience=0, factor=0.5),
    "highest": functools.partial(
        torch_schedulers.ReduceLROnPlateau, mode="max", patience=0, threshold_mode="abs"
    ),
}


def optimizer_of(cls=torch.optim.SGD, **options):
    leaves = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    return cls([{"params": leaves[:1]}, {"params": leaves[1:], "lr": 0.05}], lr=0.2, **options)


def options(optimizer):
    return [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]


def by_hand(name, per_step, validated):
    """Options of the optimiser after each step, from a loop as in torch's documentation."""
    optimizer = optimizer_of(momentum=0.9)
    scheduler, found = MAKERS[name](optimizer), []
    for epoch in range(EPOCHS):
        for _ in range(STEPS):
            optimizer.step()
            if per_step:
                scheduler.step()
            found.append(options(optimizer))
        if isinstance(scheduler, torch_schedulers.ReduceLROnPlateau):
            bound = HISTORY[epoch]["val" if validated else "train"]
            bound = math.nan if bound is None else bound
            scheduler.step(bound if scheduler.mode == "max" else -bound)
        elif not per_step:
            scheduler.step()
        found.append(options(optimizer))
    return found


def ours(scheduler, optimizer, per_step, start=0):
    found = []
    for epoch in range(EPOCHS):
        for step in range(STEPS):
            if epoch * STEPS + step >= start:  # compiled: nobody calls the optimiser's step
                scheduler.after_steps(1)
                scheduler.before_step(0.5)
                found.append(options(optimizer))
        if epoch * STEPS + STEPS > start or (epoch + 1) * STEPS == start == 0:
            scheduler.after_epoch(HISTORY[epoch])
            found.append(options(optimizer))
    return found


def new(name, per_step, validated):
    optimizer = optimizer_of(momentum=0.9)
    made = OfTorch(MAKERS[name](optimizer), optimizer, per_step=per_step, validated=validated)
    return made, optimizer


CASES = [(name, per_step) for name in MAKERS for per_step in (False, True)
         if not (per_step and name in ("plateau", "highest"))]  # fmt: skip


@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize(("name", "per_step"), CASES)
def test_as_by_hand_and_resumed_anywhere(name, per_step, validated):
    expected = by_hand(name, per_step, validated)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler, optimizer = new(name, per_step, validated)
        assert ours(scheduler, optimizer, per_step) == expected
        for start in (1, STEPS, 2 * STEPS + 1, EPOCHS * STEPS - 1):
            scheduler, optimizer = new(name, per_step, validated)
            for group in optimizer.param_groups:
                group["lr"] = 123.0  # as a checkpoint would leave it
            epochs = start // STEPS
            scheduler.resume(start, HISTORY[:epochs])
            scheduler.before_step(0.5)
            rest = ours(scheduler, optimizer, per_step, start)
            assert rest == expected[start + epochs :], start


def test_a_scheduler_that_has_taken_the_steps_goes_on():
    scheduler, optimizer = new("step", False, False)
    for entry in HISTORY[:3]:
        scheduler.after_epoch(entry)
    again = OfTorch(scheduler._scheduler, optimizer, per_step=False, validated=False)
    again.resume(9, HISTORY[:3])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.02)


def test_a_rate_that_is_a_tensor_is_written_in_place():
    rate = torch.tensor(0.2)
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=rate)
    made = OfTorch(
        torch_schedulers.StepLR(optimizer, 1), optimizer, per_step=False, validated=False
    )
    made.after_epoch(HISTORY[0])
    assert float(rate) == pytest.approx(0.02)
    made = OfTorch(made._scheduler, optimizer, per_step=False, validated=False)
    rate.fill_(5.0)
    made.resume(1, HISTORY[:1])
    assert float(rate) == pytest.approx(0.02)


def test_too_few_steps_are_an_error_with_a_way_out():
    scheduler, _ = new("one cycle", True, False)
    scheduler.after_steps(18)
    scheduler.before_step(1.0)
    with pytest.raises(ConfigError, match="OneCycleLR fails after a step.*as many steps"):
        scheduler.after_steps(1)
        scheduler.before_step(1.0)


def test_rates_are_set_from_the_first_ones():
    optimizer = optimizer_of()
    scheduler = ByProgress(math.exp, optimizer)
    for progress in (0.0, 0.5, 1.0):
        scheduler.before_step(progress)
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([0.2 * math.exp(progress), 0.05 * math.exp(progress)])
