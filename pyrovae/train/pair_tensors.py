"""The tensors of a pair by the places where files keep them, found without running the pair."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyro
from torch import Tensor

from ..particles.constraint_words import Words, words_of
from ..particles.device import to_device_of
from ..particles.held_tensors import HeldTensors, held_tensors
from ..particles.inventory import Inventory, take_inventory
from ..particles.named_params import NamedParams, named_params
from ..particles.param_store import stored
from ..particles.tracing import Program
from .checkpoint_file import prefixed


@dataclass(frozen=True)
class PairTensors:
    """The tensors of a pair.

    Places are "held/NAME" in a network that the pair holds, "store/NAME" of a `pyro.param` in
    Pyro's store, "transient/NAME" of a buffer that torch does not save, and "run/KIND/NAME" of
    what only a run of the pair finds, under its name in that run.

    Attributes:
        held: What the pair holds.
        store: Its values of `pyro.param` that are in the store, by name.
        run: What a run found besides, by kind and name.
        params: What the code of the pair says of its `pyro.param` statements.
        constraints: By place, in words.
        is_run: Whether the pair was run, so that `store` is exact.
    """

    held: HeldTensors
    store: dict[str, Tensor]
    run: dict[str, Tensor]
    params: NamedParams
    constraints: dict[str, Words]
    is_run: bool

    @property
    def by_place(self) -> dict[str, Tensor]:
        """All of them."""
        return {
            **prefixed("held", self.held.tensors),
            **prefixed("store", self.store),
            **prefixed("transient", self.held.transient),
            **prefixed("run", self.run),
        }

    @property
    def in_doubt(self) -> list[str]:
        """Values in the store of which the code does not say whether they are of this pair."""
        if self.is_run or not self.params.is_computed:
            return []
        known = {id(tensor) for tensor in self.by_place.values()}
        return sorted(name for name, (leaf, _) in stored().items() if id(leaf) not in known)

    @property
    def undeclared(self) -> list[str]:
        """Places of `pyro.param` statements in the code that were not reached so far."""
        return [f"store/{name}" for name in self.params.names if name not in self.store]


def batch_of(batch: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """What a pair is called with: `x` stands for `(x,)`."""
    return tuple(batch) if isinstance(batch, tuple | list) else (batch,)


def run_once(model: Program, guide: Program, batch: Any) -> Inventory:  # noqa: ANN401
    """What a run of the pair finds; what its first run makes is there afterwards."""
    with pyro.validation_enabled(False):  # a pair at NaN is saved and loaded all the same
        return take_inventory(model, guide, to_device_of(model, guide, batch_of(batch)))[0]


def pair_tensors(
    model: Program, guide: Program, inventory: Inventory | None = None
) -> PairTensors:
    """Find the tensors of a pair.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        inventory: Of a run of the pair. Without it, the values of `pyro.param` are those whose
            names are written out in the code of the pair.
    """
    held, entries = held_tensors(model, guide), stored()
    params = named_params(held.reached)
    known = {id(t) for t in (*held.tensors.values(), *held.transient.values())}
    run = {}
    if inventory is None:
        names = [n for n in params.names if n in entries and id(entries[n][0]) not in known]
    else:
        found = {
            f"{kind}/{name}": tensor
            for kind, tensors in (("parameters", inventory.leaves), ("buffers", inventory.buffers))
            for name, tensor in tensors.items()
            if id(tensor) not in known
        }
        of_store = {f"parameters/{name}": leaf for name, (leaf, _) in entries.items()}
        names = [
            key.removeprefix("parameters/") for key, t in found.items() if of_store.get(key) is t
        ]
        run = {key: tensor for key, tensor in found.items() if of_store.get(key) is not tensor}
    limits = {f"store/{name}": entries[name][1] for name in names}
    limits |= {f"held/{name}": limit for name, limit in held.constraints.items()}
    words = {place: words_of(limit) for place, limit in limits.items()}
    store = {name: entries[name][0] for name in names}
    return PairTensors(held, store, run, params, words, is_run=inventory is not None)


def places_of(
    named: Mapping[str, Tensor], model: Program, guide: Program, inventory: Inventory
) -> dict[str, Any]:
    """Where a checkpoint's tensors belong in a pair that is not run, as plain values.

    Args:
        named: The tensors of the checkpoint, which are those of the pair.
        model: Pyro model.
        guide: Pyro guide.
        inventory: Of a run of the pair.
    """
    here = pair_tensors(model, guide, inventory)
    by_place = here.by_place
    place_of = {id(tensor): place for place, tensor in by_place.items()}
    places = {key: place_of.get(id(tensor), f"run/{key}") for key, tensor in named.items()}
    absent = [*sorted(by_place.keys() - places.values()), *here.undeclared]
    return {"places": places, "constraints": here.constraints, "absent": absent}
