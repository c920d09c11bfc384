"""The captured step is the eager step: every objective, every style of pair, every setting."""

import copy
import math
import sys
import warnings
from copy import deepcopy
from functools import partial
from itertools import islice

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import (
    RenyiELBO,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
    config_enumerate,
)
from torch import nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from pyrovae import trainable
from pyrovae.capture import Captured
from pyrovae.data import LinearGaussian, batches
from pyrovae.errors import CaptureWarning, ConfigError, NonFiniteError
from pyrovae.objectives import ELBO, IWAE, STL, Beta, DReG
from pyrovae.train import SVI, Callback, fit
from pyrovae.train.step import compiled
from pyrovae.train.step.compiled import CompiledStep
from tests.objectives.test_contract import OBJECTIVES, _mode
from tests.pairs import STYLES

pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


@pytest.fixture
def interpreted(monkeypatch):
    """The graph as torch interprets it: the same operations, without the compiler's seconds."""
    monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=None))


@pytest.fixture
def nearly(monkeypatch):
    """Graphs whose steps are not the eager ones to the last bit, as compiled ones are not."""

    def compiler(graph, tensors):
        def code(*tensors):
            found = graph(*tensors)
            for tensor in tensors:
                if tensor.requires_grad:
                    tensor.add_(1e-13)
            return found

        return code

    monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=compiler))


@pytest.fixture
def inductor():
    """Compiled for real."""


def run_of(style, objective, optim=None, steps=4, **options):
    pyro.clear_param_store()
    pair = STYLES[style](torch.float64)
    optim = optim or pyro.optim.Adam({"lr": 1e-2})
    with _mode(pair):
        svi = SVI(pair.model, pair.guide, optim, objective, **options)
        pyro.set_rng_seed(5)
        losses = [svi.step(*pair.args) for _ in range(steps)]
    return losses, list(svi.optimizer.leaves.values()), svi


