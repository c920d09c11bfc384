"""A function whose arguments and results hold more than tensors, as a graph."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from .arguments import arguments_of
from .captured import Captured, Compiler
from .inductor import compile_graph


class CapturedCall:
    """`Captured` for a function whose arguments and results are not tensors alone.

    What is no tensor among the arguments belongs to the kind of call, and among the results to
    the graph.

    Args:
        function: Takes and gives tensors, and other things, in tuples, lists, dicts and named
            tuples. Runs without gradient.
        name: How warnings call it.
        static: What besides the arguments makes another graph; see `StaticKey`.
        compiler: See `Captured`, as for the next.
        warns: Whether a refusal is a warning.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        static: Callable[[], Hashable] = tuple,
        compiler: Compiler | None = compile_graph,
        warns: bool = True,
    ) -> None:
        self._function, self._static = function, static
        self._captured = Captured(self._run, name, compiler=compiler, warns=warns)
        self._key: Hashable = None
        self._arguments = arguments_of((), {})  # of the next run
        self._results: dict[Hashable, tuple[list[Any], Any]] = {}  # leaves and tree of each kind

    @property
    def refusal(self) -> str:
        """Why the function is called as it is; empty while it need not be."""
        return self._captured.refusal

    @property
    def seconds(self) -> float:
        """Time spent on tracing and compiling."""
        return self._captured.seconds

    def __call__(self, *args: Any) -> Any | None:  # noqa: ANN401
        """What `function(*args)` gives; None where the caller must call it itself this time."""
        key, tensors = self._enter(args)
        found = self._captured(key, *tensors)
        if found is None:
            return None
        others, tree = self._results[key]
        computed = iter(found)  # a CUDA graph writes into the same tensors the next time
        leaves = [next(computed).clone() if isinstance(o, _Computed) else o for o in others]
        return pytree.tree_unflatten(leaves, tree)

    def prepare(self, args: Sequence[Any], fresh: Sequence[Any]) -> None:
        """Capture with these arguments and check on others of the same kind, without a trace."""
        other, others = self._enter(tuple(fresh))
        key, tensors = self._enter(tuple(args))
        if key == other:
            self._captured.prepare(key, tensors, others)

    def _enter(self, args: tuple[Any, ...]) -> tuple[Hashable, list[Tensor]]:
        """Key and tensors of a call, whose other arguments the next run is given."""
        self._arguments = arguments = arguments_of(args, {})
        self._key = arguments.key, self._static()
        return self._key, arguments.tensors

    def _run(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        args, _ = self._arguments.restored(tensors)
        with torch.no_grad():
            result = self._function(*args)
        outputs, tree = pytree.tree_flatten(result)
        others = [_Computed() if isinstance(o, Tensor) else o for o in outputs]
        self._results[self._key] = others, tree
        return tuple(output for output in outputs if isinstance(output, Tensor))


class _Computed:
    """Stands among results for a tensor that the graph computes."""
