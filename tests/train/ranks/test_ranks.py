"""Two ranks follow the run of one process; they stop, fail and come back together."""

import os
import subprocess
import sys
from pathlib import Path

import pyro
import pytest
import torch

from pyrovae.runtime.distributed import Part, Team, join

from . import rank_scenarios
from .launch import ranks_of

ROOT = Path(__file__).parents[3]
EQUAL = [
    "uneven",
    "averaged",
    "fewer_rows_than_ranks",
    "codebook",
    "scaled_by_the_plate",
    "two_losses",
    "running_baseline",
    "network_of_the_objective",
    "captured",
    "dynamic_digits",
]
TOGETHER = ["batch_norm", "one_rank_stops"]
ERRORS = ["infinite_row", "infinite_gradient", "joint_bound", "no_plate", "other_data"]


def torchrun(*words):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "--local-addr=localhost"]
    return subprocess.run(
        [*command, *words],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )


def scenarios(folder, *names, **options):
    path = Path(rank_scenarios.__file__)
    return ranks_of(path, str(folder), *names, out=folder / "printed", **options)


def found_by(folder, name, ranks=2):
    return [torch.load(folder / f"{name}-{rank}.pt") for rank in range(ranks)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two ranks found in each scenario."""
    folder = tmp_path_factory.mktemp("ranks")
    done = scenarios(folder, *EQUAL, *TOGETHER, *ERRORS, "evidence", "never_killed")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", EQUAL)
def test_two_ranks_follow_one(folder, name):
    expected = getattr(rank_scenarios, name)()
    for found in found_by(folder, name):
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", [*EQUAL, *TOGETHER])
def test_ranks_end_alike_to_the_bit(folder, name):
    one, other = found_by(folder, name)
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_running_means_are_those_of_the_whole_batch(folder):
    expected = rank_scenarios.batch_norm()["state"]
    found = found_by(folder, "batch_norm")[0]["state"]
    assert found["0.1.num_batches_tracked"] == expected["0.1.num_batches_tracked"]
    torch.testing.assert_close(
        found["0.1.running_mean"], expected["0.1.running_mean"], rtol=0.05, atol=0.05
    )


def test_one_rank_stops_all(folder):
    # The wish goes round with the next step.
    assert [found["steps"] for found in found_by(folder, "one_rank_stops")] == [3, 3]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("infinite_row", "log-density of the model's site 'x' (row 4) is not finite"),
        ("infinite_gradient", "gradient of parameter 'weight' is not finite"),
        ("joint_bound", "batch_plate=None asks for one joint bound"),
        ("no_plate", "needs a pair with one plate over data"),
        ("other_data", "rank 0 and rank 1 have another first batch"),
    ],
)
def test_both_ranks_say_the_same(folder, name, words):
    one, other = found_by(folder, name)
    assert one == other and words in one["error"]


def test_sharded_evidence_is_the_whole_one(folder):
    one, other = found_by(folder, "evidence")
    torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
    pyro.set_rng_seed(0)
    expected = rank_scenarios.evidence()
    for name in ("log_px", "k_hat", "ess", "log_px_at"):
        torch.testing.assert_close(one[name], expected[name], rtol=1e-12, atol=1e-12)


def test_a_killed_rank_ends_the_job_and_says_so(tmp_path):
    # By torchrun itself, which says who was killed.
    script = rank_scenarios.__file__.removeprefix(f"{ROOT}/")
    done = torchrun(script, str(tmp_path), "killed")
    assert done.returncode != 0
    # The rank that is left says so, unless torchrun ends it first.
    said = "RanksError" in done.stderr and "rank 0 of 2 lost the others" in done.stderr
    assert said or "closing signal SIGTERM" in done.stderr
    assert "Signal 9 (SIGKILL)" in done.stderr
    assert (tmp_path / "run" / "last.safetensors").exists()


def test_a_restarted_job_reaches_the_same_result(folder, tmp_path):
    done = scenarios(tmp_path, "killed", restarts=1)
    assert done.returncode == 0, done.stderr
    starts = {path.name: int(path.read_text()) for path in tmp_path.glob("start-*")}
    assert starts["start-0-0"] == 0 and 0 < starts["start-0-1"] == starts["start-1-1"] <= 8
    for one, other in zip(
        found_by(tmp_path, "killed"), found_by(folder, "never_killed"), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_the_command(tmp_path):
    run = tmp_path / "run"
    words = "fit --data digits --data.binarize dynamic --model.latent_dim 4 --epochs 1"
    # Without the two dashes torchrun takes `--run` for its own `--run-path`.
    words += f" --test-particles 30 --device cpu --run {run}"
    done = torchrun("-m", "--", "pyrovae", *words.split())
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained 12 steps") == 1 and "2 ranks" in done.stdout
    assert done.stdout.count("Pareto k-hat") == 1
    assert {"last.safetensors", "config.yaml", "report.json"} <= {p.name for p in run.iterdir()}
    assert len((run / "history.jsonl").read_text().splitlines()) == 1


def test_alone_nothing_is_initialised():
    assert join() == Team() and not torch.distributed.is_initialized()
    team = Team()
    x = torch.ones(2)
    team.copy_first([x])
    assert team.sum(x) is x and team.gather(3) == [3] and team.from_first(lambda: 4) == 4


@pytest.mark.parametrize("total", [0, 1, 2, 3, 7, 100])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_parts_cover_a_batch_without_overlap(total, size):
    parts = [Team(rank, size).part(total) for rank in range(size)]
    counted = [part for part in parts if part.counts]
    assert [row for p in counted for row in range(p.start, p.stop)] == list(range(total))
    assert sum(part.share for part in parts) == pytest.approx(min(total, 1))
    assert all(part == Part(0, 1, total, counts=False) for part in parts if not part.counts)
    sizes = [part.rows for part in counted]
    assert not sizes or max(sizes) - min(sizes) <= 1
