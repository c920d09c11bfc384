"""The loop: what it trains, measures, keeps and refuses."""

import json
import math
import random
from dataclasses import replace

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import (
    RenyiELBO,
    ReweightedWakeSleep,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
    config_enumerate,
)
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pyrovae.data import LoaderBatches, Split, arrays, batches, digits
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import (
    CheckpointError,
    ConfigError,
    NonFiniteError,
    ParameterError,
    SupportError,
)
from pyrovae.objectives import ELBO, IWAE, Beta, Renyi
from pyrovae.particles.parameters import trainable
from pyrovae.train import SVI, Callback, fit, load_checkpoint
from pyrovae.train.checkpoint_file import read_checkpoint
from pyrovae.train.optim import schedules
from tests.pairs import STYLES
from tests.train.step.test_svi import networks, pair

QUIET = {"progress": False, "device": "cpu"}


def oracle(seed=0, **options):
    return LinearGaussian.random(data_dim=5, latent_dim=2, seed=seed, **options)


def untrained(seed=0):
    """A linear-Gaussian pair whose guide starts away from the posterior."""
    true = oracle(seed)
    torch.manual_seed(9)
    return LinearGaussian(
        0.3 * torch.randn(5, 2),
        torch.zeros(5),
        1.0,
        q_loc=torch.zeros(2),
        q_scale=torch.ones(2),
        q_weight=torch.zeros(2, 5),
    ), true.sample(300, seed=1).float()


def x_of(rows=40):
    return torch.randn(rows, 6, generator=torch.Generator().manual_seed(2))


def state(nets):
    return [p.detach().clone() for net in nets for p in net.state_dict().values()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# What it trains


@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_takes_the_steps_of_svi(clip_norm):
    nets, data, source = networks(), x_of(), batches(x_of(), 16, seed=7, device="cpu")
    run = fit(
        *pair(*nets), data, objective=IWAE(2), epochs=2, batch_size=16, lr=1e-2, seed=7,
        clip_norm=clip_norm, **QUIET,
    )  # fmt: skip
    by_fit = state(nets)

    pyro.clear_param_store()
    nets = networks()
    optim = torch.optim.Adam([p for n in nets for p in n.parameters()], lr=1e-2, fused=True)
    svi = SVI(*pair(*nets), optim, IWAE(2), clip_norm=clip_norm)
    pyro.set_rng_seed(7)
    losses = [[svi.step(*batch) for batch in source.epoch(epoch)] for epoch in range(2)]
    for one, other in zip(by_fit, state(nets), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    for entry, epoch_losses in zip(run.history, losses, strict=True):
        assert entry["train"] == pytest.approx(-sum(epoch_losses) / 40, rel=1e-6)


def test_reaches_the_maximum_of_the_likelihood():
    trained, x = untrained()
    run = fit(
        trained.model, trained.guide, x, objective=ELBO(), epochs=60, batch_size=50, lr=3e-2,
        schedule=schedules.cosine(), **QUIET,
    )  # fmt: skip
    log_px = trained.log_px(x).mean().item()
    assert run.history[-1]["train"] > run.history[0]["train"]
    assert log_px - trained.elbo(x).mean().item() < 0.15
    assert run.history[-1]["train"] == pytest.approx(trained.elbo(x).mean().item(), abs=0.2)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_style_of_pair(style, dtype, tmp_path):
    made = STYLES[style](dtype)
    (x,) = made.args
    with pyro.settings.context(module_local_params=made.local_params):
        before = {
            name: leaf.detach().clone()
            for name, leaf in trainable(made.model, made.guide, x).items()
        }
        run = fit(
            made.model, made.guide, x, objective=ELBO(), epochs=2, batch_size=len(x), val=x,
            run_dir=tmp_path, **QUIET,
        )  # fmt: skip
        leaves = trainable(made.model, made.guide, x)
        assert before.keys() == leaves.keys()
        for name, leaf in leaves.items():
            assert not torch.equal(before[name], leaf), name
        assert all(math.isfinite(entry[k]) for entry in run.history for k in ("train", "val"))
        trained = {name: leaf.detach().clone() for name, leaf in leaves.items()}
        for leaf in leaves.values():
            leaf.data.zero_()
        load_checkpoint(tmp_path / "last.safetensors", made.model, made.guide, x)
        assert all(torch.equal(trained[name], leaf) for name, leaf in leaves.items())


@pytest.mark.parametrize(
    "objective",
    [
        Trace_ELBO(),
        Trace_ELBO(num_particles=2, vectorize_particles=True),
        TraceMeanField_ELBO(),
        TraceGraph_ELBO(),
        RenyiELBO(alpha=0.5, num_particles=2, vectorize_particles=True),
        ReweightedWakeSleep(num_particles=2),
        ELBO(),
        Beta(0.0),
        IWAE(3),
        Renyi(0.5, 3),
    ],
    ids=lambda objective: type(objective).__name__,
)
def test_every_objective(objective):
    nets = networks()
    before = state(nets)
    run = fit(*pair(*nets), x_of(), objective=objective, epochs=1, val=x_of(7), **QUIET)
    assert math.isfinite(run.history[0]["train"]) and math.isfinite(run.history[0]["val"])
    assert not any(torch.equal(a, b) for a, b in zip(before, state(nets), strict=True))


def test_an_enumerated_pair():
    logits = nn.Linear(6, 3)

    def model(x):
        means = pyro.param("means", torch.arange(3.0))
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(torch.ones(3)))
            pyro.sample("x", dist.Normal(means[k], 1.0), obs=x[:, 0])

    @config_enumerate
    def guide(x):
        pyro.module("logits", logits)
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Categorical(logits=logits(x)))

    objective = TraceEnum_ELBO(max_plate_nesting=1)
    run = fit(model, guide, x_of(), objective=objective, epochs=3, lr=0.1, **QUIET)
    assert run.history[-1]["train"] > run.history[0]["train"]


