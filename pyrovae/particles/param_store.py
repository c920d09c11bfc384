"""Pyro's parameter store: which tensors a pair reads from it, and which it leaves there."""

import sys
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import pyro
from pyro.distributions import constraints
from pyro.params.param_store import ParamStoreDict
from torch import Tensor, nn

_SETDEFAULT = ParamStoreDict.setdefault.__code__

# Tensors that a pair has declared, by id, as tensors compare by value: a reference, and whether a
# network owns them.
_declared: dict[int, tuple[weakref.ref[Tensor], bool]] = {}


class StoreView:
    """The store as a pair sees it while it runs: tensors that it declares, and loaded ones.

    A `PyroModule` (so an autoguide) takes over whatever the store holds under the names of its
    parameters. Tensors that other runs have left in the store are therefore hidden meanwhile.
    `pyro.param` gets its own back, for they are kept nowhere else.
    """

    def __init__(self) -> None:
        store = _store()
        self._params, self._names, self._constraints = (
            store._params, store._param_to_name, store._constraints,
        )  # fmt: skip
        self._shown = {
            name: leaf for name, leaf in self._params.items() if not _is_from_a_run(leaf)
        }
        self._read: set[str] = set()
        self._own: dict[str, nn.Parameter] = {}
        store._params = _Params(self._shown, self)
        store._param_to_name = {leaf: name for name, leaf in self._shown.items()}
        store._constraints = {name: self._constraints[name] for name in self._shown}

    def held(self, name: str) -> Tensor | None:
        """The unconstrained tensor under a name, shown or hidden."""
        leaf: Tensor | None = _store()._params.get(name)
        return self._params.get(name) if leaf is None else leaf

    def shown(self, name: str) -> tuple[Tensor | None, Any]:
        """The unconstrained tensor under a name, unless it is hidden, and its constraint."""
        store = _store()
        return store._params.get(name), store._constraints.get(name)

    def is_loaded(self, name: str) -> bool:
        """Whether the store held a tensor under a name that no run has left there."""
        return name in self._shown

    def take(self, name: str) -> nn.Parameter:
        """The unconstrained tensor under a name, for a network to keep."""
        self.read(name, of_networks=True)
        leaf = _store()._params[name]
        if not isinstance(leaf, nn.Parameter):  # as Pyro does: another type, the same data
            leaf = nn.Parameter(leaf)
            _drop(name)
            _put(name, leaf, constraints.real)
            if name in self._shown:
                self._shown[name] = leaf
            self._names.pop(self._params[name], None)
            self._params[name], self._names[leaf] = leaf, name
        return leaf

    def read(self, name: str, *, of_networks: bool) -> None:
        """Show the tensor that a run left under a name, a network's only with `of_networks`."""
        self._read.add(name)
        leaf = self._params.get(name)
        if leaf is None or name in _store()._params:
            return
        if of_networks or not _is_networks(leaf):
            _put(name, leaf, self._constraints[name])

    def list_own(self, name: str, own: nn.Parameter, *, of_network: bool) -> None:
        """Show a tensor that its network keeps, unless another was loaded under its name."""
        _remember(own, of_network=of_network)
        self._own[name] = own
        if name not in self._shown:
            _put(name, own, constraints.real)

    def close(self, *, newest: bool) -> None:
        """Put the store together again.

        Args:
            newest: Of two networks with one name the store lists the one that ran last; else the
                one that was there before. Neither replaces the value of a `pyro.param`.
        """
        store = _store()
        found, limits = store._params, store._constraints
        store._params, store._param_to_name, store._constraints = (
            self._params, self._names, self._constraints,
        )  # fmt: skip
        for name in self._shown.keys() - found.keys():
            _drop(name)
        for name, leaf in found.items():
            before, loaded = self._params.get(name), name in self._shown
            own = self._own.get(name)
            if loaded and own is not None and own is not before:
                if newest:
                    self._replace(name, own, constraints.real)
                continue
            if name in self._read:
                _remember(leaf, of_network=isinstance(leaf, nn.Parameter))
            if before is leaf:
                continue
            may_list = newest and before is not None and _is_networks(before)
            if before is None or loaded or may_list or not _is_networks(leaf):
                self._replace(name, leaf, limits[name])

    def _replace(self, name: str, leaf: Tensor, constraint: Any) -> None:  # noqa: ANN401
        if name in self._params:
            # The network that took it over has a tensor of its own.
            _remember(self._params[name], of_network=True)
            _drop(name)
        _put(name, leaf, constraint)


class _Params(dict[str, Tensor]):
    """The tensors that the store shows, and those that `pyro.param` asks for under a block.

    Under `poutine.block` (Pyro's losses use it to find how deep plates are nested) no handler sees
    a param statement, and the store would start the parameter anew. A `PyroModule` asks this dict
    the same question as `ParamStoreDict.setdefault`, and must get another answer. Nothing but the
    calling frame tells the two apart.
    """

    def __init__(self, shown: Mapping[str, Tensor], view: StoreView) -> None:
        super().__init__(shown)
        self._view = view

    def __contains__(self, name: object) -> bool:
        if not super().__contains__(name) and sys._getframe(1).f_code is _SETDEFAULT:
            self._view.read(cast(str, name), of_networks=False)
        return super().__contains__(name)


@contextmanager
def without_networks() -> Iterator[None]:
    """Within this context networks leave no tensors in the store."""
    store = _store()
    before, limits = dict(store._params), dict(store._constraints)
    try:
        yield
    finally:
        for name, leaf in list(store._params.items()):
            old = before.get(name)
            if old is leaf or not _is_networks(leaf):
                continue
            if old is None:
                _drop(name)
            elif _is_from_a_run(old) and old.data_ptr() != leaf.data_ptr():
                _drop(name)
                _put(name, old, limits[name])


def stored() -> dict[str, tuple[Tensor, Any]]:
    """The unconstrained tensors of the store and their constraints, by name."""
    limits = _store()._constraints
    return {name: (leaf, limits[name]) for name, leaf in _store()._params.items()}


def put(name: str, leaf: Tensor, constraint: Any) -> None:  # noqa: ANN401
    """Put an unconstrained tensor into the store, under a name that the store lacks."""
    _put(name, leaf, constraint)


def _store() -> Any:  # noqa: ANN401
    return pyro.get_param_store()


def _is_from_a_run(leaf: Tensor) -> bool:
    """Whether a run has left this tensor: a loaded one was neither declared nor trained yet."""
    return leaf.grad is not None or _declared_by_network(leaf) is not None


def _is_networks(leaf: Tensor) -> bool:
    by_network = _declared_by_network(leaf)
    return isinstance(leaf, nn.Parameter) if by_network is None else by_network


def _declared_by_network(leaf: Tensor) -> bool | None:
    reference, of_network = _declared.get(id(leaf), (None, None))
    return of_network if reference is not None and reference() is leaf else None


def _remember(leaf: Tensor, *, of_network: bool) -> None:
    if _declared_by_network(leaf) is None:
        key = id(leaf)
        _declared[key] = weakref.ref(leaf, lambda _: _declared.pop(key, None)), of_network


def _put(name: str, leaf: Tensor, constraint: Any) -> None:  # noqa: ANN401
    store = _store()
    store._params[name], store._constraints[name] = leaf, constraint
    store._param_to_name[leaf] = name


def _drop(name: str) -> None:
    store = _store()
    leaf = store._params.pop(name, None)
    store._constraints.pop(name, None)
    if leaf is not None and store._param_to_name.get(leaf) == name:
        del store._param_to_name[leaf]
