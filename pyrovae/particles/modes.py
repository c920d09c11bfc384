"""Networks in evaluation mode within a context, and in their own mode again after it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

from torch import nn

from ..errors import ConfigError
from .handlers import is_in_program
from .held_networks import held_networks, is_compiled

Mode = Literal["evaluation", "as is"]
"""In which mode a measurement runs networks: evaluation mode, or the one that each is in."""


@contextmanager
def evaluating(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Within this context networks are in evaluation mode; each module gets its own back."""
    switched = _Switched()
    try:
        for network in networks:
            switched.add(network)
        yield
    finally:
        switched.restore()


@contextmanager
def in_mode(mode: Mode, *programs: object) -> Iterator[None]:
    """Within this context the networks of a pair are in a mode.

    They are those that the programs hold, whichever style they are written in, and those that a
    Pyro program runs meanwhile. Networks of others, such as an objective, stay as they are.

    A program may make or import a network while it runs, and only torch's global hook sees it
    before it runs. No hook is set beside a compiled network, which torch.compile would trace anew.

    Raises:
        ConfigError: There is no such mode.
    """
    check_mode(mode)
    if mode == "as is":
        yield
        return
    held = held_networks(*programs)
    switched = _Switched()

    def switch(module: nn.Module, _: Any) -> None:  # noqa: ANN401
        if is_in_program():
            switched.add(module)

    needs_no_hook = any(map(is_compiled, held))
    hook = None if needs_no_hook else nn.modules.module.register_module_forward_pre_hook(switch)
    try:
        for network in held:
            switched.add(network)
        yield
    finally:
        if hook is not None:
            hook.remove()
        switched.restore()


def check_mode(mode: str) -> None:
    """Check that this is a mode.

    Raises:
        ConfigError: It is none.
    """
    if mode not in get_args(Mode):
        raise ConfigError(
            f"mode is {mode!r}, and must be 'evaluation', or 'as is' for networks in the mode "
            "that they are in"
        )


class _Switched:
    """Networks that were put into evaluation mode, and the modes that they had."""

    def __init__(self) -> None:
        # Weak: a program may make networks in every run.
        self._modes: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()
        self._trained: WeakKeyDictionary[nn.Module, None] = WeakKeyDictionary()

    def add(self, network: nn.Module) -> None:
        if network in self._modes:
            return
        if network.training:
            self._trained[network] = None
        new = {m: m.training for m in network.modules() if m not in self._modes}
        self._modes.update(new)
        network.eval()

    def restore(self) -> None:
        for network in list(self._trained):  # an overridden `train` undoes an overridden `eval`
            network.train()
        for module, mode in list(self._modes.items()):
            module.training = mode