def test_two_pairs_of_one_name_train_side_by_side():
    alone, together = [], []
    for seed in (1, 2):
        pyro.clear_param_store()
        nets = networks(seed)
        fit(*pair(*nets), x_of(), objective=ELBO(), epochs=1, **QUIET)
        alone.append(state(nets))
    pyro.clear_param_store()
    for seed in (1, 2):
        nets = networks(seed)
        fit(*pair(*nets), x_of(), objective=ELBO(), epochs=1, **QUIET)
        together.append(state(nets))
    assert same(alone[0], together[0]) and same(alone[1], together[1])


@pytest.mark.parametrize("fused", [True, False])
def test_channels_last_weights_train_as_contiguous_ones(fused):
    results = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        pyro.clear_param_store()
        torch.manual_seed(0)
        conv = nn.Conv2d(2, 4, (2, 3)).to(memory_format=memory_format)
        encoder = nn.Sequential(nn.Unflatten(1, (2, 2, 3)), conv, nn.Flatten())
        decoder = nn.Linear(2, 12)
        x = torch.randn(40, 12, generator=torch.Generator().manual_seed(2))
        optimizer = None if fused else lambda leaves: torch.optim.Adam(leaves, lr=1e-2)
        fit(
            *pair(encoder, decoder), x, objective=Trace_ELBO(), epochs=3, lr=1e-2,
            optimizer=optimizer, **QUIET,
        )  # fmt: skip
        results.append(conv.weight.detach().clone())
    torch.testing.assert_close(results[0], results[1])


def test_an_undeclared_network_is_an_error():
    with pytest.raises(ParameterError, match="pyro.module"):
        fit(*pair(*networks(), declare=False), x_of(), objective=ELBO(), epochs=1, **QUIET)


def test_gradients_left_from_before_do_not_count():
    results = []
    for left in (False, True):
        pyro.clear_param_store()
        nets = networks()
        if left:
            sum(p.sum() for net in nets for p in net.parameters()).backward()
        fit(*pair(*nets), x_of(), objective=ELBO(), epochs=1, **QUIET)
        results.append(state(nets))
    assert same(*results)


