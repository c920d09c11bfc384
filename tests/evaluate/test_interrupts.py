"""An interrupt of a measurement raises what was done, marked; nothing partial is returned."""

import pickle
import signal
import subprocess
import sys
from importlib import import_module
from textwrap import dedent

import pytest
import torch

import pyrovae
from pyrovae import Interrupted
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.objectives import ELBO, IWAE

PAIR = LinearGaussian.random(data_dim=4, latent_dim=2, seed=0)
X = PAIR.sample(7, seed=1)
ANNEALED = {"num_particles": 4, "num_temperatures": 3, "num_leapfrog": 2}


def stopping(at):
    """The model, interrupted where it sees a datum."""

    def model(x):
        if (x[:, 0] == X[at, 0]).any():
            raise KeyboardInterrupt
        return PAIR.model(x)

    return model


MEASURED = {
    "log_evidence": (pyrovae.log_evidence, {"num_particles": 30}, ["log_px", "k_hat", "ess"]),
    "elbo_parts": (pyrovae.elbo_parts, {"num_particles": 3}, ["elbo", "kl", "reconstruction"]),
    "ais": (pyrovae.ais, ANNEALED, ["log_px", "acceptance", "step_size"]),
    "inference_gaps": (
        pyrovae.inference_gaps,
        {"num_steps": 2, "num_particles": 5, "log_px": PAIR.log_px(X)},
        ["log_px", "elbo", "elbo_optimised"],
    ),
}


@pytest.mark.parametrize("name", MEASURED)
def test_blocks_before_the_interrupt_are_those_of_a_whole_run(name):
    measure, options, attributes = MEASURED[name]
    whole = measure(PAIR.model, PAIR.guide, X, rows=2, seed=3, **options)
    state = torch.get_rng_state()
    with pytest.raises(Interrupted, match=r"interrupted after 4 of 7 data; .*partial") as caught:
        measure(stopping(at=5), PAIR.guide, X, rows=2, seed=3, **options)
    part = caught.value.partial
    assert type(part) is type(whole) and torch.equal(torch.get_rng_state(), state)
    for attribute in attributes:
        assert torch.equal(getattr(part, attribute), getattr(whole, attribute)[:4]), attribute
    assert str(part).endswith("interrupted: 4 of 7 data") and part.interrupted
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and str(again.partial) == str(part)


def test_before_the_first_block_there_is_nothing_to_keep():
    with pytest.raises(KeyboardInterrupt) as caught:
        pyrovae.log_evidence(stopping(at=0), PAIR.guide, X, rows=2, num_particles=30)
    assert type(caught.value) is KeyboardInterrupt


def test_what_cannot_give_a_part_stays_a_plain_interrupt():
    with pytest.raises(KeyboardInterrupt) as caught:
        pyrovae.active_units(stopping(at=5), PAIR.guide, X, rows=2)
    assert type(caught.value) is KeyboardInterrupt


def test_partial_sums_count_the_data_that_were_done():
    with pytest.raises(Interrupted) as caught:
        pyrovae.elbo_parts(stopping(at=5), PAIR.guide, X, rows=2, num_particles=3, seed=3)
    alone = pyrovae.elbo_parts(PAIR.model, PAIR.guide, X[:4], rows=2, num_particles=3, seed=3)
    torch.testing.assert_close(caught.value.partial.kl_per_dim["z"], alone.kl_per_dim["z"])


class StopsAfter(ELBO):
    """Interrupted in its n-th gradient, counted over all copies."""

    left = [0]

    def loss_and_grads(self, *args, **options):
        self.left[0] -= 1
        if self.left[0] < 0:
            raise KeyboardInterrupt
        return super().loss_and_grads(*args, **options)


def test_gradients_are_those_of_fewer_draws():
    exact = {n: torch.zeros_like(p) for n, p in pyrovae.trainable(*pair(), X).items()}
    options = {"reference": exact, "keep_draws": True}
    fewer = pyrovae.gradients(*pair(), X, ELBO(), num_draws=6, **options)
    StopsAfter.left[0] = 6
    with pytest.raises(Interrupted, match="6 of 50 draws") as caught:
        pyrovae.gradients(*pair(), X, StopsAfter(), num_draws=50, **options)
    part = caught.value.partial
    assert part.num_draws == 6
    for name, mean in fewer.mean.items():
        assert torch.equal(part.mean[name], mean)
        assert torch.equal(part.variance[name], fewer.variance[name])
        assert torch.equal(part.draws[name], fewer.draws[name])
    assert part.directional_snr.keys() == fewer.directional_snr.keys()
    StopsAfter.left[0] = 1
    with pytest.raises(KeyboardInterrupt) as caught:
        pyrovae.gradients(*pair(), X, StopsAfter(), num_draws=50, **options)
    assert type(caught.value) is KeyboardInterrupt  # of one draw there is no variance


def pair():
    return PAIR.model, PAIR.guide


OPTIONS = {"num_draws": 4, "reference_draws": 4, "repeats": 1, "truth": -5.0, "progress": False}


def compared(draws_left, truth=-5.0):
    StopsAfter.left[0] = draws_left
    rows = {"a": IWAE(2), "b": ELBO(2), "c": StopsAfter()}
    return pyrovae.compare(*pair(), X, rows, **(OPTIONS | {"truth": truth}))


