"""Write a run's figures for TensorBoard."""

from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

from ...errors import ConfigError, SaveError
from ..loop import Loop
from .base import Callback


class TensorBoard(Callback):
    """Writes the numbers of every epoch as scalars, by step.

    Args:
        log_dir: Where to; by default "tensorboard" in the run's folder.

    Raises:
        ConfigError: TensorBoard is not installed, or there is neither `log_dir` nor `run_dir`.
        SaveError: The folder cannot be written to.
    """

    def __init__(self, log_dir: str | PathLike[str] | None = None) -> None:
        if find_spec("tensorboard") is None:
            raise ConfigError(
                "TensorBoard is not installed; install it with pip install 'pyrovae[tensorboard]'"
            )
        self.log_dir = log_dir
        self._writer: Any = None

    def on_start(self, loop: Loop) -> None:
        if loop.rank > 0:
            return
        from torch.utils.tensorboard import SummaryWriter  # slow, and optional

        if self.log_dir is None and loop.run_dir is None:
            raise ConfigError("TensorBoard has no folder to write to; give log_dir, or a run_dir")
        folder = Path(self.log_dir) if self.log_dir else Path(str(loop.run_dir)) / "tensorboard"
        # Purges what was written after the checkpoint from which a run is resumed.
        try:
            self._writer = SummaryWriter(str(folder), purge_step=loop.step + 1)
        except OSError as error:
            raise _unwritten(folder, error) from error

    def on_epoch(self, loop: Loop) -> None:
        if self._writer is None:
            return
        entry = loop.history[-1]
        writer, self._writer = self._writer, None  # a failed writer cannot be closed
        try:
            for name, value in entry.items():
                if name not in ("epoch", "step") and value is not None:
                    writer.add_scalar(name, value, entry["step"])
            writer.flush()
        except OSError as error:
            raise _unwritten(Path(writer.log_dir), error) from error
        self._writer = writer

    def on_end(self, loop: Loop) -> None:
        if self._writer is not None:
            self._writer.close()


def _unwritten(folder: Path, error: OSError) -> SaveError:
    return SaveError(
        f"TensorBoard's {folder} cannot be written ({error.strerror or error}); make room, or "
        "leave the callback out"
    )