# Data


def test_takes_whatever_holds_data():
    x = x_of()
    results = []
    for data in (x, (x,), Split(x), arrays(x, val=0, test=0), batches(x, 100, device="cpu")):
        pyro.clear_param_store()
        nets = networks()
        fit(*pair(*nets), data, objective=ELBO(), epochs=2, **QUIET)
        results.append(state(nets))
    for other in results[1:3] + results[4:]:
        assert same(results[0], other)


def test_takes_a_data_loader():
    loader = DataLoader(TensorDataset(x_of()), batch_size=16)
    run = fit(*pair(*networks()), loader, objective=ELBO(), epochs=2, val=loader, **QUIET)
    assert run.steps == 6


def test_labels_go_to_model_and_guide():
    seen = []
    model, guide = pair(*networks())

    def labelled_model(x, y):
        seen.append(y.shape)
        return model(x)

    data = Split(x_of(), torch.arange(40)).labelled()
    fit(labelled_model, lambda x, y: guide(x), data, objective=ELBO(), epochs=1, **QUIET)
    assert set(seen) == {torch.Size([40])}


def test_validates_on_the_val_of_a_dataset():
    data = arrays(x_of(50), val=10, test=10)
    assert fit(*pair(*networks()), data, objective=ELBO(), epochs=1, **QUIET).best["val"]
    without = replace(data, val=data.val[:0])
    run = fit(*pair(*networks(2)), without, objective=ELBO(), epochs=2, **QUIET)
    assert run.best == {"epoch": 2, "val": None}
    assert [entry["val"] for entry in run.history] == [None, None]


# Figures


def test_history_is_in_nats_per_datum_whatever_the_scale_and_the_batch_size():
    """N/B of a subsampled plate does not show, nor does a last batch of another size."""
    x = x_of(40)
    values = {}
    for batch_size in (40, 16):
        for size in (None, 40, 7000):
            pyro.clear_param_store()
            nets = networks()

            def plate(x, size=size):
                return pyro.plate("data", size or len(x), subsample=torch.arange(len(x)))

            def model(x, plate=plate, nets=nets):
                pyro.module("decoder", nets[1])
                with plate(x):
                    z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
                    pyro.sample("x", dist.Normal(nets[1](z), 0.8).to_event(1), obs=x)

            def guide(x, plate=plate, nets=nets):
                pyro.module("encoder", nets[0])
                loc, log_scale = nets[0](x).chunk(2, -1)
                with plate(x):
                    pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

            for objective in (Trace_ELBO(), ELBO()):
                run = fit(
                    model, guide, x, objective=objective, epochs=1, batch_size=batch_size, val=x,
                    optimizer=lambda leaves: torch.optim.SGD(leaves, lr=0.0), **QUIET,
                )  # fmt: skip
                values[batch_size, size, type(objective)] = (
                    run.history[0]["train"],
                    run.history[0]["val"],
                )
    expected = values[40, None, ELBO][0]
    for train, val in values.values():
        assert train == pytest.approx(expected, abs=1.0) and val == pytest.approx(
            expected, abs=1.0
        )
    for batch_size in (40, 16):
        for kind in (ELBO, Trace_ELBO):
            for size in (40, 7000):
                assert values[batch_size, size, kind] == pytest.approx(
                    values[batch_size, None, kind], rel=1e-5
                )


def test_history_has_the_entries_that_are_promised(tmp_path):
    run = fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=3, batch_size=16, val=x_of(8),
        lr=0.5, schedule=schedules.exponential(0.1), run_dir=tmp_path, **QUIET,
    )  # fmt: skip
    keys = ["epoch", "step", "train", "val", "lr", "grad_norm", "seconds"]
    assert [list(entry) for entry in run.history] == [keys] * 3
    assert [entry["step"] for entry in run.history] == [3, 6, 9]
    assert run.steps == 9 and run.seconds == sum(entry["seconds"] for entry in run.history)
    assert run.history[0]["lr"] == pytest.approx(0.5 * 0.1 ** (2 / 9))
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == run.history
    best = max(run.history, key=lambda entry: entry["val"])
    assert run.best == {"epoch": best["epoch"], "val": best["val"]}
    assert "3 epochs" in repr(run)


