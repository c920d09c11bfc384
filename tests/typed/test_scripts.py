"""Scripts as users write them run, and are clean under a strict type checker."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import pyrovae

FOLDER = Path(__file__).parent
SCRIPTS = sorted(
    p for p in FOLDER.glob("*.py") if p.stem not in ("__init__", "conftest", "test_scripts")
)

WRONG = {
    "import pyrovae\npyrovae.Vae": '"Vae"',
    "from pyrovae import fitt": '"fitt"',
    "from pyrovae import fit\nfit(1, 2, 3)": "No overload",
    "from pyrovae import VAE, fit\nfit(VAE((8,), 2))": "No overload",
    "import pyrovae\npyrovae.VAE((8,), 2, likelyhood=None)": '"likelyhood"',
    "import pyrovae\npyrovae.IWAE(num_particle=3)": '"num_particle"',
}


def check(paths):
    """mypy's report, with errors in these files alone.

    Pyro's functions have no annotations: calls of them are untyped whatever the user does.
    """
    done = subprocess.run(
        [
            sys.executable, "-m", "mypy", "--config-file=", "--strict", "--allow-untyped-calls",
            "--follow-imports=silent", f"--cache-dir={FOLDER.parents[1] / '.mypy_cache/scripts'}",
            *map(str, paths),
        ],
        capture_output=True, text=True, timeout=600,
        env={**os.environ, "MYPYPATH": str(FOLDER.parents[1])}, cwd=FOLDER,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_types_are_shipped():
    assert (Path(pyrovae.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_run(script):
    runpy.run_path(str(script), run_name="__main__")


@pytest.mark.slow
def test_scripts_are_clean_and_mistakes_are_found(tmp_path):
    files = []
    for i, source in enumerate(WRONG):
        files.append(tmp_path / f"wrong_{i}.py")
        files[-1].write_text(source + "\n")
    code, report = check([*SCRIPTS, *files])
    found = report.splitlines()
    assert code == 1
    assert not [line for line in found if ": error:" in line and "wrong_" not in line], report
    for i, name in enumerate(WRONG.values()):
        assert any(f"wrong_{i}" in line and name in line for line in found), report
