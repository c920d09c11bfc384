"""Write a run's figures and pictures for TensorBoard."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import ConfigError, SaveError
from ...runtime.random_state import kept_random_state
from ..loop import Loop
from .base import Callback

Images = Callable[[Loop], Mapping[str, Tensor]]
"""What to show of a run: images [N, C, H, W] between 0 and 1, by name."""


class TensorBoard(Callback):
    """Writes the numbers of every epoch as scalars: bounds, KL by site, rate, gradient norm, ...

    `tensorboard --logdir FOLDER` shows them; a resumed run continues its curves.

    Args:
        log_dir: Where to; by default "tensorboard" in the run's folder.
        hparams: The settings of the run by name, for the table of runs. Numbers, truth values and
            texts stay what they are, others become texts.
        images: Called after an epoch, gives images by name, such as reconstructions and samples.
            What it draws does not change the run.
        images_every: Epochs between two calls of it.

    Raises:
        ConfigError: TensorBoard is not installed, there is neither `log_dir` nor `run_dir`, or
            `images_every` is below one.
        SaveError: The folder cannot be written to.

    Example:
        >>> import pyrovae
        >>> vae = pyrovae.VAE((1, 28, 28), 8)
        >>> board = TensorBoard(  # doctest: +SKIP
        ...     "runs/board",
        ...     hparams={"latents": 8, "lr": 1e-3},
        ...     images=lambda loop: {"samples": vae.generate(16)},
        ... )
    """

    def __init__(
        self,
        log_dir: str | PathLike[str] | None = None,
        *,
        hparams: Mapping[str, Any] | None = None,
        images: Images | None = None,
        images_every: int = 1,
    ) -> None:
        if find_spec("tensorboard") is None:
            raise ConfigError(
                "TensorBoard is not installed; install it with pip install 'pyrovae[tensorboard]'"
            )
        if images_every < 1:
            raise ConfigError(f"TensorBoard: images_every={images_every}, needs an epoch or more")
        self.log_dir, self.hparams = log_dir, hparams
        self.images, self.images_every = images, images_every
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
        if self.hparams is not None and loop.step == 0:
            with self._writing() as writer:
                _write_hparams(writer, self.hparams)

    def on_epoch(self, loop: Loop) -> None:
        if self._writer is None:
            return
        entry = loop.history[-1]
        shown: Mapping[str, Tensor] = {}
        if self.images is not None and entry["epoch"] % self.images_every == 0:
            with kept_random_state(), torch.no_grad():
                shown = self.images(loop)
        with self._writing() as writer:
            for name, value in entry.items():
                if name not in ("epoch", "step") and value is not None:
                    writer.add_scalar(name, value, entry["step"])
            for name, images in shown.items():
                writer.add_images(name, images.detach().cpu().clamp(0, 1), entry["step"])
            writer.flush()

    def on_end(self, loop: Loop) -> None:
        if self._writer is not None:
            self._writer.close()

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        writer, self._writer = self._writer, None  # a failed writer cannot be closed
        try:
            yield writer
        except OSError as error:
            raise _unwritten(Path(writer.log_dir), error) from error
        self._writer = writer


def _write_hparams(writer: Any, settings: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Settings of this run, in its own event file; `SummaryWriter.add_hparams` begins another."""
    from torch.utils.tensorboard.summary import hparams

    plain = {
        n: v if isinstance(v, bool | int | float | str) else str(v) for n, v in settings.items()
    }
    for summary in hparams(plain, {"train": 0.0, "val": 0.0}):
        writer.file_writer.add_summary(summary)


def _unwritten(folder: Path, error: OSError) -> SaveError:
    return SaveError(
        f"TensorBoard's {folder} cannot be written ({error.strerror or error}); make room, or "
        "leave the callback out"
    )
