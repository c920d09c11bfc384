"""A function whose arguments and results hold more than tensors, as a graph."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from .captured import Captured, Compiler
from .inductor import compiled

T = TypeVar("T")

_PLAIN = (bool, int, float, str, type(None))


class CapturedCall:
    """`Captured` for any function: what is no tensor belongs to the kind of call, or to the graph.

    Args:
        function: Takes and gives tensors, and other things, in tuples, lists, dicts and named
            tuples. Runs without gradient.
        name: Who speaks in the warning.
        settings: What besides the arguments makes another graph; see `settings_of`.
        compiler: See `Captured`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        settings: Callable[[], Hashable] = tuple,
        compiler: Compiler | None = compiled,
    ) -> None:
        self._function, self._settings = function, settings
        self._captured = Captured(self._run, name, compiler=compiler)
        self._key: Hashable = None
        self._given: tuple[list[Any], Any] = [], None
        self._made: dict[Hashable, tuple[list[Any], Any]] = {}

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
        others, tree = self._made[key]
        computed = iter(found)  # a CUDA graph writes into the same tensors the next time
        leaves = [next(computed).clone() if isinstance(o, _Place) else o for o in others]
        return pytree.tree_unflatten(leaves, tree)

    def prepare(self, args: Sequence[Any], fresh: Sequence[Any]) -> None:
        """Capture with these arguments and check on others of the same kind, without a trace."""
        other, others = self._enter(tuple(fresh))
        key, tensors = self._enter(tuple(args))
        if key == other:
            self._captured.prepare(key, tensors, others)

    def _enter(self, args: tuple[Any, ...]) -> tuple[Hashable, list[Tensor]]:
        self._given = leaves, tree = pytree.tree_flatten(args)
        self._key = repr(tree), kind_of(leaves), self._settings()
        return self._key, [leaf for leaf in leaves if isinstance(leaf, Tensor)]

    def _run(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        leaves, tree = self._given
        given = iter(tensors)
        leaves = [next(given) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        with torch.no_grad():
            result = self._function(*pytree.tree_unflatten(leaves, tree))
        outputs, shape = pytree.tree_flatten(result)
        self._made[self._key] = [_Place() if isinstance(o, Tensor) else o for o in outputs], shape
        return tuple(output for output in outputs if isinstance(output, Tensor))


class _Place:
    """Where a tensor of the graph goes."""


def kind_of(leaves: Iterable[Any]) -> Hashable:
    """What a graph freezes of its arguments: shapes and places of tensors, plain values."""
    return tuple(
        (leaf.shape, leaf.stride(), leaf.dtype, leaf.device)
        if isinstance(leaf, Tensor)
        else leaf if type(leaf) in _PLAIN else id(leaf)
        for leaf in leaves
    )  # fmt: skip


def settings_of(owners: Iterable[object]) -> Hashable:
    """The plain values that objects hold under public names, such as a network's mode."""
    return tuple(
        value
        for owner in owners
        for name, value in vars(owner).items()
        if type(value) in _PLAIN and name[0] != "_"
    )
