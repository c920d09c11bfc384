"""Find where the tensors of a file belong in a pair, or what keeps them from fitting."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import transform_to

from ..errors import CheckpointError
from ..particles.constraint_words import constraint_of, words_of
from ..particles.param_store import stored
from ..runtime.fields import rows, table
from ..runtime.plain_json import mismatch
from .pair_tensors import PairTensors

_LISTED = 6  # names that a message lists


@dataclass(frozen=True)
class Fit:
    """What of a file goes where in a pair.

    Attributes:
        copies: Tensors of the pair, each with its value.
        new: Values of `pyro.param` that Pyro's store lacks, and their constraints, by name.
    """

    copies: list[tuple[Tensor, Tensor]]
    new: dict[str, tuple[Tensor, Any]]


def fit_to_pair(
    path: str | os.PathLike[str],
    there: Mapping[str, Tensor],
    said: Mapping[str, Any],
    here: PairTensors,
    device: torch.device | str | None,
) -> Fit:
    """Find the place of each tensor of a file in a pair; nothing is changed.

    Args:
        path: The file, for messages.
        there: Its tensors by place.
        said: What it says about them: "constraints" by place, and "absent", places of the pair
            that it leaves out.
        here: The tensors of the pair.
        device: See `fill_pair`.

    Raises:
        CheckpointError: The file does not fit the pair.
    """
    return _Fitting(there, said, here, device).all(path)


class _Fitting:
    def __init__(
        self,
        there: Mapping[str, Tensor],
        said: Mapping[str, Any],
        here: PairTensors,
        device: torch.device | str | None,
    ) -> None:
        self.there, self.here, self.by_place = there, here, here.by_place
        self.device = device or _device_of(here)
        self.absent = {str(place) for place in rows(said, "absent")} if said else set()
        self.limits = table(said, "constraints") if said else {}
        self.wrong: list[str] = []
        self.copies: list[tuple[Tensor, Tensor]] = []
        self.new: dict[str, tuple[Tensor, Any]] = {}

    def all(self, path: str | os.PathLike[str]) -> Fit:
        lost = [place for place in self.there if place.startswith("run/")]
        lost = [place for place in lost if place not in self.by_place]
        if lost and not self.here.is_run:
            raise CheckpointError(
                f"{path} holds {few(map(_name, lost))}, which only a run of the pair finds (its "
                "networks are made or imported while it runs); give a batch, such as batch=(x,)"
            )
        for place, value in self.there.items():
            if place.startswith("store/"):
                self.param(_name(place), place, value)
            elif place in self.by_place:
                self.tensor(place, self.by_place[place], value)
        unknown = [p for p in self.there if p.startswith(("held/", "run/"))]
        unknown = [place for place in unknown if place not in self.by_place]
        self.note("what the pair lacks", [*map(_name, unknown), *self.extra_params()])
        needed = {p for p in self.by_place if not p.startswith("transient/")}
        needed |= set() if self.here.is_run else set(self.here.undeclared)
        self.note("what the file lacks", map(_name, needed - self.there.keys() - self.absent))
        if self.wrong:
            more = f"; and {len(self.wrong) - 3} more" if len(self.wrong) > 3 else ""
            raise CheckpointError(
                f"{path} does not fit the pair: {'; '.join(self.wrong[:3])}{more}. Build the "
                "pair as it was when it was saved, with the same networks under the same names"
            )
        return Fit(self.copies, self.new)

    def tensor(self, place: str, own: Tensor, value: Tensor) -> None:
        got, need = _kind(value), _kind(own)
        other = mismatch(place.partition("/")[2], value, own)
        if other is not None:
            self.wrong.insert(0, other)  # the cause of further ones, such as other sizes
        elif got == need:
            self.constraint(place)
            self.copies.append((own, value))
        elif not place.startswith("transient/"):
            self.wrong.append(f"'{_name(place)}' is {got} in the file and {need} in the pair")

    def param(self, name: str, place: str, value: Tensor) -> None:
        """A value of `pyro.param`: into the tensor of the store, or a new one there."""
        if name in self.extra_params():
            return
        leaf, constraint = stored().get(name, (None, None))
        if leaf is not None:
            got, need = _kind(value), _kind(leaf)
            if got != need:
                self.wrong.append(
                    f"'{name}' is {got} in the file and {need} in Pyro's store, unconstrained; if "
                    "that is another pair's, call pyro.clear_param_store() first"
                )
            self.constraint(place, constraint)
            self.copies.append((leaf, value))
            return
        constraint = constraint_of(self.limits.get(place, {}))
        if constraint is None:
            kind = str(self.limits[place]["kind"])[:100]
            self.wrong.append(
                f"'{name}' has the constraint {kind}, which a file cannot make; run "
                "the pair once before, or give a batch, such as batch=(x,)"
            )
            return
        try:
            leaf = value.clone().to(self.device).requires_grad_()
            transform_to(constraint)(leaf)
        except (RuntimeError, ValueError, IndexError, NotImplementedError) as error:
            raise CheckpointError(
                f"its '{name}' is {_kind(value)}, which no `pyro.param` holds under the "
                f"constraint {_shown(self.limits[place])}"
            ) from error
        self.new[name] = leaf, constraint

    def constraint(self, place: str, constraint: Any = None) -> None:  # noqa: ANN401
        """Refuse a value that would mean something else under the pair's constraint."""
        own = self.here.constraints.get(place)
        own = own if constraint is None else words_of(constraint)
        saved = self.limits.get(place)
        if saved != own:
            self.wrong.append(
                f"'{_name(place)}' has the constraint {_shown(saved)} in the file and "
                f"{_shown(own)} in the pair"
            )

    def extra_params(self) -> list[str]:
        """Values of `pyro.param` that the pair does not declare, as far as its code tells."""
        known = set(self.here.store)
        if not self.here.is_run:
            if self.here.params.is_computed:
                return []
            known |= set(self.here.params.names)
        names = [_name(place) for place in self.there if place.startswith("store/")]
        return [name for name in names if name not in known]

    def note(self, what: str, names: Iterable[str]) -> None:
        names = sorted(names)
        if names:
            self.wrong.append(f"{what}: {few(names)}")


def few(names: Iterable[str], *, quoted: bool = True) -> str:
    """Names for a message, the first of them where there are many."""
    listed = [f"'{name}'" if quoted else name for name in names]
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + more


def _device_of(here: PairTensors) -> torch.device:
    held = next(iter(here.held.tensors.values()), None)
    return torch.device("cpu") if held is None else held.device


def _name(place: str) -> str:
    return place.partition("/")[2]


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _shown(words: Any) -> str:  # noqa: ANN401
    if not isinstance(words, Mapping):
        return "none"
    given = ", ".join(f"{n}={v}" for n, v in words.items() if n != "kind")
    return f"{words.get('kind')}({given})"[:200]
