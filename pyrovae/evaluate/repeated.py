"""A function of tensors that is called many times: eagerly, or as one graph."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

import pyro
import torch
from torch.fx import GraphModule

from ..capture import CapturedCall, hoisted
from ..capture.inductor import Code, compile_graph
from ..errors import CaptureWarning, ConfigError, warn
from .collect import Compile

_WORTH_A_TRACE = 400  # calls; each saves milliseconds of Pyro, and a trace takes up to a second
# What inductor saves against torch's interpreter on one core, and takes on two with cold caches.
_SECONDS_PER_CALL, _SECONDS_PER_NUMBER = 3e-4, 1e-8
_WORTH_COMPILING = 20.0

ONE_BY_ONE = (
    "a pair that draws one by one (vectorize_particles=False, or its networks cannot take all "
    "particles at once) is traced once for each particle, and a graph would hold them all"
)

R = TypeVar("R")


def check_compile(compile: object) -> None:
    """Refuse what is no `Compile`.

    Raises:
        ConfigError: It is not.
    """
    if compile not in (True, False, "auto"):
        raise ConfigError(f"compile is {compile!r}, and must be True, False or 'auto'")


class Repeated(Generic[R]):
    """Calls a function eagerly at first, and by a graph once that has been checked.

    Calls with tensors of other shapes get a graph of their own.

    Args:
        function: Takes tensors, of which the last `varying` differ from call to call, and gives
            tensors in a tuple. Runs without gradient; may ask for its own.
        name: How a warning calls it.
        varying: See `function`.
        calls: How many lie ahead.
        numbers: In the largest tensor of a call, about.
        device: Of the tensors.
        compile: True compiles the graph by inductor. "auto" decides by the work ahead: few calls
            are eager, many go through torch's interpreter, and where inductor saves twice the
            seconds that it takes, it compiles the first kind of call. What cannot be a graph
            runs eagerly, with a warning where `compile` is True.

    Raises:
        ConfigError: `compile` is something else.
    """

    def __init__(
        self,
        function: Callable[..., R],
        name: str,
        *,
        varying: int,
        calls: int,
        numbers: int,
        device: torch.device,
        compile: Compile = "auto",
    ) -> None:
        check_compile(compile)
        self._function, self._name = function, name
        self._asked = compile is True
        self._call: CapturedCall | None = None
        if compile is True or (compile == "auto" and calls >= _WORTH_A_TRACE):
            # A GPU replays any graph as a whole, and most of the time is saved by that.
            saved = calls * (_SECONDS_PER_CALL + _SECONDS_PER_NUMBER * numbers)
            compiles = compile is True or (device.type == "cpu" and saved > _WORTH_COMPILING)
            self._call = CapturedCall(
                self._run, name, compiler=self._compiler(varying, compiles), warns=self._asked
            )

    @property
    def refusal(self) -> str:
        """Why there is no graph although one was wanted; empty while there may be one."""
        return "" if self._call is None else self._call.refusal

    @property
    def is_captured(self) -> bool:
        """Whether the function runs, or will run, as a graph."""
        return self._call is not None and not self._call.refusal

    def __call__(self, *args: object) -> R:
        """What `function(*args)` gives."""
        found = None if self._call is None else self._call(*args)
        return self._function(*args) if found is None else cast(R, found)

    def refuse(self, reason: str) -> None:
        """Run eagerly from now on; a warning says why, if compiling was asked for."""
        if self._call is not None and self._asked:
            warn(f"{self._name} is not compiled: {reason}", CaptureWarning)
        self._call = None

    def _run(self, *args: object) -> R:
        with pyro.validation_enabled(False):
            return self._function(*args)

    def _compiler(
        self, varying: int, compiles: bool
    ) -> Callable[[GraphModule, Sequence[torch.Tensor]], Code]:
        kinds = 0

        def compile(graph: GraphModule, tensors: Sequence[torch.Tensor]) -> Code:
            nonlocal kinds
            kinds += 1
            inductor = compiles and (self._asked or kinds == 1)
            return hoisted(varying, compile_graph if inductor else None)(graph, tensors)

        return compile
