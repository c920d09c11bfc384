"""The tensors that a computation reads from outside, and those of them that it changes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from ..errors import CaptureError

_FRESH = {torch.ops.aten.lift_fresh.default, torch.ops.aten.lift_fresh_copy.default}
_INDEX = {torch.ops.aten.index.Tensor}
_PUT = {torch.ops.aten.index_put.default, torch.ops.aten.index_put_.default}
# Batch normalisation writes into these, and the schemas of its kernels do not say so.
_UPDATES_STATISTICS = {
    torch.ops.aten.native_batch_norm.default,
    torch.ops.aten.cudnn_batch_norm.default,
    torch.ops.aten.miopen_batch_norm.default,
}
_STATISTICS = {"running_mean", "running_var"}


class ReadSet(TorchDispatchMode):
    """Records which tensors a run reads and writes, by watching each operation below autograd.

    The tensors that it finds become inputs of the graph: parameters, buffers, an optimiser's
    state, a weight that a schedule writes into. So no graph holds a tensor that could change
    without it.

    Args:
        given: Inputs of the run, which are known already.

    Attributes:
        externals: Tensors that the run read and did not make.
        changed: Those of them that it wrote into, directly or through a view.

    Raises:
        CaptureError: In the run, at an operation whose result has a shape that depends on values,
            which a graph would freeze.
    """

    def __init__(self, given: Sequence[Tensor]) -> None:
        super().__init__()
        self.externals: list[Tensor] = []
        self._known = WeakTensorKeyDictionary()
        self._storages: dict[int, list[Tensor]] = {}
        self._before: dict[int, tuple[Tensor, Tensor]] = {}
        for tensor in given:
            self._known[tensor] = True

    @property
    def changed(self) -> list[Tensor]:
        return [tensor for tensor, _ in self._before.values()]

    def undo(self) -> None:
        """Give the changed tensors the values that they had before the run."""
        with torch.no_grad():
            for tensor, value in self._before.values():
                tensor.copy_(value)

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        _refuse_shapes_from_values(func, args)
        for tensor in tree_leaves((args, kwargs)):
            if isinstance(tensor, Tensor) and tensor not in self._known:
                self._known[tensor] = True
                if func not in _FRESH:  # a constant that Python has just made: `torch.tensor(1.0)`
                    self.externals.append(tensor)
                    self._storages.setdefault(_storage(tensor), []).append(tensor)
        if func._schema.is_mutable or func in _UPDATES_STATISTICS:
            for tensor in _written(func, args, kwargs):
                for external in self._storages.get(_storage(tensor), ()):
                    if id(external) not in self._before:
                        self._before[id(external)] = external, external.detach().clone()
        out = func(*args, **kwargs)
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._known[tensor] = True
        return out


def _written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:  # noqa: ANN401
    values = []
    for position, argument in enumerate(func._schema.arguments):
        declared = argument.alias_info is not None and argument.alias_info.is_write
        if declared or argument.name in _STATISTICS:
            named = kwargs.get(argument.name)
            values.append(args[position] if position < len(args) else named)
    return [tensor for tensor in tree_leaves(values) if isinstance(tensor, Tensor)]


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _refuse_shapes_from_values(func: Any, args: tuple[Any, ...]) -> None:  # noqa: ANN401
    if func in _INDEX or func in _PUT:
        masked = any(t is not None and t.dtype in (torch.bool, torch.uint8) for t in args[1])
        if masked and not (func in _PUT and args[2].numel() == 1):
            raise CaptureError(
                "it indexes with a boolean mask, and how many entries that picks depends on "
                "their values; write it with torch.where"
            )
    elif torch.Tag.dynamic_output_shape in func.tags:
        raise CaptureError(
            f"the shape of what {func.name()} gives depends on the values that it is given"
        )