def assert_same_run(style, make, optim=None, steps=4, **options):
    optim = optim or (lambda: pyro.optim.Adam({"lr": 1e-2}))
    losses, leaves, _ = run_of(style, make(), optim(), steps, **options)
    again, others, svi = run_of(style, make(), optim(), steps, compile=True, **options)
    assert svi._compiled.captured.refusal == ""
    torch.testing.assert_close(again, losses, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(others, leaves, rtol=1e-7, atol=1e-9)
    return svi


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("make", OBJECTIVES)
def test_every_objective_on_every_pair(interpreted, make, style):
    # Plain gradient descent moves the leaves by the gradient itself.
    assert_same_run(style, make, lambda: pyro.optim.SGD({"lr": 1e-3}), steps=3)


@pytest.mark.parametrize("style", ["param_functions", "convolutions"])
def test_sequential_particles(interpreted, style):
    assert_same_run(style, lambda: IWAE(3, vectorize_particles=False))


OPTIMIZERS = {
    "Adam": lambda: pyro.optim.Adam({"lr": 1e-2, "weight_decay": 0.1}),
    "AdamW": lambda: pyro.optim.AdamW({"lr": 1e-2}),
    "SGD": lambda: pyro.optim.SGD({"lr": 1e-3, "momentum": 0.9}),
    "one rate each": lambda: pyro.optim.Adam(lambda name: {"lr": 1e-2 if "w" in name else 1e-3}),
    "not known": lambda: pyro.optim.RMSprop({"lr": 1e-3}),
    "nor this": lambda: pyro.optim.ClippedAdam({"lr": 1e-2, "lrd": 0.9}),
}


@pytest.mark.parametrize("options", [{}, {"clip_norm": 1.0}], ids=["free", "clipped"])
@pytest.mark.parametrize("optim", OPTIMIZERS)
def test_every_optimizer(interpreted, optim, options):
    assert_same_run("module_functions", ELBO, OPTIMIZERS[optim], **options)


def test_clipping_by_value(interpreted):
    clip = {"clip_value": 0.05}
    assert_same_run("param_functions", ELBO, lambda: pyro.optim.Adam({"lr": 1e-2}, clip))


def test_compiled_for_real():
    svi = assert_same_run("module_functions", lambda: DReG(3), steps=6)
    assert svi._compiled.captured.seconds > 0


@pytest.mark.parametrize(
    "loss",
    [
        Trace_ELBO,
        lambda: Trace_ELBO(num_particles=3),
        lambda: Trace_ELBO(num_particles=3, vectorize_particles=True, max_plate_nesting=1),
        TraceMeanField_ELBO,
        lambda: TraceMeanField_ELBO(num_particles=3, vectorize_particles=True),
    ],
)
@pytest.mark.parametrize("style", ["module_functions", "subsampled_plate", "scaled_pair"])
def test_losses_of_pyro_have_an_equal(interpreted, loss, style):
    assert_same_run(style, loss)


def test_enumerated_latents(interpreted):
    nets = [nn.Linear(*sizes).double() for sizes in ((5, 3), (3, 5), (5, 4), (2, 5))]

    def model(x):
        pyro.module("decoders", nn.ModuleList(nets[1::2]))
        with pyro.plate("data", len(x)):
            y = pyro.sample("y", dist.OneHotCategorical(x.new_ones(3) / 3))
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(nets[1](y) + nets[3](z), 1.0).to_event(1), obs=x)

    @config_enumerate
    def guide(x):
        pyro.module("encoders", nn.ModuleList(nets[::2]))
        loc, log_scale = nets[2](x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.OneHotCategorical(logits=nets[0](x)))
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    start, runs = [net.state_dict() for net in deepcopy(nets)], []
    for compile in (False, True):
        pyro.clear_param_store()
        for net, state in zip(nets, start, strict=True):
            net.load_state_dict(state)
        loss = TraceEnum_ELBO(max_plate_nesting=1, num_particles=2)
        svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), loss, compile=compile)
        pyro.set_rng_seed(1)
        runs.append([svi.step(ORACLE.sample(4, seed=seed)) for seed in range(5)])
    assert svi._compiled.captured.refusal == ""
    assert runs[1] == pytest.approx(runs[0], rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (lambda: RenyiELBO(num_particles=2, vectorize_particles=True), "RenyiELBO has no diff"),
        (TraceGraph_ELBO, "TraceGraph_ELBO|value of a tensor"),
    ],
)
def test_others_of_pyro_run_eagerly_and_say_so(interpreted, loss, reason):
    losses, _, _ = run_of("module_functions", loss())
    with pytest.warns(CaptureWarning, match=reason) as caught:
        again, _, _ = run_of("module_functions", loss(), compile=True)
    assert again == losses and len(caught) == 1


def test_a_latent_without_a_sampler_has_no_equal_under_trace_elbo(interpreted):
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Bernoulli(0.4))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        logits = pyro.param("logits", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Bernoulli(logits=logits))

    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), Trace_ELBO(), compile=True)
    with pytest.warns(CaptureWarning, match="site 'z' .* objectives.ELBO or VIMCO"):
        for _ in range(3):
            svi.step(torch.randn(4))


ORACLE = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0, dtype=torch.float64)


def test_noise_is_new_at_every_step(interpreted):
    x = ORACLE.sample(4, seed=1)
    optim = pyro.optim.SGD({"lr": 0.0})
    svi = SVI(ORACLE.model, ORACLE.guide, optim, ELBO(), compile=True)
    losses = torch.tensor([svi.step(x) for _ in range(400)])
    exact = -ORACLE.elbo(x).sum()
    error = losses.std() / math.sqrt(len(losses))
    assert abs(losses.mean() - exact) < 4 * error
    assert len(losses.unique()) == 400


