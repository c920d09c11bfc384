"""A run folder has one writer at a time, and no lock outlives its process."""

import os
import signal
import subprocess
import sys
from textwrap import dedent

import pytest
from torch.utils.data import DataLoader, TensorDataset

from pyrovae.cli import main
from pyrovae.errors import ConfigError
from pyrovae.objectives import ELBO
from pyrovae.train import Callback, fit
from pyrovae.train.run_lock import LOCK, RunLock, check_free
from tests.train.pairs import QUIET, networks, pair, x_of


def run(folder, data=None, **options):
    options = {"epochs": 1, "objective": ELBO(), **QUIET, **options}
    return fit(*pair(*networks()), x_of() if data is None else data, run_dir=folder, **options)


class Within(Callback):
    """Does something while a run holds its folder."""

    def __init__(self, do):
        self.do = do

    def on_step(self, loop):
        self.do()


def test_a_second_run_is_refused_and_harms_nothing(tmp_path):
    def second():
        with pytest.raises(ConfigError, match="is being written by another run; wait"):
            run(tmp_path)
        with pytest.raises(ConfigError, match="is being written by another run; wait"):
            run(tmp_path, resume=True)

    run(tmp_path, callbacks=[Within(second)])
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 1
    run(tmp_path, resume=True)


def test_a_run_that_fails_lets_go(tmp_path):
    run(tmp_path)
    with pytest.raises(ValueError):
        run(tmp_path, resume=True, seed=5)
    with pytest.raises(KeyError):
        run(tmp_path, callbacks=[Within(lambda: {}["nothing"])], overwrite=True)
    run(tmp_path, overwrite=True)


def test_a_lock_ends_with_its_process(tmp_path):
    script = f"""
        import time
        from pathlib import Path
        from pyrovae.train.run_lock import RunLock
        lock = RunLock(Path({str(tmp_path)!r}))
        lock.take()
        print("taken", flush=True)
        time.sleep(100)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(script)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "taken\n"
    with pytest.raises(ConfigError, match="another run"):
        check_free(tmp_path)
    with pytest.raises(ConfigError, match="another run"):
        run(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert (tmp_path / LOCK).exists()
    run(tmp_path)


def test_a_forked_worker_does_not_hold_it(tmp_path):
    lock = RunLock(tmp_path)
    lock.take()
    child = os.fork()
    if child == 0:
        signal.pause()
    lock.release()
    try:
        check_free(tmp_path)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_workers_of_a_loader_do_no_harm(tmp_path):
    loader = DataLoader(TensorDataset(x_of()), batch_size=20, num_workers=1)
    run(tmp_path, loader)
    run(tmp_path, loader, resume=True)


@pytest.mark.parametrize("name", ["file/below", "x" * 300, "a\0b"])
def test_a_folder_that_cannot_be(name, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written to .* another folder"):
        run(tmp_path / name)


def test_the_command_says_so_at_once(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["fit", "--model.latent_dim", "2", "--run", "r", "--resume"]
    lock = RunLock(tmp_path / "r")
    lock.take()
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "being written by another run" in error and len(error.splitlines()) == 1
    lock.release()
