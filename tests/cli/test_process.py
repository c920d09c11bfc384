"""The command as a process of its own: what it prints, and how it is interrupted."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.commands import SMALL, fit, run_process


def test_a_real_process_prints_no_traceback(here):
    done = run_process("fit", "--objective", "IWEA", cwd=here)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "no such objective" in done.stderr and "IWAE" in done.stderr


def test_an_interrupted_run_can_be_resumed(here):
    words = ["fit", "--data", "digits", *SMALL, "--epochs", "100000", "--run", "r"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pyrovae", *words],
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore the signal, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 120
        while not Path("r/last.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "--resume" in error and "Traceback" not in error
    done = len(Path("r/history.jsonl").read_text().splitlines())
    assert fit("--run", "r", "--resume", "--epochs", done + 1) == 0