def test_weights_and_rates_take_effect(interpreted):
    weight = torch.tensor(0.0, dtype=torch.float64)
    optim = pyro.optim.SGD({"lr": 0.0})
    x = ORACLE.sample(4, seed=1)
    svi = SVI(ORACLE.model, ORACLE.guide, optim, Beta(weight), compile=True)
    for _ in range(3):
        svi.step(x)
    eager = SVI(ORACLE.model, ORACLE.guide, pyro.optim.SGD({"lr": 0.0}), Beta(weight))
    for value in (0.5, 3.0):
        weight.fill_(value)
        pyro.set_rng_seed(1)
        found = svi.step(x)
        pyro.set_rng_seed(1)
        assert found == pytest.approx(eager.step(x), rel=1e-12)
    leaf = next(iter(svi.optimizer.leaves.values()))
    before = leaf.detach().clone()
    svi.step(x)
    assert torch.equal(leaf, before)
    svi.optimizer.torch.param_groups[0]["lr"] = 1e-3
    svi.step(x)
    assert not torch.equal(leaf, before)


def test_a_number_that_changes_makes_another_graph(interpreted):
    objective, x = Beta(1.0), ORACLE.sample(4, seed=1)
    svi = SVI(ORACLE.model, ORACLE.guide, pyro.optim.SGD({"lr": 0.0}), objective, compile=True)
    losses = []
    for beta in (1.0, 5.0):
        objective.beta = beta
        for _ in range(4):
            pyro.set_rng_seed(1)
            losses.append(svi.step(x))
    assert len(set(losses[:4])) == 1 and len(set(losses[4:])) == 1
    assert losses[0] != pytest.approx(losses[4])


def test_a_state_that_is_loaded_amid_the_run_is_gone_on_with(interpreted):
    x, ends = ORACLE.sample(4, seed=1), []
    for compile in (False, True):
        pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0, dtype=torch.float64)
        leaves = trainable(pair.model, pair.guide, x)
        optim = torch.optim.Adam(leaves.values(), lr=1e-2)
        svi = SVI(pair.model, pair.guide, optim, ELBO(), compile=compile)
        pyro.set_rng_seed(1)
        for step in range(12):
            if step == 4:
                kept = copy.deepcopy(optim.state_dict())
            if step == 8:
                optim.load_state_dict(kept)
            svi.step(x)
        assert all(state["step"] == 8 for state in optim.state.values())
        ends.append([leaf.detach().clone() for leaf in leaves.values()])
    torch.testing.assert_close(*ends)


@pytest.mark.parametrize(
    "other", [lambda x, y: {"b": x, "a": y}, lambda x, y: ({"a": x}, y)], ids=["names", "nesting"]
)
def test_batches_of_another_structure_are_another_graph(interpreted, other):
    def pair(*batch):
        weight = pyro.param("w", torch.ones(()))
        first = batch[0]
        if isinstance(first, dict):  # of other meaning by its names
            scale = 2.0 if "b" in first else 3.0
            rows = next(iter(first.values()))
        else:
            scale, rows = 5.0, first[0]["a"]
        return weight, scale, rows

    def model(*batch):
        weight, scale, rows = pair(*batch)
        with pyro.plate("data", len(rows)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(weight * z, scale), obs=rows)

    def guide(*batch):
        loc = pyro.param("loc", torch.zeros(()))
        with pyro.plate("data", len(pair(*batch)[2])):
            pyro.sample("z", dist.Normal(loc, 1.0))

    x, y = torch.randn(2, 4)
    losses = []
    for compile in (False, True):
        pyro.clear_param_store()
        optim = pyro.optim.SGD({"lr": 0.0})
        svi = SVI(model, guide, optim, ELBO(), compile=compile)
        found = []
        for batch in [{"a": x, "b": y}] * 4 + [other(x, y)] * 4:
            pyro.set_rng_seed(1)
            found.append(svi.step(batch))
        losses.append(found)
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


def test_after_a_bad_step_nothing_moves_until_somebody_looks(interpreted):
    x = ORACLE.sample(4, seed=1)
    optim = pyro.optim.Adam({"lr": 1e-2})
    svi = SVI(ORACLE.model, ORACLE.guide, optim, ELBO(), compile=True)
    for _ in range(3):
        assert svi.step_if_finite(x).taken
    kept = [leaf.detach().clone() for leaf in svi.optimizer.leaves.values()]
    for batch in (x * float("nan"), x, x):
        step = svi.step_if_finite(batch)
        assert step.deferred and not step.taken
    assert all(map(torch.equal, kept, svi.optimizer.leaves.values()))


