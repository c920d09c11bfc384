"""What a resumed run is told anew is taken, or refused by its name."""

import json

import pyro
import pytest
import torch

from pyrovae.errors import CheckpointError, ConfigError
from pyrovae.objectives import ELBO, IWAE, Beta
from pyrovae.train import Callback, fit
from pyrovae.train.optim import schedules
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


class Stop(Callback):
    def __init__(self, step):
        self.step = step

    def on_step(self, loop):
        if loop.step == self.step:
            loop.request_stop()


def run(folder, nets=None, x=None, **options):
    pyro.clear_param_store()
    nets = nets or networks()
    options = {"epochs": 4, "batch_size": 20, "objective": ELBO(), **QUIET, **options}
    done = fit(*pair(*nets), x_of() if x is None else x, run_dir=folder, **options)
    return done, state(nets)


def rates(done):
    return [entry["lr"] for entry in done.history]


def adam(**options):
    return lambda leaves: torch.optim.Adam(leaves, **options)


def sgd(**options):
    return lambda leaves: torch.optim.SGD(leaves, **options)


def clipped(**options):
    return pyro.optim.ClippedAdam(options)


@pytest.mark.parametrize("make", [
    lambda lr: {"lr": lr},
    lambda lr: {"optimizer": adam(lr=lr)},
    lambda lr: {"optimizer": adam(lr=torch.tensor(lr), foreach=False)},
    lambda lr: {"optimizer": sgd(lr=lr, momentum=0.9)},
    lambda lr: {"optimizer": pyro.optim.Adam({"lr": lr})},
])  # fmt: skip
def test_another_rate_is_taken(make, tmp_path):
    run(tmp_path, epochs=1, **make(1e-3))
    done, found = run(tmp_path, networks(9), epochs=2, resume=True, **make(1e-5))
    assert rates(done) == pytest.approx([1e-3, 1e-5])
    again, _ = run(tmp_path, networks(9), epochs=3, resume=True, **make(1e-5))
    assert rates(again) == pytest.approx([1e-3, 1e-5, 1e-5])

    # As if the rate had been set within one run.
    class Lower(Callback):
        def on_epoch(self, loop):
            lr = loop.optimizer.torch.param_groups[0]["lr"]
            if isinstance(lr, torch.Tensor):
                lr.fill_(1e-5)
            else:
                loop.optimizer.torch.param_groups[0]["lr"] = 1e-5

    _, expected = run(None, epochs=2, callbacks=[Lower()], **make(1e-3))
    assert same(expected, found)


def test_a_rate_that_steps_have_changed_is_changed_in_proportion(tmp_path):
    run(tmp_path, epochs=2, optimizer=clipped(lr=1e-2, lrd=0.5))
    done, _ = run(tmp_path, epochs=3, resume=True, optimizer=clipped(lr=1e-3, lrd=0.5))
    assert rates(done) == pytest.approx([1e-2 / 4, 1e-2 / 16, 1e-3 / 64])


@pytest.mark.parametrize(("before", "after", "expected"), [
    (schedules.cosine(), schedules.cosine(), None),
    (schedules.cosine(), None, [1e-4, 1e-4]),
    (None, lambda progress: 0.5, [5e-5, 5e-5]),
    (lambda progress: 0.5, lambda progress: 0.25, [2.5e-5, 2.5e-5]),
])  # fmt: skip
def test_another_rate_under_a_schedule(before, after, expected, tmp_path):
    run(tmp_path, schedule=before, lr=1e-2, callbacks=[Stop(4)])
    done, _ = run(tmp_path, schedule=after, lr=1e-4, resume=True)
    if expected is None:
        whole, _ = run(None, schedule=after, lr=1e-4)
        expected = rates(whole)[2:]
    assert rates(done)[2:] == pytest.approx(expected)


