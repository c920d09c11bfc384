"""Small tensors of whole numbers, whose values Python may read while a graph is traced."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

_SMALL = 4096


def is_table(tensor: Tensor) -> bool:
    """Whether a graph may hold the values of a tensor as constants."""
    return not tensor.is_floating_point() and tensor.numel() <= _SMALL


class KnownTables(TorchDispatchMode):
    """Computes at once, outside of the trace, what depends on tables alone.

    Python can loop over a permutation so.

    Args:
        tables: Tensors whose values are known.
    """

    def __init__(self, tables: Sequence[Tensor]) -> None:
        super().__init__()
        self._known = WeakTensorKeyDictionary()
        for table in tables:
            self._known[table] = True

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        known = bool(tensors) and all(tensor in self._known for tensor in tensors)
        if not known or torch.Tag.nondeterministic_seeded in func.tags:
            return func(*args, **kwargs)
        with _disable_current_modes():
            out = func(*args, **kwargs)
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._known[leaf] = True
        return out