def test_validation_disturbs_nothing():
    """Noise, running statistics and dropout go on as if it had not been."""
    results = []
    for val in (None, x_of(33)):
        pyro.clear_param_store()
        torch.manual_seed(1)
        encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(0.2))
        decoder = nn.Linear(2, 6)
        fit(
            *pair(encoder, decoder), x_of(), objective=IWAE(2), epochs=3, batch_size=16, val=val,
            **QUIET,
        )  # fmt: skip
        draws = [torch.rand(1), torch.tensor(np.random.rand())]
        results.append(state((encoder, decoder)) + draws)
        assert encoder.training and encoder[2].training
    assert same(*results)


def test_validation_is_the_bound_over_all_data_in_evaluation_mode():
    values = set()
    for batch_size in (33, 10):
        pyro.clear_param_store()
        torch.manual_seed(1)
        encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(0.9))
        model, guide = pair(encoder, nn.Linear(2, 6))

        class Exact(Trace_ELBO):
            def loss(self, model, guide, x, encoder=encoder):  # no noise: batches cannot differ
                return encoder(x).sum().item()

        run = fit(
            model, guide, x_of(33), objective=ELBO(), epochs=1, batch_size=batch_size,
            val=x_of(33), val_objective=Exact(),
            optimizer=lambda leaves: torch.optim.SGD(leaves, lr=0.0), **QUIET,
        )  # fmt: skip
        encoder.eval()
        # The running statistics differ with the batch size, and the mean is over all data.
        assert run.best["val"] == pytest.approx(-encoder(x_of(33)).sum().item() / 33, rel=1e-5)
        values.add(run.best["val"])
    assert len(values) == 2


def test_validation_has_the_same_noise_every_time():
    frozen = {"optimizer": lambda leaves: torch.optim.SGD(leaves, lr=0.0)}
    run = fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=3, val=x_of(9), **frozen, **QUIET
    )
    assert len({entry["val"] for entry in run.history}) == 1
    assert len({entry["train"] for entry in run.history}) == 3


def test_the_validation_objective_is_another():
    frozen = {"optimizer": lambda leaves: torch.optim.SGD(leaves, lr=0.0)}
    vals = {}
    for name, objective in {"same": None, "other": IWAE(200)}.items():
        run = fit(
            *pair(*networks()), x_of(), objective=ELBO(), epochs=1, val=x_of(40),
            val_objective=objective, **frozen, **QUIET,
        )  # fmt: skip
        vals[name] = run.best["val"]
        pyro.clear_param_store()
    assert vals["other"] > vals["same"] + 0.1


# Random streams


def test_the_seed_decides_the_run():
    def result(seed, before):
        pyro.clear_param_store()
        nets = networks()
        torch.manual_seed(before)
        fit(*pair(*nets), x_of(), objective=ELBO(), epochs=1, batch_size=16, seed=seed, **QUIET)
        return state(nets)

    assert same(result(3, 1), result(3, 2))
    assert not same(result(3, 1), result(4, 1))
    assert same(result(None, 1), result(None, 1))
    assert not same(result(None, 1), result(None, 2))


# Optimisers and learning rates


def test_optimisers_of_all_kinds():
    results = []
    for optimizer in (
        lambda leaves: torch.optim.SGD(leaves, lr=1e-2),
        pyro.optim.SGD({"lr": 1e-2}),
        pyro.optim.SGD(lambda name: {"lr": 1e-2}),
    ):
        pyro.clear_param_store()
        nets = networks()
        fit(*pair(*nets), x_of(), objective=ELBO(), epochs=2, optimizer=optimizer, **QUIET)
        results.append(state(nets))
    nets = networks()
    optimizer = torch.optim.SGD([p for net in nets for p in net.parameters()], lr=1e-2)
    fit(*pair(*nets), x_of(), objective=ELBO(), epochs=2, optimizer=optimizer, **QUIET)
    results.append(state(nets))
    assert all(same(results[0], other) for other in results[1:])