def test_compare_keeps_what_is_known_of_every_objective():
    whole = compared(10**9)
    used = 10**9 - StopsAfter.left[0]
    with pytest.raises(Interrupted, match="2 of 3 objectives") as caught:
        compared(used - 1)
    part = caught.value.partial
    assert [row["objective"] for row in part.rows] == ["a", "b", "c"]
    for one, other in zip(part.rows, whole.rows, strict=True):
        assert one["bound"] == other["bound"] and one["gap"] == other["gap"]
    assert part.rows[1]["guide_variance"] == whole.rows[1]["guide_variance"]
    assert [row["unfinished"] for row in part.rows] == ["", "", "gradients of 3 draws"]
    assert part.rows[2]["guide_variance"] > 0
    assert str(part).endswith("interrupted: 2 of 3 objectives")
    assert "c: interrupted: gradients of 3 draws" in str(part)
    with pytest.raises(Interrupted, match="2 of 3 objectives") as caught:
        compared(used - 4)  # before the first of its own
    (row,) = caught.value.partial.rows[2:]
    assert row["unfinished"] == "no gradients yet" and row["bound"] == whole.rows[2]["bound"]
    assert row["guide_variance"] != row["guide_variance"]
    text = str(caught.value.partial)
    assert text.splitlines()[-3].split()[-4:] == ["-"] * 4 or " -  " in text
    caught.value.partial.plot()
    assert "nan" not in caught.value.partial.to_json().lower()


class StopsAtValue(ELBO):
    """Interrupted at its n-th bound."""

    left = [0]

    def value_of(self, p):
        self.left[0] -= 1
        if not self.left[0]:
            raise KeyboardInterrupt
        return super().value_of(p)


@pytest.mark.parametrize(("at", "rows"), [(1, ["a"]), (2, ["a"]), (3, ["a", "b"])])
def test_compare_keeps_bounds_of_two_draws_or_more(at, rows):
    StopsAtValue.left[0] = at
    with pytest.raises(Interrupted, match="0 of 2 objectives") as caught:
        pyrovae.compare(*pair(), X, {"a": IWAE(2), "b": StopsAtValue(2)}, **OPTIONS)
    found = caught.value.partial.rows
    assert [row["objective"] for row in found] == rows
    assert [row["num_draws"] for row in found] == [4, at - 1][: len(rows)]
    assert "+- 0.000 (not estimated yet)" not in str(caught.value.partial)
    StopsAtValue.left[0] = 2
    with pytest.raises(KeyboardInterrupt) as caught:  # of one draw there is no error
        pyrovae.compare(*pair(), X, {"b": StopsAtValue(2)}, **OPTIONS)
    assert type(caught.value) is KeyboardInterrupt


@pytest.mark.parametrize(
    ("place", "unfinished"),
    [
        ("compare.mean_evidence", "the bound alone"),
        ("measuring.weights_of", "the bound alone"),
        ("compare.step_costs", "the bound alone"),
        ("gradient_rows.References", "no gradients yet"),
    ],
)
def test_compare_keeps_bounds_wherever_it_is_stopped(place, unfinished, monkeypatch, tmp_path):
    def stop(*args, **options):
        raise KeyboardInterrupt

    module, name = place.split(".")
    there = import_module(f"pyrovae.evaluate.comparison.{module}")
    monkeypatch.setattr(there, name, stop)
    with pytest.raises(Interrupted, match="0 of 2 objectives") as caught:
        pyrovae.compare(*pair(), X, {"a": IWAE(2), "b": ELBO(2)}, **OPTIONS)
    part = caught.value.partial
    assert {row["unfinished"] for row in part.rows} == {unfinished}
    knows_truth = place != "compare.mean_evidence"
    assert all((row["gap"] == row["gap"]) is knows_truth for row in part.rows)
    assert f"b: interrupted: {unfinished}" in str(part)
    part.plot().savefig(tmp_path / "t.png")
    part.to_csv(tmp_path / "t.csv")


def test_compare_training_keeps_the_runs_that_are_done():
    def make():
        return LinearGaussian.random(data_dim=4, latent_dim=2, seed=3)

    def on_run(name, seed, nll):
        done.append(nll)
        if len(done) == 3:
            raise KeyboardInterrupt

    done = []
    with pytest.raises(Interrupted, match="3 of 4 runs") as caught:
        pyrovae.compare_training(
            make, X, {"a": ELBO(), "b": IWAE(2)}, epochs=1, seeds=(0, 1), test=X,
            num_particles=10, device="cpu", progress=False, on_run=on_run,
        )  # fmt: skip
    first, second = caught.value.partial.rows
    assert first["nll_by_seed"] == [done[0], done[2]] and second["nll_by_seed"] == [done[1]]
    assert second["difference"] == pytest.approx(done[1] - done[0])
    assert "interrupted: 3 of 4 runs" in str(caught.value.partial)


SCRIPT = """
    import sys, time, torch, pyrovae
    from pyrovae.data.synthetic import LinearGaussian

    pair = LinearGaussian.random(data_dim=4, latent_dim=2, seed=0)
    x = pair.sample(400, seed=1)

    def model(x):
        print("block", flush=True)
        time.sleep(0.02)
        return pair.model(x)

    try:
        pyrovae.log_evidence(model, pair.guide, x, rows=1, num_particles=30, seed=0)
    except pyrovae.Interrupted as stop:
        print(stop.partial.interrupted, len(stop.partial.log_px))
        raise
"""


def test_ctrl_c_ends_a_script_and_leaves_what_was_done():
    child = subprocess.Popen(
        [sys.executable, "-c", dedent(SCRIPT)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    for _ in range(12):
        assert child.stdout.readline() == "block\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    said, count = out.splitlines()[-1].rsplit(" ", 1)
    assert said == f"interrupted: {count} of 400 data" and 0 < int(count) < 400
    assert child.returncode != 0 and "Interrupted: interrupted after" in err
