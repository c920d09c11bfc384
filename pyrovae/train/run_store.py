"""What is kept of a run: its last and its best state, and its history."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as short
from time import monotonic
from typing import Any
from uuid import uuid4

import torch
from torch import Tensor

from ..errors import CheckpointError, ConfigError, NonFiniteError
from ..objectives.objective import Objective
from ..runtime.distributed import Team
from ..runtime.fields import table, text
from ..runtime.files import append_line, write_whole
from ..runtime.random_state import RandomState, save_random_state
from ..runtime.stored_random_state import from_stored, to_stored
from .checkpoint import (
    copy_into,
    matched,
    prefixed,
    read_checkpoint,
    run_of,
    section,
    write_checkpoint,
)
from .loop import Loop
from .optim.state import restore_optimizer, save_optimizer
from .optim.state_check import check_optimizer
from .placement import Placed, leaves_of


@dataclass
class RunStore:
    """Keeps a run in its folder; without one, its best parameters in memory.

    Attributes:
        loop: Where the run stands.
        placed: The tensors of the pair.
        objective: What the run follows; what it changes from step to step is kept too.
        facts: What must not change between a run and its resumption.
        seconds: Between two checkpoints within an epoch.
        team: The ranks of the run. The first reads and writes for all.
    """

    loop: Loop
    placed: Placed
    objective: Objective
    facts: Mapping[str, Any]
    seconds: float
    team: Team = field(default_factory=Team)
    _id: str = field(default_factory=lambda: uuid4().hex)
    _best: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    _saved_at: float = field(default_factory=monotonic)

    @property
    def last(self) -> Path | None:
        """The last checkpoint, where there is one that this rank can see."""
        path = self._path("last.safetensors")
        return path if path is not None and path.exists() else None

    def start_over(self) -> None:
        """Make the folder; remove what an earlier run left, which must not be taken for ours."""
        self._id = self.team.from_first(lambda: self._id)
        folder = self.loop.run_dir
        if folder is None or not self.team.first:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("last.safetensors", "best.safetensors"):
                (folder / name).unlink(missing_ok=True)
            self._write_history()
        except OSError as error:
            raise ConfigError(
                f"run_dir={folder} cannot be written to ({error.strerror or error}); choose "
                "another folder"
            ) from error

    def resume(self) -> RandomState:
        """Bring pair, optimiser and loop to where the last checkpoint was written.

        Returns:
            The random state of the checkpoint, to be restored when nothing else will draw.

        Raises:
            CheckpointError: It is damaged, or belongs to another run; then nothing has changed.
            ConfigError: It has more epochs behind it than the run is to have; likewise.
        """
        path = self.loop.run_dir / "last.safetensors"  # type: ignore[operator]
        tensors, meta = self._read(path)
        optimizer, objective, rng = (
            section(tensors, s) for s in ("optimizer", "objective", "rng")
        )
        with _in(path):
            _check_kind(path, "last", meta)
            run, best = text(meta, "id"), self.team.from_first(self._best_run)
            self._check_facts(path, table(meta, "run"))
            self.loop.check(meta)
            if meta["best"] and best is not None and best != run:
                raise CheckpointError("best.safetensors beside it is of another run")
            copies = matched(path, tensors, self._leaves(), self.placed.buffers)
            numbers = table(meta, "optimizer")
            check_optimizer(self.loop.optimizer, optimizer, numbers, steps=meta["step"])
            random_state = from_stored(rng, table(meta, "rng"))
        self._check_values(path, section(tensors, "parameters"))
        self._check_epochs(path, meta)
        self._restore_objective(path, objective)
        copy_into(copies)
        restore_optimizer(self.loop.optimizer, optimizer, meta["optimizer"])
        self.loop.go_to(meta)
        self._id = run
        self._write_history_or_say()
        return random_state

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough for one within the epoch."""
        return self.loop.run_dir is not None and monotonic() - self._saved_at >= self.seconds

    def save_last(self) -> None:
        """Write all that a resumed run needs.

        Raises:
            NonFiniteError: A parameter is not finite; the checkpoint before stays.
        """
        path = self._path("last.safetensors")
        if path is None:
            return
        self._check_finite()
        self._saved_at = monotonic()
        if not self.team.first:
            return
        optimizer, optimizer_numbers = save_optimizer(self.loop.optimizer)
        rng, rng_numbers = to_stored(save_random_state())
        tensors = {
            **self._pair(),
            **prefixed("optimizer", optimizer),
            **prefixed("objective", self._objective()),
            **prefixed("rng", rng),
        }
        meta = {**self._meta("last"), "optimizer": optimizer_numbers, "rng": rng_numbers}
        write_checkpoint(path, tensors, meta)
        self._saved_at = monotonic()

    def save_best(self) -> None:
        """Keep the pair as it is now."""
        self._check_finite()
        path = self._path("best.safetensors")
        if path is not None:
            if self.team.first:
                write_checkpoint(path, self._pair(), self._meta("best"))
        else:
            self._best = [(tensor, tensor.detach().clone()) for tensor in self._pair().values()]

    def load_best(self) -> None:
        """Give the pair the tensors that `save_best` kept; of several ranks, on all of them.

        Raises:
            CheckpointError: No epoch was finished, or the file has been removed or damaged.
        """
        if not self.loop.best:
            raise CheckpointError("the run stopped within its first epoch, so none is the best")
        path = self._path("best.safetensors")
        if path is not None:
            tensors, meta = self._read(path)
            _check_kind(path, "best", meta)
            if meta.get("id") != self._id:
                raise CheckpointError(f"{path} is of another run, which has taken its place")
            self._best = matched(path, tensors, self._leaves(), self.placed.buffers)
        copy_into(self._best)

    def append_history(self) -> None:
        """Add the last entry to history.jsonl.

        Raises:
            CheckpointError: It cannot be written.
        """
        path = self._path("history.jsonl")
        if path is None or not self.team.first:
            return
        try:
            append_line(path, json.dumps(self.loop.history[-1]))
        except OSError as error:
            raise _unwritten(path, error) from error

    def _check_finite(self) -> None:
        for name, leaf in self.loop.optimizer.leaves.items():
            if not torch.isfinite(leaf).all():
                kept = f"; the last good checkpoint is {self.last}" if self.last else ""
                raise NonFiniteError(
                    f"epoch {self.loop.epoch}, after {self.loop.batch} batches: parameter "
                    f"'{name}' is not finite, although loss and gradient were{kept}. Try a lower "
                    "lr"
                )

    def _write_history(self) -> None:
        path = self._path("history.jsonl")
        if path is not None and self.team.first:
            lines = "".join(json.dumps(entry) + "\n" for entry in self.loop.history)
            write_whole(path, lines.encode())

    def _write_history_or_say(self) -> None:
        try:
            self._write_history()
        except OSError as error:
            raise _unwritten(self._path("history.jsonl"), error) from error

    def _check_facts(self, path: Path, run: Mapping[str, Any]) -> None:
        for name, here in self.facts.items():
            there = run.get(name)
            if there != here or isinstance(there, bool):
                raise CheckpointError(
                    f"{path} is of a run with {name}={_said(there)}, this one has {name}="
                    f"{_said(here)}; resume with the data, batch_size, seed and objective of the "
                    "first run, or use another run_dir"
                )

    def _check_values(self, path: Path, parameters: Mapping[str, Tensor]) -> None:
        for name, tensor in parameters.items():
            if not torch.isfinite(tensor).all():
                raise CheckpointError(
                    f"{path}: parameter '{name}' is not finite, and no run keeps such; use "
                    "another checkpoint of the run"
                )

    def _check_epochs(self, path: Path, meta: Mapping[str, Any]) -> None:
        done = (meta["epoch"] - 1) + (meta["batch"] > 0)
        if self.loop.epochs < done:
            raise ConfigError(
                f"fit: epochs={self.loop.epochs}, and the run in {path.parent} is "
                f"{'in its epoch' if meta['batch'] else 'at the end of epoch'} {done}; ask for "
                f"epochs={done} or more, or use another run_dir"
            )

    def _best_run(self) -> str | None:
        path = self._path("best.safetensors")
        return None if path is None or not path.is_file() else run_of(path)

    def _read(self, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return self.team.from_first(lambda: read_checkpoint(path))

    def _path(self, name: str) -> Path | None:
        return None if self.loop.run_dir is None else self.loop.run_dir / name

    def _pair(self) -> dict[str, Tensor]:
        leaves = prefixed("parameters", self._leaves())
        return {**leaves, **prefixed("buffers", self.placed.buffers)}

    def _leaves(self) -> dict[str, Tensor]:
        """Of the pair, those that it declared late too; an objective's are part of its state."""
        leaves = {**self.placed.leaves, **self.loop.optimizer.leaves}
        others = leaves_of(self.objective)
        return {name: leaf for name, leaf in leaves.items() if name not in others}

    def _objective(self) -> dict[str, Tensor]:
        return self.objective.state_dict()

    def _restore_objective(self, path: Path, state: Mapping[str, Tensor]) -> None:
        here = self._objective()
        if not here and not state:
            return
        for name in here.keys() & state.keys():
            if here[name].dtype != state[name].dtype:
                raise CheckpointError(
                    f"{path}: the objective's '{name}' is {state[name].dtype} in the checkpoint "
                    f"and {here[name].dtype} in the run; resume with the objective of the first "
                    "run"
                )
        try:
            self.objective.load_state_dict(state)
        except CheckpointError as error:
            raise CheckpointError(f"{path} is of a run with another objective: {error}") from error

    def _meta(self, kind: str) -> dict[str, Any]:
        return {"kind": kind, "id": self._id, **self.loop.position(), "run": dict(self.facts)}


@contextmanager
def _in(path: Path) -> Iterator[None]:
    """Name the file in what is wrong with it."""
    try:
        yield
    except CheckpointError as error:
        message = str(error)
        if message.startswith(str(path)):
            raise
        raise CheckpointError(f"{path} cannot be resumed from: {message}") from error


def _check_kind(path: Path, kind: str, meta: Mapping[str, Any]) -> None:
    found = meta.get("kind")
    if found != kind:
        raise CheckpointError(
            f"{path} is {short(found)} of a run, in the place of '{kind}'; put back the file that "
            "was there, or start in another run_dir"
        )


def _said(value: Any) -> str:  # noqa: ANN401
    return value[:300] if isinstance(value, str) else short(value)


def _unwritten(path: Path | None, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path}: the history cannot be written ({error.strerror or error}); make room, or choose "
        "another run_dir"
    )
