"""`torch.nn.functional.one_hot` in a graph."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class OneHotByScatter(TorchFunctionMode):
    """Traces `one_hot(index, n)`, which reads its index into Python to see that it fits.

    A scatter gives the same numbers, and refuses what does not fit when the graph runs.
    """

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        if func is not torch.nn.functional.one_hot:
            return func(*args, **kwargs)
        try:
            return func(*args, **kwargs)
        except RuntimeError:
            index, size = _given(*args, **kwargs)
            if size < 1 or index.dtype != torch.int64:
                raise
            zeros = torch.zeros((*index.shape, size), dtype=index.dtype, device=index.device)
            return zeros.scatter(-1, index[..., None], 1)


def _given(tensor: Tensor, num_classes: int = -1) -> tuple[Tensor, int]:
    return tensor, num_classes
