"""A run that is killed and resumed is the run that was never interrupted, bit for bit."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from pyrovae.train.checkpoint_file import read_checkpoint

PAIRS = ["with_params", "with_modules", "with_buffers"]


class Server:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("kill_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout.readline() == "ready\n"

    def train(self, pair, run_dir, *, resume=True, kill_after=None, **options):
        """Seconds that it took, and whether it was killed."""
        request = {"pair": pair, "run_dir": str(run_dir), "resume": resume, **options}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        child, started = int(self.process.stdout.readline()), time.perf_counter()
        if kill_after is not None:
            timer = threading.Timer(kill_after, os.kill, (child, signal.SIGKILL))
            timer.start()
        status = int(self.process.stdout.readline())
        if kill_after is not None:
            timer.cancel()
            timer.join()
        assert status in (0, signal.SIGKILL), f"training failed with status {status}"
        return time.perf_counter() - started, status == signal.SIGKILL

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """Uninterrupted runs by pair: folder and seconds."""
    runs = {}

    def get(pair):
        if pair not in runs:
            folder = tmp_path_factory.mktemp(pair)
            seconds, _ = server.train(pair, folder, resume=False)
            runs[pair] = folder, seconds
        return runs[pair]

    return get


def assert_same_run(one, other):
    for name in ("last.safetensors", "best.safetensors"):
        (tensors, meta), (others, other_meta) = (read_checkpoint(f / name) for f in (one, other))
        assert tensors.keys() == others.keys()
        different = [key for key in tensors if not torch.equal(tensors[key], others[key])]
        assert not different
        assert without_times(meta["history"]) == without_times(other_meta["history"])
        assert [meta[k] for k in ("epoch", "batch", "best")] == [
            other_meta[k] for k in ("epoch", "batch", "best")
        ]
        assert meta.get("optimizer") == other_meta.get("optimizer")
        assert meta.get("rng") == other_meta.get("rng")
    lines = [(f / "history.jsonl").read_text().splitlines() for f in (one, other)]
    histories = [without_times([json.loads(line) for line in part]) for part in lines]
    assert histories[0] == histories[1]
    assert [entry["epoch"] for entry in histories[0]] == [1, 2, 3, 4]


def without_times(history):
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in history]


def starts(folder):
    return [json.loads(line) for line in (folder / "starts.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("pair", PAIRS)
def test_killed_at_random_moments(pair, server, whole, tmp_path):
    folder, seconds = whole(pair)
    moments, killed = random.Random(pair), None
    for attempt in range(12):  # a machine that was busy and now is not finishes before the kill
        run = tmp_path / str(attempt)
        for _ in range(6):
            if not server.train(pair, run, kill_after=moments.uniform(0.1, 0.6) * seconds)[1]:
                break
            killed = run
        server.train(pair, run)
        assert_same_run(folder, run)
        if killed == run:
            return
        seconds /= 2
    pytest.fail("no kill met a run")


@pytest.mark.parametrize("pair", PAIRS)
def test_killed_in_the_middle_of_an_epoch(pair, server, whole, tmp_path):
    folder, _ = whole(pair)
    for kill_at in (30, 44):  # of 20 in an epoch
        assert server.train(pair, tmp_path, kill_at=kill_at, checkpoint_seconds=0)[1]
    server.train(pair, tmp_path)
    expected = [(1, 0), (2, 9), (3, 3)]
    assert [(start["epoch"], start["batch"]) for start in starts(tmp_path)] == expected
    assert_same_run(folder, tmp_path)


@pytest.mark.parametrize(
    "moment",
    [{"kill_at": 1}, {"kill_at": 20}, {"kill_at": 21}, {"kill_at_epoch": 1}, {"kill_at_epoch": 3}],
)
def test_killed_before_the_first_checkpoint_and_around_the_end_of_an_epoch(
    moment, server, whole, tmp_path
):
    folder, _ = whole("with_modules")
    assert server.train("with_modules", tmp_path, **moment)[1]
    server.train("with_modules", tmp_path)
    assert_same_run(folder, tmp_path)


@pytest.mark.parametrize("write", [1, 2, 5])
def test_killed_while_a_file_is_half_written(write, server, whole, tmp_path):
    folder, _ = whole("with_modules")
    assert server.train("with_modules", tmp_path, kill_in_write=write)[1]
    server.train("with_modules", tmp_path)
    assert_same_run(folder, tmp_path)


def test_a_finished_run_stays_as_it_is(server, whole, tmp_path):
    folder, _ = whole("with_params")
    server.train("with_params", tmp_path)
    server.train("with_params", tmp_path)
    assert starts(tmp_path)[-1] == {"epoch": 5, "batch": 0}
    assert_same_run(folder, tmp_path)
