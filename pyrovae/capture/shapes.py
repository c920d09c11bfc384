"""Shapes of the results in a graph, noted quickly."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes

_EMPTY = torch.ops.aten.empty_strided.default


class ShapesMode(FakeTensorMode):
    """torch's mode of tensors without values, which makes one of a given shape at once.

    A trace makes one for each result. torch takes its general way there, through a cache of
    results by operation and arguments, which is a third of the time of a trace.
    """

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        options = dict(kwargs or {})
        device = options.pop("device", None)
        if func is not _EMPTY or device is None:
            return super().__torch_dispatch__(func, types, args, kwargs or {})
        with _disable_current_modes():
            shape = torch.empty_strided(*args, **options, device="meta")
        return FakeTensor(self, shape, device)
