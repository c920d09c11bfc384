"""Runs of the examples, each made once: the tests and the documentation share them.

A run lies in `build/examples/smoke/NAME` or `build/examples/full/NAME`: what was printed, the
pictures, and the key that it was made under.
"""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyrovae

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
RUNS = Path(os.environ.get("PYROVAE_EXAMPLE_RUNS", ROOT / "build" / "examples"))


@dataclass(frozen=True)
class ExampleRun:
    """A run of one example, to be made or there already."""

    path: Path
    full: bool

    @property
    def folder(self) -> Path:
        return RUNS / ("full" if self.full else "smoke") / self.path.stem

    def key(self) -> str:
        """Changes with the example and with the version of the package."""
        return hashlib.sha256(self.path.read_bytes() + pyrovae.__version__.encode()).hexdigest()

    def is_there(self) -> bool:
        key = self.folder / "key"
        return key.exists() and key.read_text() == self.key()

    def finish(self) -> None:
        """Say that what lies in the folder is the run of this example."""
        (self.folder / "key").write_text(self.key())

    def pictures(self) -> list[Path]:
        return sorted(self.folder.glob("*.png"))

    def printed(self) -> str:
        return (self.folder / "stdout").read_text().rstrip()

    def emptied(self) -> Path:
        """The folder, without what an earlier run left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.is_file():
                path.unlink()
        return self.folder

    def make(self) -> None:
        """Run the example unless that was done.

        Raises:
            RuntimeError: It failed; with what it printed.
        """
        if self.is_there():
            return
        folder = self.emptied()
        words = [] if self.full else ["--smoke"]
        places = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, str(self.path), *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": places, "MPLBACKEND": "Agg"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{self.path.name} failed:\n{done.stderr}")
        (folder / "stdout").write_text(done.stdout)
        self.finish()
