"""`fit` with compiled steps: the eager run, resumed bit for bit, its errors, several steps."""

import sys
from itertools import islice

import pyro
import pytest
import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset

from pyrovae.data import batches
from pyrovae.errors import CaptureWarning, ConfigError, NonFiniteError
from pyrovae.objectives import IWAE
from pyrovae.train import SVI, Callback, fit
from pyrovae.train.step.compiled import CompiledStep
from tests.pairs import STYLES
from tests.train.step.compiled_runs import ORACLE


class Watch(Callback):
    def __init__(self):
        self.seen = []

    def on_step(self, loop):
        self.seen.append(loop.step)


class TestFit:
    def arguments(self, **options):
        options = {"epochs": 3, "batch_size": 16, "lr": 1e-2, "progress": False, **options}
        return {"objective": IWAE(2), "device": "cpu", **options}

    def test_the_run_is_the_eager_run(self, interpreted):
        x, leaves = ORACLE.sample(70, seed=3), []
        for compile in (False, True):
            pyro.clear_param_store()
            run = fit(
                *self.pair(), x, **self.arguments(compile=compile, schedule=lambda p: 1 - p / 2)
            )
            leaves.append([p.clone() for p in pyro.get_param_store().values()])
            assert run.steps == 15
        torch.testing.assert_close(leaves[0], leaves[1], rtol=1e-7, atol=1e-9)

    def pair(self):
        pair = STYLES["module_functions"](torch.float64)

        def wide(program):
            return lambda x: program(torch.nn.functional.pad(x, (0, 1)))

        return wide(pair.model), wide(pair.guide)

    @pytest.mark.parametrize(
        ("stop_after", "code", "count"),
        [(4, "interpreted", 1), (5, "inductor", 1), (9, "nearly", 1), (6, "nearly", 2)],
    )
    def test_a_resumed_run_is_the_same_bit_for_bit(
        self, tmp_path, request, stop_after, code, count
    ):
        request.getfixturevalue(code)

        class Stop(Callback):
            def on_step(self, loop):
                if loop.step == stop_after:
                    loop.request_stop()

        x, ends = ORACLE.sample(70, seed=3), []
        for folder, stops in (("whole", []), ("cut", [Stop()])):
            pyro.clear_param_store()
            options = {"compile": True, "steps_per_call": count, "run_dir": tmp_path / folder}
            fit(*self.pair(), x, **self.arguments(callbacks=stops, **options))
            if stops:
                pyro.clear_param_store()
                fit(*self.pair(), x, **self.arguments(resume=True, **options))
            ends.append([p.clone() for p in pyro.get_param_store().values()])
        assert all(torch.equal(one, other) for one, other in zip(*ends, strict=True))

    def test_a_step_that_is_not_finite_is_not_taken(self, interpreted):
        x = ORACLE.sample(64, seed=3)
        x[40] = 1e200
        kept = []

        def model(x):
            kept.append([p.detach().clone() for p in pyro.get_param_store().values()])
            return pair[0](x)

        pair = self.pair()
        with pyro.validation_enabled(False), pytest.raises(NonFiniteError, match="not finite"):
            fit(model, pair[1], x, **self.arguments(compile=True))
        assert all(p.isfinite().all() for p in pyro.get_param_store().values())

    def test_several_steps_in_a_call_are_the_run(self, interpreted, monkeypatch):
        in_one, several = [], CompiledStep.several

        def counted(step, calls):
            found = several(step, calls)
            in_one.append(len(found))
            return found

        monkeypatch.setattr(CompiledStep, "several", counted)
        x, ends = ORACLE.sample(70, seed=3), []
        for count in (1, 2):  # of five batches the last is smaller
            pyro.clear_param_store()
            watch = Watch()
            run = fit(*self.pair(), x, **self.arguments(
                compile=True, steps_per_call=count, callbacks=[watch]))  # fmt: skip
            assert watch.seen == list(range(1, 16))
            leaves = [p.clone() for p in pyro.get_param_store().values()]
            ends.append((leaves, [row["train"] for row in run.history]))
        torch.testing.assert_close(ends[0], ends[1], rtol=1e-7, atol=1e-9)
        assert in_one == [2] * 6

    @pytest.mark.parametrize("compile", [True, False])
    def test_rates_hold_for_the_steps_of_a_call(self, interpreted, compile):
        x, asked = ORACLE.sample(64, seed=3), []
        fit(*self.pair(), x, **self.arguments(compile=compile, steps_per_call=2, epochs=2,
            schedule=lambda progress: asked.append(progress) or 1.0))  # fmt: skip
        every = 2 if compile else 1
        first, *steps = asked  # it is asked once what it gives
        assert first == 0.0 and steps == [i / 8 for i in range(0, 8, every)]

    @pytest.mark.parametrize("count", [1, 3])
    def test_a_refused_step_is_told_from_those_before_it(self, interpreted, count):
        x = ORACLE.sample(64, seed=3)
        x[self.rows_of_batch(2)] = 1e200
        with pyro.validation_enabled(False), pytest.raises(NonFiniteError) as eager:
            fit(*self.pair(), x, **self.arguments())
        assert "epoch 1, batch 2 (of 4, from 0)" in str(eager.value)
        good = [p.clone() for p in pyro.get_param_store().values()]
        pyro.clear_param_store()
        with pyro.validation_enabled(False), pytest.raises(NonFiniteError) as found:
            fit(*self.pair(), x, **self.arguments(compile=True, steps_per_call=count))
        assert str(found.value) == str(eager.value)
        left = list(pyro.get_param_store().values())
        torch.testing.assert_close(left, good, rtol=1e-7, atol=1e-9)

    def rows_of_batch(self, index):
        order = batches(torch.arange(64), 16, seed=0, device="cpu").epoch(0)
        return next(islice(order, index, None))[0]

    @pytest.mark.parametrize("count", [1, 2])
    def test_batches_of_ever_other_sizes_are_taken_all_the_same(self, interpreted, count):
        x = ORACLE.sample(30, seed=3)

        class Growing(Sampler):
            epoch = 0

            def __len__(self):
                return 2

            def __iter__(self):
                assert self.epoch < 40, "looks for another batch of that size without end"
                self.epoch += 1
                rows = list(range(30))
                size = 1 + self.epoch % 13
                return iter([rows[:size], rows[size:]])

        loader = DataLoader(TensorDataset(x), batch_sampler=Growing())
        run = fit(*self.pair(), loader, **self.arguments(
            compile=True, steps_per_call=count, epochs=2))  # fmt: skip
        assert run.steps == 4

    def test_no_step_in_a_call_is_refused(self):
        with pytest.raises(ConfigError, match="steps_per_call=0, needs a whole number, one"):
            fit(*self.pair(), ORACLE.sample(8, seed=3), **self.arguments(steps_per_call=0))

    def test_auto_goes_by_the_length_of_the_run(self, interpreted, monkeypatch):
        asked = []
        monkeypatch.setattr(SVI, "prepare", lambda self, *_: asked.append(self.compile))
        monkeypatch.setattr(sys.modules["pyrovae.train.compile_ahead"], "_LONG", 6)
        x = ORACLE.sample(32, seed=3)
        fit(*self.pair(), x, **self.arguments(compile="auto", epochs=2))
        assert asked == []
        fit(*self.pair(), x, **self.arguments(compile="auto", epochs=3))
        assert asked == [True]

    def test_auto_says_nothing_of_a_step_that_cannot_be_captured(self, interpreted, monkeypatch):
        monkeypatch.setattr(sys.modules["pyrovae.train.compile_ahead"], "_LONG", 1)
        pair, x = self.pair(), ORACLE.sample(32, seed=3)

        def branching(x):
            return pair[0](x + float(x.sum() > 0))

        with pytest.warns(CaptureWarning, match="not compiled"):
            fit(branching, pair[1], x, **self.arguments(compile=True, epochs=1))
        run = fit(branching, pair[1], x, **self.arguments(compile="auto", epochs=1))
        assert run.steps == 2  # a warning would be an error
