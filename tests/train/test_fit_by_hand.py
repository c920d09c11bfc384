"""`fit` takes the steps of a loop written by hand, with every optimiser and scheduler."""

import functools

import pyro
import pytest
import torch
from torch.optim import lr_scheduler as torch_schedulers

from pyrovae.data import batches
from pyrovae.objectives import ELBO
from pyrovae.train import SVI, Callback, fit
from pyrovae.train.optim import schedules
from tests.train.by_hand import BATCH, EPOCHS, SEED, by_hand, close, parameters
from tests.train.pairs import QUIET, networks, pair, same, x_of

OPTIM = torch.optim


class Rates(Callback):
    def __init__(self):
        self.rates = []

    def on_step(self, loop):
        self.rates.append([group["lr"] for group in loop.optimizer.torch.param_groups])


def by_fit(**options):
    """Parameters, rates of the steps, and the run."""
    pyro.clear_param_store()
    nets, rates = networks(), Rates()
    run = fit(
        *pair(*nets), x_of(), objective=ELBO(), epochs=EPOCHS, batch_size=BATCH, seed=SEED,
        callbacks=[rates], **options, **QUIET,
    )  # fmt: skip
    return parameters(nets), rates.rates, run


# Arguments of `fit`, and what one writes with torch.
OPTIMIZERS = {
    "adam": ({"optimizer": "adam", "lr": 1e-2}, lambda p: OPTIM.Adam(p, lr=1e-2, fused=True)),
    "default": ({"lr": 1e-2}, lambda p: OPTIM.Adam(p, lr=1e-2, fused=True)),
    "default rate": ({}, lambda p: OPTIM.Adam(p, lr=1e-3, fused=True)),
    "decay": (
        {"weight_decay": 0.1, "lr": 1e-2},
        lambda p: OPTIM.AdamW(p, lr=1e-2, weight_decay=0.1, fused=True),
    ),
    "no decay": ({"weight_decay": 0.0}, lambda p: OPTIM.Adam(p, lr=1e-3, fused=True)),
    "adamw": (
        {"optimizer": "adamw", "lr": 1e-2, "weight_decay": 0.1},
        lambda p: OPTIM.AdamW(p, lr=1e-2, weight_decay=0.1, fused=True),
    ),
    "adamw as it is": ({"optimizer": "adamw"}, lambda p: OPTIM.AdamW(p, fused=True)),
    "adam with decay": (
        {"optimizer": "adam", "weight_decay": 0.1},
        lambda p: OPTIM.Adam(p, weight_decay=0.1, fused=True),
    ),
    "words": (
        {"optimizer": "sgd(momentum=0.9, nesterov=True)", "lr": 1e-3},
        lambda p: OPTIM.SGD(p, lr=1e-3, momentum=0.9, nesterov=True, fused=True),
    ),
    "nadam": ({"optimizer": "nadam", "lr": 1e-2}, lambda p: OPTIM.NAdam(p, lr=1e-2)),
    "radam": ({"optimizer": "radam"}, OPTIM.RAdam),
    "adamax": ({"optimizer": "adamax"}, OPTIM.Adamax),
    "adagrad": ({"optimizer": "adagrad"}, OPTIM.Adagrad),
    "adadelta": ({"optimizer": "adadelta"}, OPTIM.Adadelta),
    "adafactor": ({"optimizer": "adafactor"}, OPTIM.Adafactor),
    "rmsprop": ({"optimizer": "rmsprop", "lr": 1e-3}, lambda p: OPTIM.RMSprop(p, lr=1e-3)),
    "asgd": ({"optimizer": "asgd", "lr": 1e-3}, lambda p: OPTIM.ASGD(p, lr=1e-3)),
    "class": ({"optimizer": OPTIM.AdamW, "lr": 1e-2}, lambda p: OPTIM.AdamW(p, lr=1e-2)),
    "partial": (
        {"optimizer": functools.partial(OPTIM.SGD, momentum=0.9), "lr": 1e-3},
        lambda p: OPTIM.SGD(p, lr=1e-3, momentum=0.9),
    ),
    "function": (
        {"optimizer": lambda p: OPTIM.RMSprop(p, lr=1e-3, centered=True)},
        lambda p: OPTIM.RMSprop(p, lr=1e-3, centered=True),
    ),
    "pyro wrapper": (
        {"optimizer": pyro.optim.AdamW({"lr": 1e-2})},
        lambda p: OPTIM.AdamW(p, lr=1e-2),
    ),
    "pyro class": ({"optimizer": pyro.optim.Adam, "lr": 1e-2}, lambda p: OPTIM.Adam(p, lr=1e-2)),
    "pyro clipped": (
        {"optimizer": "clippedadam(clip_norm=0.5, lrd=0.9)", "lr": 1e-2},
        lambda p: pyro.optim.clipped_adam.ClippedAdam(p, lr=1e-2, clip_norm=0.5, lrd=0.9),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers(name):
    given, make = OPTIMIZERS[name]
    found, _, _ = by_fit(**given)
    nets, _, _ = by_hand(make)
    close(found, parameters(nets), rtol=1e-5, atol=1e-6)
    # A step of this size would be seen.
    assert max(float((a - b).abs().max()) for a, b in zip(
        found, parameters(networks()), strict=True)) > 1e-5  # fmt: skip


@pytest.mark.parametrize("name", ["adamw", "class", "partial", "pyro class", "nadam"])
def test_svi_takes_the_same(name):
    given, _ = OPTIMIZERS[name]
    found, _, _ = by_fit(**given)
    pyro.clear_param_store()
    nets = networks()
    options = dict(given)
    svi = SVI(*pair(*nets), options.pop("optimizer"), ELBO(), **options)
    pyro.set_rng_seed(SEED)
    for epoch in range(EPOCHS):
        for batch in batches(x_of(), BATCH, seed=SEED, device="cpu").epoch(epoch):
            svi.step(*batch)
    close(found, parameters(nets), rtol=1e-5, atol=1e-6)


def test_svi_follows_pyros_own_with_a_torch_class():
    losses = {}
    for make in (
        lambda nets: SVI(*pair(*nets), torch.optim.Adam, ELBO(), lr=1e-2),
        lambda nets: pyro.infer.SVI(*pair(*nets), pyro.optim.Adam({"lr": 1e-2}), ELBO()),
    ):
        pyro.clear_param_store()
        svi = make(networks())
        pyro.set_rng_seed(1)
        losses[type(svi)] = [svi.step(x_of()) for _ in range(6)]
    one, other = losses.values()
    assert one == pytest.approx(other, rel=1e-6)


T = torch_schedulers

SCHEDULERS = {
    "step": (functools.partial(T.StepLR, step_size=2, gamma=0.5), False),
    "cosine": (lambda opt: T.CosineAnnealingLR(opt, T_max=EPOCHS), False),
    "exponential": (functools.partial(T.ExponentialLR, gamma=0.7), False),
    "lambda": (lambda opt: T.LambdaLR(opt, lambda epoch: 1 / (1 + epoch)), False),
    "sequential": (
        lambda opt: T.SequentialLR(
            opt, [T.ConstantLR(opt, 0.1, total_iters=1), T.ExponentialLR(opt, 0.5)], [1]
        ),
        False,
    ),
    "one cycle": (functools.partial(T.OneCycleLR, max_lr=1e-2, total_steps=3 * EPOCHS), True),
}


@pytest.mark.parametrize("optimizer", [OPTIM.SGD, OPTIM.Adam])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers(name, optimizer):
    schedule, per_step = SCHEDULERS[name]
    make = functools.partial(optimizer, lr=1e-3)
    if optimizer is OPTIM.SGD:
        make = functools.partial(make, momentum=0.9)
    found, rates, run = by_fit(optimizer=make, schedule=schedule)
    nets, _, expected = by_hand(make, schedule, per_step=per_step)
    assert run.history[0]["lr"] == pytest.approx(expected[2][0])
    used = [entry["lr"] for entry in run.history]
    assert used == pytest.approx([rates[0] for rates in expected[2::3]])
    close(found, parameters(nets), rtol=1e-5, atol=1e-6)


def test_a_scheduler_after_every_step():
    schedule = functools.partial(T.LinearLR, start_factor=0.1, total_iters=7)
    make = functools.partial(OPTIM.SGD, lr=1e-3)
    found, _, _ = by_fit(optimizer=make, schedule=schedules.PerStep(schedule))
    nets, _, _ = by_hand(make, schedule, per_step=True)
    close(found, parameters(nets), rtol=1e-5, atol=1e-6)


def test_a_scheduler_over_the_user_s_own_optimiser():
    nets = networks()
    optimizer = OPTIM.SGD([p for net in nets for p in net.parameters()], lr=1e-3)
    fit(
        *pair(*nets), x_of(), objective=ELBO(), epochs=EPOCHS, batch_size=BATCH, seed=SEED,
        optimizer=optimizer, schedule=T.StepLR(optimizer, 1, gamma=0.5), **QUIET,
    )  # fmt: skip
    make = functools.partial(OPTIM.SGD, lr=1e-3)
    expected, _, _ = by_hand(make, functools.partial(T.StepLR, step_size=1, gamma=0.5))
    close(parameters(nets), parameters(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("per_step", [False, True])
def test_a_scheduler_of_pyro(per_step):
    arguments = {"optimizer": OPTIM.Adam, "optim_args": {"lr": 1e-2}}
    if per_step:
        wrapper = pyro.optim.OneCycleLR({**arguments, "max_lr": 1e-2, "total_steps": 12})
        schedule = functools.partial(T.OneCycleLR, max_lr=1e-2, total_steps=12)
    else:
        wrapper = pyro.optim.ExponentialLR({**arguments, "gamma": 0.5})
        schedule = functools.partial(T.ExponentialLR, gamma=0.5)
    found, _, _ = by_fit(optimizer=wrapper)
    make = functools.partial(OPTIM.Adam, lr=1e-2)
    nets, _, _ = by_hand(make, schedule, per_step=per_step)
    close(found, parameters(nets), rtol=1e-5, atol=1e-6)


def test_a_plateau_of_the_training_bound():
    schedule = functools.partial(T.ReduceLROnPlateau, patience=0, factor=0.5, threshold=10.0)
    make = functools.partial(OPTIM.SGD, lr=1e-3)
    found, _, run = by_fit(optimizer=make, schedule=schedule)
    losses = [-entry["train"] for entry in run.history]
    nets, _, rates = by_hand(make, schedule, val=lambda epoch: losses[epoch])
    assert [entry["lr"] for entry in run.history] == [rate for (rate,) in rates[::3]]
    assert run.history[-1]["lr"] < 1e-3
    close(found, parameters(nets), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_plateau_of_the_validation_bound(mode):
    """The rate falls after the epochs whose bound is not above all before."""
    rising = mode == "max"
    schedule = functools.partial(
        T.ReduceLROnPlateau, mode=mode, patience=0, factor=0.5, threshold_mode="abs", threshold=0.0
    )
    _, _, run = by_fit(
        optimizer=functools.partial(OPTIM.SGD, lr=2e-3 if rising else 3e-2), schedule=schedule,
        val=x_of(8),
    )  # fmt: skip
    rate, best, expected = run.history[0]["lr"], -float("inf"), []
    for entry in run.history:
        expected.append(rate)
        rate = rate if entry["val"] > best else rate / 2
        best = max(best, entry["val"])
    assert [entry["lr"] for entry in run.history] == pytest.approx(expected)
    assert rising or expected[-1] < expected[0]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", OPTIM.RAdam])
def test_rates_by_part_are_groups_of_torch(optimizer):
    found, _, _ = by_fit(optimizer=optimizer, lr={"decoder": 1e-3, "": 2e-3})
    cls = {"adam": OPTIM.Adam, "sgd": OPTIM.SGD}.get(optimizer, optimizer)

    def make(leaves):
        return cls([{"params": leaves[:4]}, {"params": leaves[4:], "lr": 1e-3}], lr=2e-3)

    nets, _, _ = by_hand(make)
    close(found, parameters(nets), rtol=1e-5, atol=1e-6)


def test_guide_and_model_are_parts():
    one, _, _ = by_fit(lr={"guide": 1e-2, "model": 1e-3})
    other, _, _ = by_fit(lr={"encoder": 1e-2, "decoder": 1e-3})
    assert same(one, other)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd(momentum=0.9)", "rmsprop"])
def test_a_part_with_the_rate_zero_stays(optimizer):
    found, _, _ = by_fit(optimizer=optimizer, lr={"encoder.0": 0.0, "": 1e-2}, weight_decay=0.1)
    moved = [not torch.equal(a, b) for a, b in zip(found, parameters(networks()), strict=True)]
    assert moved == [False] * 2 + [True] * 4


def test_a_schedule_multiplies_the_rates_of_parts():
    _, rates, _ = by_fit(
        lr={"encoder": 1e-2, "decoder": 1e-3}, schedule=lambda progress: 1 - progress
    )
    for step, found in enumerate(rates):
        assert found == pytest.approx([1e-2 * (1 - step / 12), 1e-3 * (1 - step / 12)])


COMPILED = {
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1, "lr": 1e-2},
    "parts": {"lr": {"encoder": 1e-2, "decoder": 1e-3}, "schedule": "cosine"},
    "nadam": {"optimizer": "nadam"},
    "scheduler": {"optimizer": "sgd", "schedule": "StepLR(step_size=1, gamma=0.5)"},
    "one cycle": {"optimizer": "adam", "schedule": "OneCycleLR(max_lr=0.01, total_steps=12)"},
    "plateau": {"schedule": "plateau(patience=0, threshold=10.0)"},
    "pyro": {
        "optimizer": lambda leaves: pyro.optim.ExponentialLR(
            {"optimizer": OPTIM.Adam, "optim_args": {"lr": 1e-2}, "gamma": 0.5}
        )
    },
}


@pytest.mark.parametrize(
    ("name", "steps_per_call"), [*((name, 1) for name in COMPILED), ("scheduler", 2)]
)
def test_compiled_steps_are_the_same(name, steps_per_call, interpreted):
    options = COMPILED[name]
    one, _, first = by_fit(**options)
    other, _, second = by_fit(**options, compile=True, steps_per_call=steps_per_call)
    assert [e["lr"] for e in first.history] == pytest.approx([e["lr"] for e in second.history])
    close(one, other, rtol=1e-4, atol=1e-5)


def test_a_scheduler_that_moves_the_momentum_needs_no_new_graphs(interpreted):
    """Python runs a few times to trace and check, and not in later steps."""
    model, guide = pair(*networks())
    calls = []

    def counted(x):
        calls.append(1)
        return model(x)

    for compile in (False, True):
        calls.append([])
        fit(
            counted, guide, x_of(), objective=ELBO(), epochs=20, batch_size=20, compile=compile,
            schedule="OneCycleLR(max_lr=0.01, total_steps=40)", **QUIET,
        )  # fmt: skip
    eager, compiled = (len(calls) for calls in split(calls))
    assert compiled < eager / 2


def split(calls):
    last = max(i for i, call in enumerate(calls) if call == [])
    return calls[1:last], calls[last + 1 :]
