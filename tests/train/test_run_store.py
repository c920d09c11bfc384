"""What is stored of a run: the state of its objective, its best, its history."""

import json

import pyro
import pytest
import torch

from pyrovae.data import DiscreteLatent
from pyrovae.errors import CheckpointError, ConfigError
from pyrovae.math import log_mean_exp
from pyrovae.objectives import ELBO, IWAE, REINFORCE, ParticleELBO
from pyrovae.train import fit
from pyrovae.train.checkpoint_file import read_checkpoint, write_checkpoint
from pyrovae.train.loop import Loop
from pyrovae.train.placement import place
from pyrovae.train.run_store import RunStore
from pyrovae.train.step.svi import SVI
from tests.train.pairs import QUIET, Log, same


def trained(folder, objective, *, stop_at=None, resume=False, dtype=torch.float32):
    """Parameters and the objective's state after two epochs of four steps, or part of them."""
    pyro.clear_param_store()
    made = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=0).to(dtype)
    x = made.sample(32, seed=1).to(dtype)
    fit(
        made.model, made.guide, x, objective=objective, epochs=2, batch_size=8, lr=1e-2,
        run_dir=folder, resume=resume, callbacks=[Log(stop_at)], **QUIET,
    )  # fmt: skip
    return [p.detach() for p in made.parameters()] + [objective._past]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("stop_at", [3, 4, 6])
def test_a_moving_average_is_resumed_bit_for_bit(stop_at, dtype, tmp_path):
    expected = trained(tmp_path / "whole", REINFORCE(2), dtype=dtype)
    parts = tmp_path / "parts"
    stopped = trained(parts, REINFORCE(2), stop_at=stop_at, dtype=dtype)
    assert not same(expected, stopped)
    resumed = trained(parts, REINFORCE(2), resume=True, dtype=dtype)
    assert same(expected, resumed)


def without_its_state(path):
    tensors, meta = read_checkpoint(path)
    kept = {n: t for n, t in tensors.items() if not n.startswith("objective/")}
    assert len(kept) == len(tensors) - 1
    del meta["versions"]
    write_checkpoint(path, kept, meta)


def test_a_checkpoint_without_its_objectives_state_is_refused(tmp_path):
    trained(tmp_path, REINFORCE(2), stop_at=3)
    without_its_state(tmp_path / "last.safetensors")
    with pytest.raises(CheckpointError, match="keeps .*'past'.* the state to load is empty"):
        trained(tmp_path, REINFORCE(2), resume=True)


def test_the_state_of_another_objective_changes_nothing(tmp_path):
    trained(tmp_path, REINFORCE(2), stop_at=3)
    x = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=0).float().sample(32, seed=1).float()
    made = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=3).float()
    before = [p.detach().clone() for p in made.parameters()]
    with pytest.raises(CheckpointError, match="baseline='average'.* one has .*baseline='none'"):
        fit(
            made.model, made.guide, x, batch_size=8, epochs=2,
            objective=REINFORCE(2, baseline="none"), run_dir=tmp_path, resume=True, **QUIET,
        )  # fmt: skip
    assert same(before, [p.detach() for p in made.parameters()])


class Scaled(ParticleELBO):
    """A user's estimator with a state of two tensors."""

    def __init__(self, num_particles=1):
        super().__init__(num_particles)
        self.steps, self.seen = torch.zeros((), dtype=torch.int64), torch.zeros(3)

    def bound(self, p):
        return log_mean_exp(p.log_w)

    def surrogate(self, p):
        self.steps += 1
        self.seen[0] += p.log_w.detach().mean()
        return self.bound(p) * (1 + 0.1 * torch.tanh(self.seen[0]))

    def state_dict(self):
        return {"steps": self.steps, "seen": self.seen}


def test_a_users_objective_has_a_state_by_one_method():
    one, other = Scaled(), Scaled()
    one.steps += 4
    one.seen += 0.5
    kept = other.seen
    other.load_state_dict(one.state_dict())
    assert other.steps == 4 and other.seen is kept and (kept == 0.5).all()
    with pytest.raises(CheckpointError, match=r"Scaled.* keeps .*'seen': \[3\].* is .*'seen'"):
        other.load_state_dict({"seen": torch.zeros(3)})
    with pytest.raises(CheckpointError, match="keeps no state between steps"):
        ELBO().load_state_dict(one.state_dict())
    assert ELBO().state_dict() == {} and REINFORCE(2, baseline="none").state_dict() == {}


@pytest.fixture
def store(tmp_path):
    made = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=0).float()
    x = made.sample(8, seed=1).float()
    inventory, _ = place(made.model, made.guide, (x,), torch.device("cpu"))
    adam = torch.optim.Adam(inventory.leaves.values(), lr=1e-2)
    svi = SVI(made.model, made.guide, adam, IWAE(2))
    svi.optimizer.cover(inventory.leaves)
    svi.step(x)
    loop = Loop(made.model, made.guide, svi.optimizer, 2, 4, tmp_path, torch.device("cpu"))
    return RunStore(loop, inventory, IWAE(2), {"seed": 0}, seconds=1000.0)


def test_a_checkpoint_is_due_after_its_time(store):
    assert not store.save_due
    store.seconds = 0.0
    assert store.save_due and store.last is None
    store.save_last()
    assert store.last == store.loop.run_dir / "last.safetensors"


def test_brings_back_parameters_optimiser_and_place(store):
    leaves = store.inventory.leaves
    store.loop.record(torch.tensor(3.0), torch.tensor(2.0), 8)
    store.save_last()
    saved = {n: t.detach().clone() for n, t in leaves.items()}
    store.loop.record(torch.tensor(1.0), torch.tensor(1.0), 8)
    for leaf in leaves.values():
        leaf.data.zero_()
    random_state = store.resume()
    assert all(torch.equal(saved[n], t) for n, t in leaves.items())
    assert (store.loop.epoch, store.loop.batch, store.loop.step) == (1, 1, 1)
    assert torch.equal(random_state.torch, torch.get_rng_state())


def test_refuses_the_run_of_other_facts(store):
    store.save_last()
    store.identity = {"seed": 1}
    with pytest.raises(CheckpointError, match="run with seed=0, this one has seed=1"):
        store.resume()


@pytest.mark.parametrize("kept", [True, False])
def test_the_best_is_kept_in_the_folder_or_in_memory(store, kept):
    if not kept:
        store.loop.run_dir = None
    with pytest.raises(CheckpointError, match="none is the best"):
        store.load_best()
    store.save_best()
    store.loop.best = {"epoch": 1, "val": None}
    saved = {n: t.detach().clone() for n, t in store.inventory.leaves.items()}
    for leaf in store.inventory.leaves.values():
        leaf.data.add_(1.0)
    store.load_best()
    assert all(torch.equal(saved[n], t) for n, t in store.inventory.leaves.items())


def test_the_history_is_lines_of_json(store):
    store.start_over()
    path = store.loop.run_dir / "history.jsonl"
    assert path.read_text() == ""
    store.loop.history.append({"epoch": 1, "train": -2.5})
    store.append_history()
    assert [json.loads(line) for line in path.read_text().splitlines()] == store.loop.history


def test_starting_over_removes_what_an_earlier_run_left(store):
    store.save_last()
    store.save_best()
    store.start_over()
    assert [p.name for p in store.loop.run_dir.iterdir()] == ["history.jsonl"]


def test_a_folder_that_cannot_be_made_is_an_error(store, tmp_path):
    (tmp_path / "file").write_text("")
    store.loop.run_dir = tmp_path / "file"
    with pytest.raises(ConfigError, match="cannot be written to .* another folder"):
        store.start_over()