class Rates(Callback):
    def __init__(self):
        self.rates = []

    def on_step(self, loop):
        self.rates.append([float(group["lr"]) for group in loop.optimizer.torch.param_groups])


def test_the_schedule_multiplies_every_groups_rate_at_every_step():
    rates = Rates()
    options = lambda name: {"lr": 1.0 if "weight" in name else 0.1}  # noqa: E731
    fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=2, batch_size=16,
        optimizer=pyro.optim.SGD(options), schedule=lambda progress: 1e-3 * progress,
        callbacks=[rates], **QUIET,
    )  # fmt: skip
    for step, found in enumerate(rates.rates):
        factor = 1e-3 * step / 6
        assert found == pytest.approx([factor, 0.1 * factor] * 3)


def test_a_rate_that_is_a_tensor_is_written_in_place():
    rate = torch.tensor(1e-2)
    fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=2,
        optimizer=lambda leaves: torch.optim.Adam(leaves, lr=rate),
        schedule=lambda progress: 1 - progress, **QUIET,
    )  # fmt: skip
    assert rate == pytest.approx(5e-3)


# Callbacks


class Log(Callback):
    def __init__(self, stop_at=None):
        self.calls, self.stop_at = [], stop_at

    def on_start(self, loop):
        self.calls.append(("start", loop.step, loop.total_steps, loop.progress))

    def on_step(self, loop):
        self.calls.append(("step", loop.epoch, loop.step))
        if loop.step == self.stop_at:
            loop.request_stop()

    def on_epoch(self, loop):
        self.calls.append(("epoch", loop.epoch, loop.step, len(loop.history)))

    def on_end(self, loop):
        self.calls.append(("end", loop.step))


def test_callbacks_are_called_in_turn():
    log = Log()
    fit(
        *pair(*networks()),
        x_of(),
        objective=ELBO(),
        epochs=2,
        batch_size=20,
        callbacks=[log],
        **QUIET,
    )
    assert log.calls == [
        ("start", 0, 4, 0.0),
        ("step", 1, 1),
        ("step", 1, 2),
        ("epoch", 1, 2, 1),
        ("step", 2, 3),
        ("step", 2, 4),
        ("epoch", 2, 4, 2),
        ("end", 4),
    ]


def test_a_callback_stops_the_run_within_an_epoch_and_it_can_be_resumed(tmp_path):
    def train(folder, **options):
        pyro.clear_param_store()
        nets = networks()
        run = fit(
            *pair(*nets), x_of(), objective=ELBO(), epochs=3, batch_size=10, run_dir=folder,
            **options, **QUIET,
        )  # fmt: skip
        return run, state(nets)

    whole, expected = train(tmp_path / "whole")
    log = Log(stop_at=6)
    run, _ = train(tmp_path / "stopped", callbacks=[log])
    assert run.steps == 6 and len(run.history) == 1 and log.calls[-1] == ("end", 6)
    run, found = train(tmp_path / "stopped", resume=True)
    assert run.steps == whole.steps == 12 and same(expected, found)


def test_the_end_is_called_after_an_error_too():
    log = Log()

    class Broken(Callback):
        def on_step(self, loop):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(
            *pair(*networks()), x_of(), objective=ELBO(), epochs=2, callbacks=[Broken(), log],
            **QUIET,
        )  # fmt: skip
    assert log.calls[-1][0] == "end"


# What is kept