class Normalised(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.lower, self.norm, self.upper = nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 4)

    def forward(self, x):
        return self.upper(self.norm(self.lower(x)).tanh())


def with_running_statistics():
    network = Normalised().double()

    def model(x):
        weight = pyro.param("w", torch.ones(2, 5, dtype=torch.float64))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight, 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("network", network)
        loc, log_scale = network(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return network, model, guide


def test_running_statistics_are_kept(interpreted):
    statistics = []
    for compile in (False, True):
        pyro.clear_param_store()
        network, model, guide = with_running_statistics()
        svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), ELBO(), compile=compile)
        pyro.set_rng_seed(2)
        for seed in range(6):
            svi.step(ORACLE.sample(8, seed=seed))
        statistics.append([network.norm.running_mean, network.norm.running_var])
        assert network.norm.num_batches_tracked == 6
    torch.testing.assert_close(*statistics)


def test_evaluation_mode_is_another_graph(interpreted):
    network, model, guide = with_running_statistics()
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), ELBO(), compile=True)
    x = ORACLE.sample(8, seed=0)
    for _ in range(4):
        svi.step(x)
    network.eval()
    before = network.norm.running_mean.clone()
    for _ in range(4):
        svi.step(x)
    assert torch.equal(network.norm.running_mean, before)


def test_a_branch_on_the_data_runs_eagerly_with_its_line(interpreted):
    def model(x):
        weight = pyro.param("w", torch.ones(2, 5))
        scale = 1.0 if x.mean() > 0 else 2.0
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight, scale).to_event(1), obs=x)

    def guide(x):
        loc = pyro.param("loc", torch.zeros(2))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0).to_event(1))

    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), ELBO(), compile=True)
    with pytest.warns(CaptureWarning, match=r"test_compiled.py:\d+, in model, `scale = 1.0 if"):
        for _ in range(4):
            svi.step(torch.randn(4, 5))


def flow_pair(make_flow):
    flow = make_flow()

    def model(x):
        weight = pyro.param("w", torch.ones(2, 5))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight, 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("flow", flow)
        with pyro.plate("data", len(x)):
            base = dist.Normal(x.new_zeros(2), 1.0).expand([len(x), 2]).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, [flow]))

    return model, guide


def test_spline_flows_are_caught(interpreted):
    pair = flow_pair(lambda: dist.transforms.spline(2, bound=2.0))
    svi = SVI(*pair, pyro.optim.Adam({"lr": 1e-2}), ELBO(), compile=True)
    with pytest.warns(CaptureWarning, match=r"in guide, `pyro.sample\(\"z\".*boolean mask"):
        for _ in range(3):
            svi.step(torch.randn(4, 5))


@pytest.mark.parametrize("objective", [IWAE(3), DReG(3), STL(1)], ids=repr)
@pytest.mark.parametrize("make_flow", [
    lambda: dist.transforms.affine_coupling(2, [8]),
    lambda: dist.transforms.planar(2),
    lambda: dist.transforms.affine_autoregressive(2, [8]),
])  # fmt: skip
def test_flows_that_can_be_captured(interpreted, make_flow, objective):
    runs = []
    for compile in (False, True):
        pyro.clear_param_store()
        pyro.set_rng_seed(1)
        pair = flow_pair(make_flow)
        svi = SVI(*pair, pyro.optim.SGD({"lr": 1e-3}), objective, compile=compile)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*follows the plain gradient.*")
            runs.append([svi.step(torch.full((4, 5), 0.3)) for _ in range(5)])
    assert svi._compiled.captured.refusal == ""
    assert runs[0] == pytest.approx(runs[1], rel=1e-5)


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
        x[40] = float("nan")
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
        assert asked == [i / 8 for i in range(0, 8, every)]

    @pytest.mark.parametrize("count", [1, 3])
    def test_a_refused_step_is_told_from_those_before_it(self, interpreted, count):
        x = ORACLE.sample(64, seed=3)
        x[self.rows_of_batch(2)] = float("nan")
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
        with pytest.raises(ConfigError, match="steps_per_call=0, needs one or more"):
            fit(*self.pair(), ORACLE.sample(8, seed=3), **self.arguments(steps_per_call=0))

    def test_auto_goes_by_the_length_of_the_run(self, monkeypatch):
        asked = []
        monkeypatch.setattr(SVI, "prepare", lambda self, *_: asked.append(self.compile))
        monkeypatch.setattr(sys.modules["pyrovae.train.compile_ahead"], "_LONG", 6)
        x = ORACLE.sample(32, seed=3)
        fit(*self.pair(), x, **self.arguments(compile="auto", epochs=2))
        assert asked == []
        fit(*self.pair(), x, **self.arguments(compile="auto", epochs=3))
        assert asked == [True]


