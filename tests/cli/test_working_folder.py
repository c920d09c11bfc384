"""Files of a stranger's folder, in which the command is started, are not obeyed."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _python(*words, cwd):
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_modules_and_settings_of_the_folder(tmp_path):
    marker = tmp_path / "EXECUTED"
    for name in ("torch", "numpy", "json", "yaml", "jsonargparse", "traceback"):
        (tmp_path / f"{name}.py").write_text(f"open({str(marker)!r}, 'w')\n")
    (tmp_path / "matplotlibrc").write_text("no settings at all: [\nfont.size: 71\n")
    done = _python("-m", "pyrovae", "fit", "--model", "VEA", cwd=tmp_path)
    assert done.returncode == 2 and "no such model" in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, "matplotlib complains of its file"
    assert not marker.exists()


def test_the_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from pyrovae.cli import main; main(['--help']); main(['--version']); "
        "print([name for name in ('torch', 'numpy', 'pyro', 'matplotlib') if name in sys.modules])"
    )
    done = _python("-c", code, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert "compare-training" in done.stdout