@pytest.mark.parametrize("kept", [True, False])
def test_load_best(kept, tmp_path):
    """The rate grows until the bound gets worse: the best epoch is an early one."""

    class Remember(Callback):
        def __init__(self):
            self.states = {}

        def on_epoch(self, loop):
            self.states[loop.epoch] = state(nets)

    nets, remember = networks(), Remember()
    run = fit(
        *pair(*nets), x_of(), objective=ELBO(), epochs=8, batch_size=20, val=x_of(8),
        optimizer=lambda leaves: torch.optim.SGD(leaves, lr=1e-3), callbacks=[remember],
        schedule=lambda progress: 1 if progress < 0.5 else -1,
        run_dir=tmp_path if kept else None, **QUIET,
    )  # fmt: skip
    assert 1 < run.best["epoch"] < 8
    assert same(state(nets), remember.states[8])
    run.load_best()
    assert same(state(nets), remember.states[run.best["epoch"]])
    if kept:
        _, meta = read_checkpoint(tmp_path / "best.safetensors")
        assert meta["epoch"] == run.best["epoch"] and meta["best"] == run.best


def test_every_random_stream_is_resumed(tmp_path):
    class Draw(Callback):
        def __init__(self):
            self.drawn = []

        def on_step(self, loop):
            self.drawn.append((random.random(), np.random.randn(), torch.rand(()).item()))

    def drawn(folder, stop_at=None, resume=False):
        draw = Draw()
        random.gauss(0, 1), np.random.randn()  # each keeps half of what it drew
        fit(
            *pair(*networks()), x_of(), objective=ELBO(), epochs=2, batch_size=10, run_dir=folder,
            callbacks=[draw, Log(stop_at)], resume=resume, **QUIET,
        )  # fmt: skip
        return draw.drawn

    expected = drawn(tmp_path / "whole")
    assert drawn(tmp_path / "parts", stop_at=3) == expected[:3]
    assert drawn(tmp_path / "parts", resume=True) == expected[3:]


def test_patience_stops_the_run_and_it_stays_stopped(tmp_path):
    options = dict(
        objective=ELBO(), epochs=20, val=x_of(8), patience=2, run_dir=tmp_path,
        optimizer=lambda leaves: torch.optim.SGD(leaves, lr=0.0), **QUIET,
    )  # fmt: skip
    nets = networks()
    run = fit(*pair(*nets), x_of(), **options)
    assert len(run.history) == 3 and run.best["epoch"] == 1
    again = fit(*pair(*nets), x_of(), **options, resume=True)
    assert again.history == run.history


def test_more_epochs_continue_a_finished_run(tmp_path):
    def train(epochs, folder, **options):
        pyro.clear_param_store()
        nets = networks()
        fit(
            *pair(*nets),
            x_of(),
            objective=ELBO(),
            epochs=epochs,
            run_dir=folder,
            **options,
            **QUIET,
        )
        return state(nets)

    expected = train(4, tmp_path / "whole")
    train(2, tmp_path / "parts")
    assert same(expected, train(4, tmp_path / "parts", resume=True))


def test_a_run_that_is_not_resumed_replaces_the_one_before(tmp_path):
    options = dict(objective=ELBO(), run_dir=tmp_path, **QUIET)
    fit(*pair(*networks()), x_of(), epochs=3, **options)
    fit(*pair(*networks(2)), x_of(), epochs=1, **options)
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 1
    assert read_checkpoint(tmp_path / "best.safetensors")[1]["epoch"] == 1


def test_resuming_another_run_is_an_error_and_changes_nothing(tmp_path):
    options = dict(objective=ELBO(), epochs=1, run_dir=tmp_path, **QUIET)
    fit(*pair(*networks()), x_of(), **options)
    nets = networks(3)
    before = state(nets)
    for other, message in {
        "seed": ({"seed": 5}, "seed=0, this one has seed=5"),
        "batches": ({"batch_size": 10}, "batches_per_epoch=1, this one has batches_per_epoch=4"),
        "optimiser": (
            {"optimizer": lambda leaves: torch.optim.SGD(leaves, lr=1.0)},
            "state of a Adam",
        ),
    }.values():
        with pytest.raises(CheckpointError, match=message):
            fit(*pair(*nets), x_of(), resume=True, **{**options, **other})
    with pytest.raises(CheckpointError, match="num_data"):
        fit(*pair(*nets), x_of(39), resume=True, **options)
    torch.manual_seed(1)
    larger = nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 4)), nn.Linear(2, 6)
    with pytest.raises(CheckpointError, match="does not fit the pair"):
        fit(*pair(*larger), x_of(), resume=True, **options)
    assert same(before, state(nets))


