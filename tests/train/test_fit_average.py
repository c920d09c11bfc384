"""What a run with averaged parameters trains, measures, keeps and leaves."""

import functools

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pyrovae.errors import CheckpointError, NonFiniteError
from pyrovae.objectives import ELBO
from pyrovae.train import Callback, fit, load_checkpoint
from pyrovae.train.checkpoint_file import read_checkpoint, section
from tests.train.by_hand import BATCH, EPOCHS, SEED, by_hand, close, parameters
from tests.train.pairs import QUIET, Log, networks, pair, same, state, x_of

RUN = dict(objective=ELBO(), epochs=EPOCHS, batch_size=BATCH, seed=SEED, lr=1e-2, **QUIET)


def test_is_the_average_that_torch_makes():
    nets = networks()
    fit(*pair(*nets), x_of(), ema=0.9, **RUN)

    trained = networks()
    average = AveragedModel(nn.ModuleList(trained), multi_avg_fn=get_ema_multi_avg_fn(0.9))
    by_hand(
        functools.partial(torch.optim.Adam, lr=1e-2, fused=True), nets=trained,
        after_step=lambda: average.update_parameters(nn.ModuleList(trained)),
    )  # fmt: skip
    close(parameters(nets), parameters([average.module]), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(parameters(nets)[0], parameters(trained)[0], atol=1e-4)


class Remember(Callback):
    def __init__(self, nets):
        self.nets, self.states = nets, {}

    def on_epoch(self, loop):
        self.states[loop.epoch] = state(self.nets)


def test_training_itself_is_not_changed():
    """Callbacks see the parameters themselves, which are those of a run without the average."""
    seen = []
    for ema in (None, 0.9):
        pyro.clear_param_store()
        nets = networks()
        remember = Remember(nets)
        run = fit(*pair(*nets), x_of(), ema=ema, val=x_of(8), callbacks=[remember], **RUN)
        seen.append((remember.states, [entry["train"] for entry in run.history]))
    (one, trained), (other, also) = seen
    assert trained == also
    assert all(same(one[epoch], other[epoch]) for epoch in one)


def test_validation_best_and_end_have_the_average(tmp_path):
    nets, val = networks(), x_of(8)
    run = fit(*pair(*nets), x_of(), ema=0.8, val=val, run_dir=tmp_path, **RUN)
    at_the_end = state(nets)
    for name in ("last", "best"):
        pyro.clear_param_store()
        other = networks(5)
        model, guide = pair(*other)
        load_checkpoint(tmp_path / f"{name}.safetensors", model, guide, val)
        if name == "last":
            assert same(at_the_end, state(other))
        epoch = len(run.history) if name == "last" else run.best["epoch"]
        again = fit(model, guide, x_of(), objective=ELBO(), epochs=1, seed=SEED, val=val,
                    optimizer=lambda leaves: torch.optim.SGD(leaves, lr=0.0), **QUIET)  # fmt: skip
        assert again.history[0]["val"] == run.history[epoch - 1]["val"]
    tensors, meta = read_checkpoint(tmp_path / "last.safetensors")
    assert meta["ema"] == 0.8
    kept, trained = section(tensors, "parameters"), section(tensors, "trained")
    assert kept.keys() == trained.keys()
    assert not any(torch.equal(kept[name], trained[name]) for name in kept)
    run.load_best()
    best = section(read_checkpoint(tmp_path / "best.safetensors")[0], "parameters")
    assert torch.equal(best["decoder$$$weight"], nets[1].weight)


@pytest.mark.parametrize("stop_at", [1, 4, 6, 11])
def test_a_resumed_run_ends_bit_for_bit_the_same(stop_at, tmp_path):
    def train(folder, stop_at=None, resume=False):
        pyro.clear_param_store()
        nets = networks()
        run = fit(
            *pair(*nets), x_of(), ema=0.9, val=x_of(8), run_dir=folder, resume=resume,
            callbacks=[Log(stop_at)], **RUN,
        )  # fmt: skip
        kept, _ = read_checkpoint(folder / "last.safetensors")
        return state(nets), [{**e, "seconds": 0} for e in run.history], section(kept, "trained")

    whole, history, trained = train(tmp_path / "whole")
    train(tmp_path / "parts", stop_at=stop_at)
    resumed, again, also = train(tmp_path / "parts", resume=True)
    assert same(whole, resumed) and history == again
    assert same(trained.values(), also.values())
    # A run that is done leaves the average again.
    done, _, _ = train(tmp_path / "parts", resume=True)
    assert same(whole, done)


@pytest.mark.parametrize(("first", "second"), [(None, 0.9), (0.9, None), (0.9, 0.5)])
def test_another_average_is_refused_and_changes_nothing(first, second, tmp_path):
    fit(*pair(*networks()), x_of(), ema=first, run_dir=tmp_path, **{**RUN, "epochs": 1})
    nets = networks(5)
    before = state(nets)
    with pytest.raises(CheckpointError, match=f"has ema={first}, this one has ema={second}"):
        fit(*pair(*nets), x_of(), ema=second, run_dir=tmp_path, resume=True, **RUN)
    assert same(before, state(nets))


def test_parameters_of_every_style():
    """`pyro.param` with a constraint, averaged where it is unconstrained."""

    def model(x):
        scale = pyro.param("scale", torch.tensor(2.0), constraint=dist.constraints.positive)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, scale))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x[:, 0])

    def guide(x):
        loc = pyro.param("loc", torch.tensor(0.5))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0))

    class Leaves(Callback):
        def __init__(self):
            self.seen = []

        def on_step(self, loop):
            self.seen.append(
                {k: leaf.detach().clone() for k, leaf in loop.optimizer.leaves.items()}
            )

    leaves = Leaves()
    fit(model, guide, x_of(), ema=0.5, callbacks=[leaves], **RUN)
    average = leaves.seen[0]
    for values in leaves.seen[1:]:
        average = {name: 0.5 * average[name] + 0.5 * value for name, value in values.items()}
    assert pyro.param("loc").item() == pytest.approx(average["loc"].item(), rel=1e-5)
    assert pyro.param("scale").item() == pytest.approx(average["scale"].exp().item(), rel=1e-5)


def test_running_statistics_are_not_averaged():
    def nets(seed=1):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)), nn.Linear(2, 6)

    found = []
    for ema in (None, 0.9):
        pyro.clear_param_store()
        made = nets()
        fit(*pair(*made), x_of(), ema=ema, **RUN)
        found.append([buffer.clone() for buffer in made[0].buffers()])
    assert same(*found)


@pytest.mark.parametrize("steps_per_call", [1, 3])
def test_compiled_steps_are_averaged_too(steps_per_call, interpreted):
    found = []
    for compile in (False, True):
        pyro.clear_param_store()
        nets = networks()
        run = fit(
            *pair(*nets), x_of(), ema=0.9, val=x_of(8), compile=compile,
            steps_per_call=steps_per_call, **RUN,
        )  # fmt: skip
        found.append((parameters(nets), run.history))
    (one, history), (other, again) = found
    close(one, other, rtol=1e-4, atol=1e-5)
    for a, b in zip(history, again, strict=True):
        assert a["val"] == pytest.approx(b["val"], rel=1e-4)


def test_a_run_that_fails_leaves_the_parameters_themselves():
    nets = networks()

    class Break(Callback):
        def on_step(self, loop):
            self.before = state(nets)
            if loop.step == 5:
                loop.optimizer.torch.param_groups[0]["lr"] = float("inf")

    with pytest.raises(NonFiniteError):
        fit(*pair(*nets), x_of(), ema=0.9, callbacks=[Break()], **RUN)
