"""Each rank draws the noise of the whole batch, and takes that of its rows."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ...runtime.distributed import Part

# Functions that draw, and along how many of their axes the data may be (None: along any).
_OF_TENSORS: dict[Callable[..., Any], int | None] = {
    torch.normal: None,
    torch.bernoulli: None,
    torch.Tensor.bernoulli: None,
    torch.poisson: None,
    torch.binomial: None,
    torch.rand_like: None,
    torch.randn_like: None,
    torch.randint_like: None,
    torch._standard_gamma: None,
    torch._sample_dirichlet: -1,
    torch.multinomial: -1,
    torch.Tensor.multinomial: -1,
    functional.gumbel_softmax: -1,
    functional.dropout: None,
    functional.alpha_dropout: None,
    functional.dropout1d: 2,
    functional.dropout2d: 2,
    functional.dropout3d: 2,
    functional.feature_alpha_dropout: 2,
}
_INTO = {
    torch.Tensor.normal_,
    torch.Tensor.uniform_,
    torch.Tensor.bernoulli_,
    torch.Tensor.exponential_,
    torch.Tensor.cauchy_,
    torch.Tensor.geometric_,
    torch.Tensor.log_normal_,
    torch.Tensor.random_,
}
_OF_SIZE = {torch.rand, torch.randn, torch.randint, torch.normal}


class SharedNoise(TorchFunctionMode):
    """Within this context draws are this rank's part of what one process would draw.

    The ranks have the same random state, and draw as many numbers as the whole batch takes. So
    a rank's rows get the noise that they would get in one process, no two rows the same, and a run
    may be resumed with another number of ranks. The cost is drawing for all rows on every rank,
    which is small against that of the networks.

    The axis of the data is found by its length. It is the second where particles come first; or
    the first, alone or with all particles in it; else the first axis as long as the rank's part,
    or a multiple of it. Another axis of the same length may be taken by mistake. The noise then
    has the same distribution, but is not that of one process, and rows of different ranks may
    share numbers. Draws without such an axis are the same on all ranks. So are draws inside
    torch's own functions (attention and recurrent networks with dropout), which cannot be changed
    here.

    How many numbers a gamma or Poisson variable takes depends on its parameters. The random states
    of the ranks then differ, and are made equal after every epoch; their noise is independent.

    Args:
        part: The rank's rows.
        num_particles: K, where particles are drawn along an axis of their own.
    """

    def __init__(self, part: Part, num_particles: int = 1) -> None:
        super().__init__()
        self._part, self._num_particles = part, num_particles

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        if func in _INTO:
            return self._into(func, args, kwargs)
        shapes = [a.shape for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        if func in _OF_TENSORS and shapes:
            return self._of_tensors(func, torch.broadcast_shapes(*shapes), args, kwargs)
        if func in _OF_SIZE:
            return self._of_size(func, args, kwargs)
        return func(*args, **kwargs)

    def _into(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        target, *others = args
        found = self._axis(target.shape, target.dim())
        if found is None:
            return func(*args, **kwargs)
        whole = target.new_empty(self._whole(target.shape, *found))
        others = [self._padded(arg, target.dim(), *found) for arg in others]
        kwargs = {name: self._padded(arg, target.dim(), *found) for name, arg in kwargs.items()}
        return target.copy_(self._own(func(whole, *others, **kwargs), *found))

    def _of_tensors(
        self,
        func: Any,  # noqa: ANN401
        shape: Sequence[int],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:  # noqa: ANN401
        rank, most = len(shape), _OF_TENSORS[func]
        axes = rank if most is None else rank + most if most < 0 else min(most, rank)
        found = self._axis(shape, axes)
        if found is None:
            return func(*args, **kwargs)
        args = tuple(self._padded(arg, rank, *found) for arg in args)
        kwargs = {name: self._padded(arg, rank, *found) for name, arg in kwargs.items()}
        return self._own(func(*args, **kwargs), *found)

    def _of_size(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        """Sizes come as `size=`, as a last sequence, or (`rand(2, 3)`) as all the numbers."""
        one_by_one = func in (torch.rand, torch.randn) and args and isinstance(args[0], int)
        if one_by_one:
            args = (args,)
        size = kwargs["size"] if "size" in kwargs else args[-1]
        found = self._axis(size, len(size))
        if found is None:
            return func(*args, **kwargs)
        whole = self._whole(size, *found)
        if "size" in kwargs:
            return self._own(func(*args, **{**kwargs, "size": whole}), *found)
        return self._own(func(*args[:-1], whole, **kwargs), *found)

    def _axis(self, shape: Sequence[int], axes: int) -> tuple[int, int] | None:
        """The axis of the data, and how many times they are repeated along it."""
        rows, many, first = self._part.rows, self._num_particles, shape[0] if axes else None
        if axes > 1 and first == many > 1 and shape[1] == rows:
            return 1, 1
        if first == many * rows:
            return 0, many
        times = {axis: shape[axis] // rows for axis in range(axes) if shape[axis] % rows == 0}
        once = [axis for axis, count in times.items() if count == 1]
        more = [axis for axis, count in times.items() if count > 1]
        return (once[0], 1) if once else (more[0], times[more[0]]) if more else None

    def _whole(self, shape: Sequence[int], axis: int, times: int) -> list[int]:
        return [*shape[:axis], times * self._part.total, *shape[axis + 1 :]]

    def _padded(self, value: Any, rank: int, axis: int, times: int) -> Any:  # noqa: ANN401
        """A tensor with rows for the whole batch, those of other ranks being copies of ours."""
        own = axis - rank + value.dim() if isinstance(value, Tensor) else -1
        if own < 0 or value.shape[own] != times * self._part.rows:
            return value
        places = torch.arange(self._part.total, device=value.device) - self._part.start
        rows = value.unflatten(own, (times, self._part.rows))
        rows = rows.index_select(own + 1, places.clamp(0, self._part.rows - 1))
        return rows.flatten(own, own + 1)

    def _own(self, whole: Tensor, axis: int, times: int) -> Tensor:
        rows = whole.unflatten(axis, (times, self._part.total))
        return rows.narrow(axis + 1, self._part.start, self._part.rows).flatten(axis, axis + 1)