def test_resuming_from_a_damaged_checkpoint_is_an_error(tmp_path):
    options = dict(objective=ELBO(), epochs=1, run_dir=tmp_path, **QUIET)
    fit(*pair(*networks()), x_of(), **options)
    path = tmp_path / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="damaged"):
        fit(*pair(*networks()), x_of(), resume=True, **options)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_data_loader_resumes_exactly(workers, tmp_path):
    def train(folder, stop_at=None, resume=False):
        pyro.clear_param_store()
        nets = networks()
        loader = DataLoader(
            TensorDataset(x_of()), batch_size=10, shuffle=workers == 0, num_workers=workers,
            generator=torch.Generator() if workers == 0 else None,
        )  # fmt: skip
        fit(
            *pair(*nets), LoaderBatches(loader, device="cpu"), objective=ELBO(), epochs=2,
            run_dir=folder, resume=resume, callbacks=[Log(stop_at)], **QUIET,
        )  # fmt: skip
        return state(nets)

    expected = train(tmp_path / "whole")
    train(tmp_path / "parts", stop_at=6)
    assert same(expected, train(tmp_path / "parts", resume=True))


# What it refuses


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "ELBO"}, "needs an instance"),
        ({"objective": ELBO}, "needs an instance"),
        ({"epochs": 0}, "needs one or more"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**32}, "needs a number from 0"),
        ({"patience": 3}, "no validation data"),
        ({"resume": True}, "give run_dir"),
        (
            {
                "optimizer": pyro.optim.ExponentialLR(
                    {"optimizer": torch.optim.SGD, "optim_args": {"lr": 0.1}, "gamma": 0.5}
                )
            },
            "schedule=",
        ),
        ({"optimizer": lambda leaves: "adam"}, "pyro.optim wrapper"),
    ],
)
def test_arguments_that_do_not_fit_are_errors(options, message):
    with pytest.raises(ConfigError, match=message):
        fit(*pair(*networks()), x_of(), **{"objective": ELBO(), "epochs": 1, **options}, **QUIET)


def test_a_run_dir_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written to"):
        fit(
            *pair(*networks()), x_of(), objective=ELBO(), epochs=1,
            run_dir=tmp_path / "file" / "run", **QUIET,
        )  # fmt: skip


class Poison(Callback):
    """Makes a parameter so large that the next loss overflows."""

    def __init__(self, parameter, step, value):
        self.parameter, self.step, self.value = parameter, step, value

    def on_step(self, loop):
        if loop.step == self.step:
            self.parameter.data.fill_(self.value)


@pytest.mark.parametrize(
    "objective",
    [ELBO(), IWAE(3), Trace_ELBO(), TraceMeanField_ELBO()],
    ids=lambda o: type(o).__name__,
)
@pytest.mark.parametrize(
    ("which", "value", "site"),
    [(1, 1e30, "model's site 'x'"), (0, math.nan, "guide's site 'z'")],
)
@pytest.mark.filterwarnings("ignore:Encountered")
def test_a_loss_that_is_not_finite_stops_before_the_step(objective, which, value, site, tmp_path):
    nets = networks()
    poisoned = nets[1].weight if which == 1 else nets[0][0].weight
    with pytest.raises(NonFiniteError) as caught:
        fit(
            *pair(*nets), x_of(), objective=objective, epochs=3, batch_size=10,
            callbacks=[Poison(poisoned, 6, value)], run_dir=tmp_path, **QUIET,
        )  # fmt: skip
    message = str(caught.value)
    assert "epoch 2, batch 2 (of 4, from 0)" in message and site in message
    assert str(tmp_path / "last.safetensors") in message
    untouched = nets[0] if which == 1 else nets[1]
    assert all(torch.isfinite(p).all() for p in untouched.parameters())
    assert all(p.grad is None for net in nets for p in net.parameters())
    load_checkpoint(tmp_path / "last.safetensors", *pair(*nets), x_of())
    assert all(torch.isfinite(p).all() for net in nets for p in net.parameters())


