"""A run that is stopped and resumed ends bit for bit the same, however its rates change."""

import functools
import json

import pyro
import pytest
import torch
from torch.optim import lr_scheduler as torch_schedulers

from pyrovae.errors import CheckpointError
from pyrovae.objectives import ELBO
from pyrovae.train import fit
from pyrovae.train.optim import schedules
from tests.train.pairs import QUIET, Log, networks, pair, same, state, x_of

SGD = functools.partial(torch.optim.SGD, lr=1e-3, momentum=0.9)


def pyro_scheduler(name, **options):
    """A new wrapper in every call, as Pyro's keep their optimisers."""
    return lambda: getattr(pyro.optim, name)(
        {"optimizer": torch.optim.Adam, "optim_args": {"lr": 1e-2}, **options}
    )


CASES = {
    "adamw": dict(optimizer="adamw", weight_decay=0.1),
    "nadam": dict(optimizer="nadam"),
    "class": dict(optimizer=torch.optim.RMSprop, lr=1e-3),
    "partial": dict(optimizer=SGD),
    "parts": dict(lr={"encoder": 1e-2, "decoder.weight": 0.0, "": 1e-3}),
    "parts and words": dict(lr={"guide": 1e-2, "model": 1e-3}, schedule="warmup_cosine"),
    "bare": dict(schedule=schedules.cosine),
    "step": dict(optimizer=SGD, schedule="StepLR(step_size=1, gamma=0.5)"),
    "lambda": dict(schedule=lambda opt: torch_schedulers.LambdaLR(opt, lambda e: 1 / (1 + e))),
    "sequential": dict(
        schedule=lambda opt: torch_schedulers.SequentialLR(
            opt,
            [torch_schedulers.LinearLR(opt, 0.1), torch_schedulers.ExponentialLR(opt, 0.5)],
            milestones=[2],
        )
    ),
    "per step": dict(
        optimizer=SGD,
        schedule=schedules.PerStep(functools.partial(torch_schedulers.ExponentialLR, gamma=0.9)),
    ),
    "one cycle": dict(optimizer="adam", schedule="OneCycleLR(max_lr=0.01, total_steps=12)"),
    "one cycle, sgd": dict(optimizer=SGD, schedule="OneCycleLR(max_lr=0.01, total_steps=12)"),
    "plateau": dict(schedule="plateau(patience=0, threshold=10.0, factor=0.5)", val=x_of(8)),
    "plateau of training": dict(schedule="plateau(patience=0, threshold=10.0, factor=0.5)"),
    "pyro": dict(optimizer=pyro_scheduler("ExponentialLR", gamma=0.5)),
    "pyro, per step": dict(optimizer=pyro_scheduler("OneCycleLR", max_lr=1e-2, total_steps=12)),
    "pyro plateau": dict(
        optimizer=pyro_scheduler("ReduceLROnPlateau", patience=0, threshold=10.0), val=x_of(8)
    ),
    "all": dict(
        optimizer="adamw", lr={"encoder": 1e-2, "": 1e-3}, weight_decay=0.01, ema=0.9,
        schedule="StepLR(step_size=1, gamma=0.5)", val=x_of(8), clip_norm=2.0,
    ),
}  # fmt: skip


def train(folder, options, stop_at=None, resume=False, epochs=4, **others):
    pyro.clear_param_store()
    nets, options = networks(), {**options, **others}
    if options.get("optimizer") in [case.get("optimizer") for n, case in CASES.items()
                                    if n.startswith("pyro")]:  # fmt: skip
        options["optimizer"] = options["optimizer"]()
    run = fit(
        *pair(*nets), x_of(), objective=ELBO(), epochs=epochs, batch_size=16, run_dir=folder,
        resume=resume, callbacks=[Log(stop_at)], **options, **QUIET,
    )  # fmt: skip
    return state(nets), [{**entry, "seconds": 0} for entry in run.history]


@pytest.mark.parametrize("stop_at", [3, 7])
@pytest.mark.parametrize("name", CASES)
def test_resumed_anywhere(name, stop_at, tmp_path):
    options = CASES[name]
    expected, history = train(tmp_path / "whole", options)
    train(tmp_path / "parts", options, stop_at=stop_at)
    found, again = train(tmp_path / "parts", options, resume=True)
    assert same(expected, found)
    assert json.dumps(history) == json.dumps(again)


@pytest.mark.parametrize("name", ["step", "plateau", "parts", "all"])
def test_resumed_compiled(name, tmp_path, interpreted):
    options = {**CASES[name], "compile": True}
    expected, history = train(tmp_path / "whole", options)
    train(tmp_path / "parts", options, stop_at=7)
    found, again = train(tmp_path / "parts", options, resume=True)
    assert same(expected, found) and history == again


def rates(history):
    return [entry["lr"] for entry in history]


def test_another_scheduler_goes_on_as_if_it_had_been_there(tmp_path):
    train(tmp_path, CASES["step"], epochs=2)
    _, history = train(
        tmp_path, CASES["step"], epochs=4, resume=True, schedule="StepLR(step_size=1, gamma=0.1)"
    )
    assert rates(history) == pytest.approx([1e-3, 5e-4, 1e-5, 1e-6])


def test_a_scheduler_may_come_and_go(tmp_path):
    train(tmp_path, CASES["step"], epochs=2)
    _, history = train(tmp_path, CASES["step"], epochs=3, resume=True, schedule=None)
    assert rates(history) == pytest.approx([1e-3, 5e-4, 1e-3])
    _, history = train(tmp_path, CASES["step"], epochs=4, resume=True, schedule="linear")
    assert rates(history)[-1] == pytest.approx(1e-3 / 12)
    _, history = train(tmp_path, CASES["step"], epochs=5, resume=True)
    assert rates(history)[-1] == pytest.approx(1e-3 / 16)


def test_another_rate_under_a_scheduler(tmp_path):
    options = dict(optimizer="sgd", schedule="StepLR(step_size=1, gamma=0.5)")
    train(tmp_path, options, lr=1e-3, epochs=2)
    _, history = train(tmp_path, options, lr=1e-4, epochs=4, resume=True)
    assert rates(history) == pytest.approx([1e-3, 5e-4, 2.5e-5, 1.25e-5])


def test_other_rates_of_the_same_parts(tmp_path):
    train(tmp_path, {}, lr={"encoder": 1e-2, "": 1e-3}, epochs=1)
    _, history = train(tmp_path, {}, lr={"encoder": 1e-4, "": 1e-3}, epochs=2, resume=True)
    assert rates(history) == pytest.approx([1e-2, 1e-4])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"optimizer": "adamw"}, "state of a Adam"),
        ({"lr": {"encoder": 1e-2}}, "1 parameter groups.*with 2"),
        ({"optimizer": "adam", "weight_decay": 0.1}, "weight_decay=0"),
        ({"optimizer": "adam(eps=1e-3)"}, "eps="),
    ],
)
def test_another_optimiser_is_refused(second, message, tmp_path):
    train(tmp_path, {}, epochs=1)
    with pytest.raises(CheckpointError, match=message):
        train(tmp_path, second, epochs=2, resume=True)
