"""The tensors behind a pair's param statements: its networks' own, whatever Pyro's store holds."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.distributions import transform_to

from ..errors import ParameterError
from .handlers import Message, Messenger, is_hidden, recorded_parameters
from .param_statement import ParamStatement, current_statement
from .param_store import StoreView
from .traces import leaves_of

_watchers: list[Callable[[nn.Module], None]] = []


@contextmanager
def own_parameters() -> Iterator[None]:
    """Within this context a pair computes with the tensors of its own networks.

    Pyro's store keeps the first tensor that was registered under a name. A second network of
    that name, or one whose weights are not contiguous, would compute with tensors that no
    optimiser sees.
    """
    with OwnParameters(strict=True):
        yield


@contextmanager
def captured_parameters() -> Iterator[dict[str, Tensor]]:
    """Collect the unconstrained leaves that are declared within this context, by name.

    The store lists them afterwards, as after a step of Pyro's.
    """
    leaves: dict[str, Tensor] = {}
    with OwnParameters(strict=True, newest=True), recorded_parameters() as recorder:
        yield leaves
    leaves.update(leaves_of(recorder.trace))


@contextmanager
def watched_declarations(watch: Callable[[nn.Module], None]) -> Iterator[None]:
    """Within this context each parameter of `pyro.module` calls `watch` with its network.

    So networks are found that run inside a compiled function, where nothing sees them run.
    """
    _watchers.append(watch)
    try:
        yield
    finally:
        _watchers.remove(watch)


class OwnParameters(Messenger):
    """Answer param statements of networks with their own tensors, whatever the store holds.

    The store shows what `StoreView` says. A frozen tensor stays frozen, which the store would
    make require grad.

    Args:
        strict: Refuse a second tensor under a name, which no optimiser would see. With Pyro's
            `module_local_params` such a pair is sound where its networks' own parameters are
            optimised, and not where parameters are collected by name.
        newest: See `StoreView.close`.
    """

    _view: StoreView | None = None  # of all that run inside one another
    _is_seen_outside = False  # by handlers other than this library's

    def __init__(self, *, strict: bool = False, newest: bool = False) -> None:
        super().__init__()
        self._strict, self._newest = strict, newest
        self._opened = False
        self._owners: dict[str, object] = {}

    def __enter__(self) -> Self:
        if OwnParameters._view is None:
            OwnParameters._view, self._opened = StoreView(), True
            # Pyro's own `SVI` asks the values of its sites for their leaves.
            OwnParameters._is_seen_outside = not is_hidden()
        return cast(Self, super().__enter__())

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401
        super().__exit__(*error)
        if self._opened and OwnParameters._view is not None:
            OwnParameters._view.close(newest=self._newest)
            OwnParameters._view, self._opened = None, False

    def _pyro_param(self, msg: Message) -> None:
        name, *init = msg["args"]
        view = cast(StoreView, OwnParameters._view)
        statement = current_statement()
        if _watchers and (network := statement.network) is not None:
            for watch in _watchers:
                watch(network)
        if init and isinstance(init[0], nn.Parameter):
            msg["value"] = self._value_of(name, init[0], statement, view)
            msg["done"] = True
        elif init:
            if statement.origin == "user":
                view.read(name, of_networks=False)
        else:
            self._read(msg, name, statement, view)

    def _value_of(
        self, name: str, declared: nn.Parameter, statement: ParamStatement, view: StoreView
    ) -> Tensor:
        held = view.held(name)
        own = declared
        if held is not None and held is not declared:
            own = self._chosen(name, declared, held, statement, view)
        self._claim(name, own)
        is_users = statement.origin == "user"
        if own.requires_grad and statement.origin != "local":
            view.list_own(name, own, of_network=not is_users)
        value = _with_leaf(own, own) if is_users else own
        if self._is_seen_outside:
            own.unconstrained = weakref.ref(own)  # type: ignore[attr-defined]
        return value

    def _read(self, msg: Message, name: str, statement: ParamStatement, view: StoreView) -> None:
        """Let a statement without a tensor read the store, or the module that makes it."""
        if statement.origin in ("network", "local"):
            self._claim(name, statement.owner)
        if statement.origin != "local":
            view.read(name, of_networks=True)
            leaf, constraint = view.shown(name)
            if isinstance(leaf, nn.Parameter):  # which the store would mark: see `_with_leaf`
                msg["value"] = _with_leaf(transform_to(constraint)(leaf), leaf)
                msg["done"] = True

    @staticmethod
    def _chosen(
        name: str, own: nn.Parameter, held: Tensor, statement: ParamStatement, view: StoreView
    ) -> nn.Parameter:
        """The tensor of a network, or that of the store where the network asks for it."""
        asks = statement.origin == "attribute" and view.is_loaded(name)
        if not asks and not statement.updates_its_module:
            return own
        if held.shape != own.shape:
            raise ParameterError(
                f"Pyro's store holds a tensor of shape {list(held.shape)} under '{name}', and the "
                f"network's own is {list(own.shape)}; load what was saved of a network like this "
                "one, or call pyro.clear_param_store()"
            )
        return view.take(name)

    def _claim(self, name: str, owner: object) -> None:
        if isinstance(owner, Tensor) and owner.is_inference() and torch.is_grad_enabled():
            raise ParameterError(
                f"parameter '{name}' was made under torch.inference_mode(), and torch trains no "
                "such tensor; make the networks outside of it"
            )
        if self._strict and self._owners.setdefault(name, owner) is not owner:
            raise ParameterError(
                f"the pair declares two tensors as parameter '{name}', of which one would never "
                "train; give two networks two names (in a PyroModule: its attributes), and give "
                "`pyro.param` a plain tensor to start from, made once"
            )


def _with_leaf(value: Tensor, leaf: Tensor) -> Tensor:
    """A param statement's value that knows its leaf.

    Pyro marks the leaf itself where it is the value, and a module with a marked parameter can no
    longer be pickled.
    """
    value = value.view_as(value) if value is leaf else value
    value.unconstrained = weakref.ref(leaf)  # type: ignore[attr-defined]
    return value
