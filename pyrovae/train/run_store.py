"""What is stored of a run: its last and its best state, and its history."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import torch
from torch import Tensor

from ..errors import CheckpointError, ConfigError, NonFiniteError
from ..objectives.objective import Objective
from ..particles.inventory import Inventory
from ..runtime.distributed import Team
from ..runtime.fields import table, text
from ..runtime.files import write_whole
from ..runtime.random_state import RandomState, save_random_state
from ..runtime.stored_random_state import from_stored, to_stored
from .checkpoint import copy_into, matched
from .checkpoint_file import prefixed, read_checkpoint, run_id_of, section, write_checkpoint
from .history_file import append_history, write_history
from .loop import Loop
from .optim.average import WeightAverage, check_average
from .optim.state import restore_optimizer, save_optimizer
from .optim.state_check import check_optimizer
from .pair_tensors import places_of
from .resume_checks import check_epochs, check_finite, check_identity, check_kind, naming
from .run_dir import refuse_run
from .run_lock import RunLock


@dataclass
class RunStore:
    """Stores a run in its folder; without a folder, its best parameters in memory.

    Attributes:
        loop: Where the run stands.
        inventory: The tensors of the pair.
        objective: Of the run; the state that it changes from step to step is stored too.
        identity: What a run and its resumption must share: see `identity_of`.
        seconds: Between two checkpoints within an epoch.
        team: The ranks of the run. The first reads and writes for all.
        average: Of the parameters. Checkpoints then hold the averages as the parameters, and
            what training continues from beside them.
    """

    loop: Loop
    inventory: Inventory
    objective: Objective
    identity: Mapping[str, Any]
    seconds: float
    team: Team = field(default_factory=Team)
    average: WeightAverage | None = None
    _id: str = field(default_factory=lambda: uuid4().hex)
    _best: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    _saved_at: float = field(default_factory=monotonic)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within this context no other run writes into the folder.

        Raises:
            ConfigError: Another run does, or the folder cannot be written to.
        """
        lock = RunLock(self.loop.run_dir)
        self.team.from_first(lock.take)
        try:
            yield
        finally:
            lock.release()

    @property
    def last(self) -> Path | None:
        """The last checkpoint, where there is one that this rank can see."""
        path = self._path("last.safetensors")
        return path if path is not None and path.exists() else None

    @property
    def has_last(self) -> bool:
        """Whether there is a last checkpoint, as the first rank sees it."""
        return self.team.from_first(lambda: self.last is not None)

    def check_empty(self) -> None:
        """Refuse a folder that holds a run.

        Raises:
            ConfigError: It does.
        """
        self.team.from_first(lambda: refuse_run(self.loop.run_dir))

    def start_over(self) -> None:
        """Make the folder, and remove the files of an earlier run.

        Raises:
            ConfigError: The folder cannot be written to.
        """
        self._id = self.team.from_first(lambda: self._id)
        folder = self.loop.run_dir
        if folder is None or not self.team.first:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("last.safetensors", "best.safetensors"):
                (folder / name).unlink(missing_ok=True)
            write_whole(folder / "history.jsonl", b"")
        except OSError as error:
            raise ConfigError(
                f"run_dir={folder} cannot be written to ({error.strerror or error}); choose "
                "another folder"
            ) from error

    def resume(self) -> RandomState:
        """Set pair, optimiser and loop to the last checkpoint.

        Returns:
            The random state of the checkpoint, to be restored when nothing else will draw.

        Raises:
            CheckpointError: It is damaged, or belongs to another run; then nothing has changed.
            ConfigError: The run is to have fewer epochs than it has begun; likewise.
        """
        path = self.loop.run_dir / "last.safetensors"  # type: ignore[operator]
        tensors, meta = self._read(path)
        optimizer, objective, rng = (
            section(tensors, s) for s in ("optimizer", "objective", "rng")
        )
        with naming(path):
            check_kind(path, "last", meta)
            run_id, best = text(meta, "id"), self.team.from_first(self._id_of_best)
            check_identity(path, self.identity, table(meta, "run"))
            self.loop.check(meta)
            if meta["best"] and best is not None and best != run_id:
                raise CheckpointError("best.safetensors beside it is of another run")
            check_average(self.average, meta.get("ema"))
            copies = matched(path, tensors, self.leaves(), self.inventory.buffers)
            trained = self._trained(path, tensors)
            numbers = table(meta, "optimizer")
            check_optimizer(self.loop.optimizer, optimizer, numbers, steps=meta["step"])
            random_state = from_stored(rng, table(meta, "rng"))
        for kind in ("parameters", "trained"):
            check_finite(path, section(tensors, kind))
        check_epochs(path, self.loop.epochs, meta)
        self._restore_objective(path, objective)
        copy_into([*copies, *trained])
        if self.average is not None and meta["step"]:
            self.average.restore(section(tensors, "parameters"), self.leaves())
        restore_optimizer(self.loop.optimizer, optimizer, meta["optimizer"])
        self.loop.go_to(meta)
        self._id = run_id
        if self.team.first:
            write_history(path.with_name("history.jsonl"), self.loop.history)
        return random_state

    @property
    def save_due(self) -> bool:
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
        pair = self._pair()
        tensors = {
            **pair,
            **prefixed("optimizer", optimizer),
            **prefixed("objective", self._objective()),
            **prefixed("rng", rng),
        }
        numbers = {"optimizer": optimizer_numbers, "rng": rng_numbers}
        meta = {**self._meta("last", pair), **numbers}
        if self.average is not None:
            tensors |= prefixed("trained", self.leaves())
            tensors |= prefixed("parameters", self.average.values)
            meta["ema"] = self.average.decay
        write_checkpoint(path, tensors, meta)
        self._saved_at = monotonic()

    def save_best(self) -> None:
        """Store the pair as it is now.

        Raises:
            NonFiniteError: A parameter is not finite.
        """
        self._check_finite()
        path = self._path("best.safetensors")
        if path is None:
            self._best = [(tensor, tensor.detach().clone()) for tensor in self._pair().values()]
        elif self.team.first:
            pair = self._pair()
            write_checkpoint(path, pair, self._meta("best", pair))

    def load_best(self) -> None:
        """Give the pair the tensors that `save_best` stored; of several ranks, on all of them.

        Raises:
            CheckpointError: No epoch was finished, or the file has been removed or damaged.
        """
        if not self.loop.best:
            raise CheckpointError("the run stopped within its first epoch, so none is the best")
        path = self._path("best.safetensors")
        if path is not None:
            tensors, meta = self._read(path)
            check_kind(path, "best", meta)
            if meta.get("id") != self._id:
                raise CheckpointError(f"{path} is of another run, which has taken its place")
            self._best = matched(path, tensors, self.leaves(), self.inventory.buffers)
        copy_into(self._best)

    def append_history(self) -> None:
        """Add the last entry to history.jsonl.

        Raises:
            CheckpointError: It cannot be written.
        """
        path = self._path("history.jsonl")
        if path is not None and self.team.first:
            append_history(path, self.loop.history[-1])

    def _check_finite(self) -> None:
        for name, leaf in self.loop.optimizer.leaves.items():
            if not torch.isfinite(leaf).all():
                kept = f"; the last good checkpoint is {self.last}" if self.last else ""
                raise NonFiniteError(
                    f"epoch {self.loop.epoch}, after {self.loop.batch} batches: parameter "
                    f"'{name}' is not finite, although loss and gradient were{kept}. Try a lower "
                    "lr"
                )

    def _id_of_best(self) -> str | None:
        path = self._path("best.safetensors")
        return None if path is None or not path.is_file() else run_id_of(path)

    def _read(self, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return self.team.from_first(lambda: read_checkpoint(path))

    def _path(self, name: str) -> Path | None:
        return None if self.loop.run_dir is None else self.loop.run_dir / name

    def _pair(self) -> dict[str, Tensor]:
        leaves = prefixed("parameters", self.leaves())
        return {**leaves, **prefixed("buffers", self.inventory.buffers)}

    def leaves(self) -> dict[str, Tensor]:
        """Parameters of the pair, those that it declared late too; none of the objective."""
        leaves = {**self.inventory.leaves, **self.loop.optimizer.leaves}
        others = self.objective.leaves()
        return {name: leaf for name, leaf in leaves.items() if name not in others}

    def _trained(self, path: Path, tensors: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Each parameter with the value from which training continues, where it is averaged."""
        if self.average is None:
            return []
        trained = prefixed("parameters", section(tensors, "trained"))
        return matched(path, trained, self.leaves(), {})

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

    def _meta(self, kind: str, pair: Mapping[str, Tensor]) -> dict[str, Any]:
        return {
            "kind": kind,
            "id": self._id,
            **self.loop.position(),
            "run": dict(self.identity),
            "pair": places_of(pair, self.loop.model, self.loop.guide, self.inventory),
        }