@pytest.mark.parametrize("options", [
    lambda: {"lr": 1e-2},
    lambda: {"lr": 1e-2, "schedule": schedules.cosine(warmup=0.2)},
    lambda: {"optimizer": clipped(lr=1e-2, lrd=0.9)},
    lambda: {"optimizer": sgd(lr=1e-2, momentum=0.9), "schedule": schedules.cosine()},
    lambda: {"optimizer": adam(lr=1e-2, weight_decay=0.1, amsgrad=True)},
])  # fmt: skip
@pytest.mark.parametrize("stop", [3, 4])
def test_unchanged_it_is_the_same_bit_for_bit(options, stop, tmp_path):
    whole, expected = run(tmp_path / "whole", **options())
    run(tmp_path / "parts", callbacks=[Stop(stop)], **options())
    done, found = run(tmp_path / "parts", networks(9), resume=True, **options())
    assert same(expected, found) and rates(done) == rates(whole)


def test_one_optimiser_for_both_calls_goes_on(tmp_path):
    for make in (lambda: clipped(lr=1e-2, lrd=0.9), lambda: pyro.optim.Adam({"lr": 1e-2})):
        folder = tmp_path / make().pt_optim_constructor.__name__
        _, expected = run(folder / "whole", optimizer=make())
        one, nets = make(), networks()
        run(folder / "parts", nets, optimizer=one, epochs=2)
        _, found = run(folder / "parts", nets, optimizer=one, resume=True)
        assert same(expected, found)


@pytest.mark.parametrize(("first", "then", "message"), [
    ({"optimizer": adam(betas=(0.5, 0.9))}, {"optimizer": adam()}, r"betas=\[0.5, 0.9\], .*0.999"),
    ({"optimizer": adam(eps=1e-4)}, {}, "eps=0.0001, this one has eps=1e-08"),
    ({"optimizer": adam(amsgrad=True)}, {}, "amsgrad=True, this one has amsgrad=False"),
    ({"optimizer": adam(weight_decay=0.1)}, {}, "weight_decay=0.1, this one has weight_decay=0"),
    ({"optimizer": sgd(momentum=0.5)}, {"optimizer": sgd()}, "momentum=0.5, this .*=0"),
    ({"optimizer": clipped(lrd=0.5)}, {"optimizer": clipped(lrd=0.9)}, "lrd=0.5, this .*=0.9"),
    ({"optimizer": adam()}, {"optimizer": sgd()}, "state of a Adam .* has a SGD"),
    ({"objective": IWAE(2)}, {"objective": IWAE(3)}, r"particles=2.* one has .*particles=3"),
    ({"objective": Beta(2.0)}, {"objective": Beta(3.0)}, r"beta=2.0.* one has .*beta=3.0"),
    ({}, {"objective": pyro.infer.Trace_ELBO()}, r"objective=ELBO.* one has objective=Trace_ELBO"),
    ({}, {"seed": 4}, "seed=0, this one has seed=4"),
    ({"batch_size": 22}, {"batch_size": 23}, "batch_size=22, this one has batch_size=23"),
    ({}, {"x": x_of() + 1}, "data=float32 .6., checksum .* has data=float32 .6., checksum"),
    ({}, {"x": x_of(39)}, "num_data=40, this one has num_data=39"),
])  # fmt: skip
def test_what_makes_another_run_is_refused(first, then, message, tmp_path):
    run(tmp_path, epochs=1, **first)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    nets = networks(9)
    before = state(nets)
    with pytest.raises(CheckpointError, match=message):
        run(tmp_path, nets, resume=True, **then)
    assert same(before, state(nets))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_fewer_epochs_than_done_are_said(tmp_path):
    run(tmp_path, epochs=3)
    with pytest.raises(ConfigError, match="epochs=2, .* is at the end of epoch 3; ask for"):
        run(tmp_path, epochs=2, resume=True)
    assert run(tmp_path, epochs=3, resume=True)[0].steps == 6
    run(tmp_path / "within", callbacks=[Stop(5)])
    with pytest.raises(ConfigError, match="epochs=2, .* is in its epoch 3; ask for epochs=3"):
        run(tmp_path / "within", epochs=2, resume=True)


def test_what_else_changes_is_taken(tmp_path):
    run(tmp_path, epochs=1, lr=1e-2)
    other = {"clip_norm": 1e-6, "val": x_of(8), "patience": 5, "checkpoint_seconds": 0.0}
    done, _ = run(tmp_path, epochs=2, lr=1e-2, resume=True, **other)
    assert done.history[0]["val"] is None and done.history[1]["val"] is not None
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == done.history