def test_a_parameter_that_is_not_finite_is_never_kept(tmp_path):
    nets = networks()
    with pytest.raises(
        NonFiniteError, match=r"'decoder\$\$\$weight' is not finite.*last.safetensors"
    ):
        fit(
            *pair(*nets), x_of(), objective=ELBO(), epochs=3, batch_size=10, run_dir=tmp_path,
            callbacks=[Poison(nets[1].weight, 6, math.inf)], checkpoint_seconds=0, **QUIET,
        )  # fmt: skip
    load_checkpoint(tmp_path / "last.safetensors", *pair(*nets), x_of())
    assert torch.isfinite(nets[1].weight).all()


def test_no_best_before_the_first_epoch_is_done():
    run = fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=3, batch_size=10,
        callbacks=[Log(stop_at=2)], **QUIET,
    )  # fmt: skip
    assert run.steps == 2 and run.best == {} and run.history == []
    with pytest.raises(CheckpointError, match="first epoch"):
        run.load_best()


def test_a_gradient_that_is_not_finite_names_the_parameter():
    weight = nn.Parameter(torch.zeros(()))

    def model(x):
        value = pyro.param("weight", weight)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            # Finite, with an infinite derivative at zero.
            pyro.sample("x", dist.Normal(z + value.abs().sqrt(), 1.0), obs=x[:, 0])

    def guide(x):
        loc = pyro.param("loc", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0))

    with pytest.raises(NonFiniteError, match="gradient of parameter 'weight'.*no checkpoint"):
        fit(model, guide, x_of(), objective=ELBO(), epochs=1, **QUIET)
    assert pyro.param("loc") == 0


def test_a_gradient_whose_norm_overflows_names_the_largest():
    def model(x):
        value = pyro.param("weight", torch.zeros(2))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z + 1e19 * value.sum(), 1.0), obs=x[:, 0] + 100)

    def guide(x):
        loc = pyro.param("loc", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0))

    with pytest.raises(NonFiniteError, match="largest at parameter 'weight'"):
        fit(model, guide, x_of(), objective=ELBO(), epochs=1, **QUIET)


def test_an_error_of_the_pair_stays_what_it_is():
    model, guide = pair(*networks())

    def broken(x):
        pyro.sample("y", dist.Normal(torch.zeros(3), -1.0))

    with pytest.raises(ValueError, match="scale"):
        fit(broken, guide, x_of(), objective=ELBO(), epochs=1, **QUIET)


def test_an_error_of_the_library_stays_what_it_is():
    model, guide = pair(*networks())

    def refusing(x):
        model(x)
        raise SupportError("grey levels")

    with pytest.raises(SupportError, match="grey levels"):
        fit(refusing, guide, x_of(), objective=ELBO(), epochs=1, **QUIET)


def test_digits_in_one_call():
    data = digits(binarize="dynamic")
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
    decoder = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 64))

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(4), 1.0).to_event(1))
            likelihood = dist.Bernoulli(logits=decoder(z)).to_event(1)
            pyro.sample("x", likelihood, obs=x.flatten(1))

    def guide(x):
        pyro.module("encoder", encoder)
        loc, log_scale = encoder(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    run = fit(model, guide, data, objective=ELBO(), epochs=15, lr=1e-2, **QUIET)
    assert run.best["val"] > run.history[0]["val"] + 3


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("style", STYLES)
def test_moves_the_pair_and_resumes_on_a_gpu(style, tmp_path):
    made = STYLES[style](torch.float32)
    with pyro.settings.context(module_local_params=made.local_params):
        before = trainable(made.model, made.guide, *made.args)
        options = dict(objective=ELBO(), run_dir=tmp_path, progress=False)
        fit(made.model, made.guide, made.args[0], epochs=1, **options)
        assert all(leaf.is_cuda for leaf in before.values())
        run = fit(made.model, made.guide, made.args[0], epochs=2, resume=True, **options)
    assert len(run.history) == 2