@pytest.mark.slow
def test_ten_thousand_steps_take_no_more_memory():
    import resource

    x = ORACLE.sample(4, seed=1)
    svi = SVI(ORACLE.model, ORACLE.guide, pyro.optim.Adam({"lr": 1e-4}), ELBO(), compile=True)
    for _ in range(500):
        svi.step(x)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10_000):
        svi.step(x)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 4_000  # kilobytes


class TestSeveralSteps:
    """`SVI.steps`: the steps of a call as one graph, and the same as one by one."""

    def batches(self, sizes=(6, 6, 6)):
        return [ORACLE.sample(n, seed=i).double() for i, n in enumerate(sizes)]

    def losses(self, svi, calls):
        pyro.set_rng_seed(5)
        return [svi.steps(call) for call in calls]

    @pytest.mark.parametrize("objective", [ELBO(2), DReG(3)])
    def test_are_the_steps_one_by_one(self, interpreted, objective):
        found = []
        for compile in (False, True):
            pyro.clear_param_store()
            pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=1)
            svi = SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 1e-2}), objective,
                      compile=compile)  # fmt: skip
            losses = self.losses(svi, [self.batches()] * 5)
            found.append((losses, [p.detach().clone() for p in pair.parameters()]))
        torch.testing.assert_close(torch.tensor(found[0][0]), torch.tensor(found[1][0]))
        for a, b in zip(found[0][1], found[1][1], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)
        graphs = svi._compiled._several._graphs
        assert [graph.trusted for key, graph in graphs.items()] == [True]

    def test_the_model_is_run_no_more(self, interpreted):
        pair, runs = LinearGaussian.random(data_dim=5, latent_dim=2, seed=1), []

        def model(x):
            runs.append(None)
            pair.model(x)

        svi = SVI(model, pair.guide, pyro.optim.Adam({"lr": 1e-2}), ELBO(), compile=True)
        self.losses(svi, [self.batches()] * 4)
        before = len(runs)
        self.losses(svi, [self.batches()] * 3)
        assert len(runs) == before

    def test_unequal_batches_are_taken_one_by_one(self, interpreted):
        calls = [self.batches((6, 6, 4)), self.batches((6, 6, 6)), self.batches((6, 4, 6))] * 2
        found = []
        for compile in (False, True):
            pyro.clear_param_store()
            pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=1)
            svi = SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 1e-2}), ELBO(),
                      compile=compile)  # fmt: skip
            found.append(torch.tensor(self.losses(svi, calls)))
        torch.testing.assert_close(*found)

    def test_a_rate_holds_from_the_next_call_on(self, interpreted):
        pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=1)
        optim = torch.optim.SGD(pair.parameters(), lr=1e-3)
        svi = SVI(pair.model, pair.guide, optim, ELBO(), compile=True)
        self.losses(svi, [self.batches()] * 4)
        optim.param_groups[0]["lr"] = 0.0
        kept = [p.detach().clone() for p in pair.parameters()]
        self.losses(svi, [self.batches()])
        assert all(torch.equal(a, b) for a, b in zip(kept, pair.parameters(), strict=True))
