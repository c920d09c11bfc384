"""A run is the same to the last bit, whether its compiled steps come one by one or in series."""

import pyro
import pytest
import torch

from pyrovae.data.base import Split
from pyrovae.errors import NonFiniteError
from pyrovae.train import Callback, calls, fit, schedules
from tests.train.pairs import networks, pair, x_of

OPTIONS = {"batch_size": 10, "lr": 1e-2, "progress": False, "device": "cpu", "compile": True}


class Seen(Callback):
    """Notes the step at each call; all of them where `every_step`."""

    def __init__(self, *, every_step, stop=None):
        self.every_step, self.stop, self.steps = every_step, stop, []

    def on_step(self, loop):
        self.steps.append(loop.step)
        if self.stop is not None and loop.step >= self.stop:
            loop.request_stop()


@pytest.fixture(autouse=True)
def _graphs(interpreted, monkeypatch):
    monkeypatch.setattr(calls, "_SECONDS", 10.0)  # as long a series as may be


def run_of(x=None, *, nets=None, **options):
    pyro.clear_param_store()
    nets = nets or networks()
    run = fit(*pair(*nets), x_of(45) if x is None else x, **{"epochs": 3, **OPTIONS, **options})
    leaves = [p.detach().clone() for net in nets for p in net.parameters()]
    figures = [(e["step"], e["train"], e["grad_norm"], e["lr"]) for e in run.history]
    return leaves, figures


def assert_same(one, other):
    assert one[1] == other[1]
    assert all(torch.equal(a, b) for a, b in zip(one[0], other[0], strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ema": 0.9},
        {"schedule": "warmup_cosine"},
        {"schedule": "exponential", "clip_norm": 0.5},
        {"schedule": lambda o: _one_cycle(o)},
    ],
    ids=["plain", "ema", "by_progress", "clipped", "of_torch"],
)
def test_in_series_or_one_by_one(options):
    seen = Seen(every_step=False)
    series = run_of(callbacks=[seen], **options)
    assert_same(series, run_of(steps_per_call=1, **options))
    assert len(seen.steps) < 15 and seen.steps[-1] == 15, "the steps came one by one"


def test_a_number_of_steps_in_one_graph_is_the_run_up_to_rounding():
    (leaves, figures), (others, again) = run_of(), run_of(steps_per_call=2)
    torch.testing.assert_close(leaves, others, rtol=1e-4, atol=1e-6)
    assert [f[1] for f in figures] == pytest.approx([f[1] for f in again], rel=1e-5)


def test_a_callback_sees_every_step():
    seen = Seen(every_step=True)
    assert_same(run_of(callbacks=[seen]), run_of())
    assert seen.steps == list(range(1, 16))


@pytest.mark.parametrize("stop", [2, 5, 8])
def test_a_resumed_run_is_the_same(stop, tmp_path):
    run_of(run_dir=tmp_path, callbacks=[Seen(every_step=True, stop=stop)])
    assert_same(run_of(run_dir=tmp_path, resume=True), run_of(steps_per_call=1))


def test_draws_of_a_dynamic_split_are_the_same():
    x = Split(torch.rand(70, 6), dynamic=True)
    found = []
    for count in (1, "auto"):
        found.append(run_of(x, steps_per_call=count))
    assert_same(*found)


def test_a_schedule_that_changes_more_than_rates():
    class Decay(torch.optim.lr_scheduler.LRScheduler):
        """Raises the decay of weights at the seventh step, which a graph holds fast."""

        def get_lr(self):
            for group in self.optimizer.param_groups:
                group["weight_decay"] = 0.5 if self.last_epoch >= 6 else 0.0
            return [group["lr"] for group in self.optimizer.param_groups]

    options = {"schedule": schedules.PerStep(Decay), "optimizer": "adamw"}
    assert_same(run_of(**options), run_of(steps_per_call=1, **options))


class Refilled:
    """A source that writes each batch into the same tensor."""

    num_data = 40

    def __init__(self):
        self.x, self.buffer = x_of(40), torch.empty(10, 6)

    def __len__(self):
        return 4

    def epoch(self, epoch, start=0):
        for i in range(start, 4):
            yield self.buffer.copy_(self.x[10 * i : 10 * i + 10])


@pytest.mark.parametrize(
    ("source", "options"),
    [(Refilled, {}), (lambda: None, {"transform": lambda x: x + torch.randn_like(x)})],
    ids=["one_tensor", "draws"],
)
def test_a_batch_that_must_not_be_read_ahead(source, options):
    seen = Seen(every_step=False)
    assert_same(
        run_of(source(), callbacks=[seen], **options),
        run_of(source(), steps_per_call=1, **options),
    )
    assert seen.steps[0] == 1


def test_batches_of_one_graph_are_copied():
    class Fresh(Refilled):
        def epoch(self, epoch, start=0):
            return (batch.clone() for batch in super().epoch(epoch, start))

    assert_same(run_of(Refilled(), steps_per_call=2), run_of(Fresh(), steps_per_call=2))


@pytest.mark.parametrize("bad", [0, 2])
def test_a_step_that_is_not_finite_is_told_from_those_before_it(bad):
    class Large(Callback):
        """Rows of one batch in the second epoch overflow; the graph is in use by then."""

        every_step = False

        def on_epoch(self, loop):
            x[order[10 * bad : 10 * bad + 10]] = 1e30

    order = _order(45, epoch=1)
    told, left = [], []
    for count in (1, "auto"):
        x, nets = x_of(45), networks()
        with pytest.raises(NonFiniteError) as caught:
            run_of(x, nets=nets, steps_per_call=count, callbacks=[Large()])
        told.append(str(caught.value))
        left.append([p.detach().clone() for net in nets for p in net.parameters()])
    assert f"epoch 2, batch {bad} (of 5, from 0)" in told[0] and told[0] == told[1]
    assert all(torch.equal(a, b) for a, b in zip(*left, strict=True))


def _order(count, epoch):
    from pyrovae.data import batches

    return torch.cat([b for (b,) in batches(torch.arange(count), 10, device="cpu").epoch(epoch)])


def test_a_schedule_needs_no_second_graph(monkeypatch):
    from pyrovae.capture import captured

    traced, trace = [], captured.trace
    monkeypatch.setattr(captured, "trace", lambda *a, **k: traced.append(1) or trace(*a, **k))
    run_of(schedule="cosine")
    assert traced == [1]


def _one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-2, total_steps=15, cycle_momentum=False
    )
