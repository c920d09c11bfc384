"""Whether a checkpoint is one that a run can continue from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from reprlib import repr as short
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError, ConfigError
from .first_batch import is_same_batch
from .run_identity import FIRST_BATCH


@contextmanager
def naming(path: Path, trouble: str = "cannot be resumed from") -> Iterator[None]:
    """Within this context every `CheckpointError` names the file, and what it is no good for."""
    try:
        yield
    except CheckpointError as error:
        message = str(error)
        if message.startswith(str(path)):
            raise
        raise CheckpointError(f"{path} {trouble}: {message}") from error


def check_kind(path: Path, kind: str, meta: Mapping[str, Any]) -> None:
    """Refuse the last checkpoint in the place of the best, and the other way round.

    Raises:
        CheckpointError: It is of another kind.
    """
    found = meta.get("kind")
    if found != kind:
        raise CheckpointError(
            f"{path} is {short(found)} of a run, in the place of '{kind}'; put back the file that "
            "was there, or start in another run_dir"
        )


def check_identity(path: Path, here: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    """Refuse a run with other data, another seed or objective: see `identity_of`.

    Raises:
        CheckpointError: A value differs; it is named.
    """
    for name, own in here.items():
        other = there.get(name)
        if name == FIRST_BATCH:  # it need not be equal to the last bit, nor known
            if not is_same_batch(own, other):
                raise CheckpointError(
                    f"{path} is of a run with another first batch of data; resume with the data, "
                    "transform, columns and DataLoader (order, num_workers) of the first run, or "
                    "use another run_dir"
                )
        elif other != own or isinstance(other, bool):
            raise CheckpointError(
                f"{path} is of a run with {name}={_shown(other)}, this one has {name}="
                f"{_shown(own)}; resume with the data, batch_size, seed and objective of the "
                "first run, or use another run_dir"
            )


def check_finite(path: Path, parameters: Mapping[str, Tensor]) -> None:
    """Refuse parameters that are not finite, since no run saves such.

    Raises:
        CheckpointError: One is not; it is named.
    """
    for name, tensor in parameters.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(
                f"{path}: parameter '{name}' is not finite, and no run saves such; use "
                "another checkpoint of the run"
            )


def check_epochs(path: Path, epochs: int, meta: Mapping[str, Any]) -> None:
    """Refuse a run that has begun more epochs than it is to have.

    Raises:
        ConfigError: It has.
    """
    done = (meta["epoch"] - 1) + (meta["batch"] > 0)
    if epochs < done:
        raise ConfigError(
            f"fit: epochs={epochs}, and the run in {path.parent} is "
            f"{'in its epoch' if meta['batch'] else 'at the end of epoch'} {done}; ask for "
            f"epochs={done} or more, or use another run_dir"
        )


def _shown(value: Any) -> str:  # noqa: ANN401
    return value[:300] if isinstance(value, str) else short(value)
