"""Stop a run that no longer improves."""

from ...errors import ConfigError
from ..loop import Loop
from .base import Callback


class EarlyStopping(Callback):
    """Stops when the validation bound has not risen for `patience` epochs.

    Args:
        patience: Epochs to wait, 1 or more.
        min_delta: A rise of at most so many nats per datum is none.

    Raises:
        ConfigError: `patience` is below one.
    """

    def __init__(self, patience: int, *, min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ConfigError(f"EarlyStopping: patience={patience}, needs an epoch or more")
        self.patience = patience
        self.min_delta = min_delta

    def on_start(self, loop: Loop) -> None:
        self.on_epoch(loop)  # a run that was stopped stays stopped when it is resumed

    def on_epoch(self, loop: Loop) -> None:
        best, since = -float("inf"), 0
        for entry in loop.history:
            val = entry["val"]
            since += 1
            if val is not None and val > best + self.min_delta:
                best, since = val, 0
        if since >= self.patience:
            loop.request_stop()
