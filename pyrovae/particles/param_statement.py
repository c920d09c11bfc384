"""Which code makes a param statement: the user's, `pyro.module`, or a `PyroModule`."""

import sys
from types import FrameType
from typing import Any, Literal, NamedTuple, cast

import pyro
from torch import nn

Origin = Literal["user", "network", "attribute", "local"]

_PARAM, _MODULE = (cast(Any, function).__code__ for function in (pyro.param, pyro.module))
_FOR_NETWORKS = {"pyro.primitives", "pyro.nn.module", f"{__package__}.parameters"}
_OF_HANDLERS = {__name__, f"{__package__}.own_parameters"}


class ParamStatement(NamedTuple):
    """A param statement that a handler sees.

    Attributes:
        origin: "network" is `pyro.module` or a `PyroModule`; "attribute" is a `PyroModule` that
            is given a new parameter; "local" is a `PyroModule` that does without the store;
            "user" is all else.
        frame: Of the code that makes it.
    """

    origin: Origin
    frame: FrameType | None

    @property
    def owner(self) -> object:
        """The `PyroModule` that reads one of its parameters."""
        return cast(FrameType, self.frame).f_locals["self"]

    @property
    def updates_its_module(self) -> bool:
        """Whether it is that of `pyro.module(..., update_module_params=True)`."""
        frame = self.frame
        if frame is None or frame.f_code is not _MODULE:
            return False
        return bool(frame.f_locals.get("update_module_params"))

    @property
    def network(self) -> nn.Module | None:
        """The network that `pyro.module` declares; None where it is another statement."""
        if self.frame is None or self.frame.f_code is not _MODULE:
            return None
        return cast(nn.Module, self.frame.f_locals["nn_module"])


def current_statement() -> ParamStatement:
    """The param statement that is being handled.

    Pyro's message has a name and a tensor, and does not say whether a network or the user declares
    it, nor what `pyro.module` was called with. Only the calling frame tells; the alternative is to
    replace `pyro.module` and the accessors of `PyroModule` for the whole process.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_of_handlers(frame):
        frame = frame.f_back
    through_store = frame is not None and frame.f_code is _PARAM
    if frame is not None and through_store:
        frame = frame.f_back
    if frame is None:
        return ParamStatement("user", None)
    if frame.f_globals.get("__name__") not in _FOR_NETWORKS:
        return ParamStatement("user", frame)
    if not through_store:
        return ParamStatement("local", frame)
    is_set = frame.f_code.co_name == "__setattr__"
    return ParamStatement("attribute" if is_set else "network", frame)


def _is_of_handlers(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    return name in _OF_HANDLERS or name.startswith("pyro.poutine")
