"""A graph that is run under many seeds, as many of them in one call as fit."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from ..errors import CaptureError
from .captured import Compiler
from .cross_entropy import with_summed_cross_entropy
from .diagnose import diagnose
from .graph import Traced, single_operations
from .in_place import written_in_place
from .interpreted import interpreted, narrowed, simplified
from .noise import Split, split_noise, writes_in_place
from .products import with_fused_products
from .replay import as_cuda_graph

_LARGEST = 2**20  # bytes of the largest tensor of a call, so that it stays in cache
_MOST = 64  # seeds a call; the cost of a call is then small beside that of its arithmetic
_ONE_BY_ONE = 16  # seeds a call where each is a run of its own
_UNROLLED = 2  # a call of many seeds may hold so many times the operations of one


class SeededGraph:
    """A traced computation, which is given nothing, under many seeds.

    Random numbers are drawn seed by seed, as the computation draws them. What is computed from
    them is computed for many seeds at once, by `torch.func.vmap`, where the graph writes into no
    tensor from outside.

    Args:
        traced: The computation.
        together: Compute many seeds at once.
        compiler: Makes code of a graph; None leaves it to torch's interpreter.
        name: How warnings call the computation.

    Attributes:
        size: Seeds a call, at most.

    Raises:
        CaptureError: Seeds cannot be computed together.
    """

    def __init__(
        self, traced: Traced, together: bool, compiler: Compiler | None = None, name: str = ""
    ) -> None:
        self.traced, self.is_together = traced, together
        self._code: Callable[..., Sequence[Tensor]] = traced.graph
        self.size = _ONE_BY_ONE
        if together:
            self._split = _split(traced)
            self.size = max(1, min(_MOST, _LARGEST // max(1, self._split.largest)))
            if self.size == 1:
                raise CaptureError("one draw is large enough for a call of its own")
            graph = _for_many(self._split, traced.externals, self.size)
            if compiler is None:
                self._code = _for_interpreter(graph).forward
            else:
                self._code = self._compiled(graph, compiler, name)
        elif compiler is not None:
            self._code = compiler(traced.graph, traced.externals)

    def __call__(self, seeds: Sequence[int]) -> list[Tensor]:
        """What each seed gives, with an axis of seeds first [S, ...].

        Leaves random streams where the last seed leaves them.
        """
        with torch.no_grad():
            return self._together(seeds) if self.is_together else self._one_by_one(seeds)

    def _one_by_one(self, seeds: Sequence[int]) -> list[Tensor]:
        found = []
        for seed in seeds:
            self._start(seed)
            found.append([t.clone() for t in self._code(*self.traced.externals)])
        return [torch.stack(tensors) for tensors in zip(*found, strict=True)]

    def _together(self, seeds: Sequence[int]) -> list[Tensor]:
        externals, split = self.traced.externals, self._split
        fixed = split.fixed(*externals)
        noise = _places(split, self.size)
        for index, seed in enumerate(seeds):
            self._start(seed)
            for place, value in zip(noise, split.noise(*externals, *fixed), strict=True):
                place[index] = value
        for place in noise:  # the last call may have fewer seeds
            place[len(seeds) :] = place[:1]
        return [tensor[: len(seeds)] for tensor in self._code(*externals, *noise)]

    def _compiled(
        self, graph: GraphModule, compiler: Compiler, name: str
    ) -> Callable[..., Sequence[Tensor]]:
        noise = _places(self._split, self.size)
        externals = self.traced.externals
        code = compiler(graph, [*externals, *noise])
        return as_cuda_graph(code, Traced(graph, externals, [], []), noise, name)

    def _start(self, seed: int) -> None:
        # `torch.manual_seed` costs as much as a small draw, and where CUDA has not been used, it
        # notes the place in the program that called it.
        torch.default_generator.manual_seed(seed)
        if any(tensor.device.type != "cpu" for tensor in self.traced.externals):
            torch.manual_seed(seed)


def _split(traced: Traced) -> Split:
    if traced.changed:
        raise CaptureError("it writes into tensors, which the next draw reads")
    graph = traced.graph
    if any(writes_in_place(node) for node in graph.graph.nodes):
        function = torch.func.functionalize(graph, remove="mutations")
        with torch.no_grad():
            graph = single_operations(function, traced.externals)
    return split_noise(graph)


def _places(split: Split, size: int) -> list[Tensor]:
    """Memory for the random numbers of so many seeds."""
    return [
        torch.zeros((size, *value.shape), dtype=value.dtype, device=value.device)
        for value in (node.meta["val"] for node in split.values)
    ]


def _for_many(split: Split, externals: Sequence[Tensor], size: int) -> GraphModule:
    """The rest of a graph for so many seeds at once."""
    noise = _places(split, size)
    dims = (*[None] * len(externals), *[0] * len(noise))
    functorch: Any = torch._C._functorch
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # Of an operation that vmap runs seed by seed; too many of them are refused below.
            warnings.simplefilter("ignore", UserWarning)
            functorch._set_vmap_fallback_warning_enabled(False)
            one = _with_any_strides(with_summed_cross_entropy(split.rest))
            many = torch.func.functionalize(torch.vmap(one, dims), remove="mutations")
            found = single_operations(many, [*externals, *noise])
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        raise CaptureError(diagnose(error)) from error
    finally:
        functorch._set_vmap_fallback_warning_enabled(True)  # as it is in torch
    found.graph.eliminate_dead_code()
    found.recompile()
    before, after = (len(graph.graph.nodes) for graph in (split.rest, found))
    if after > _UNROLLED * before:
        raise CaptureError(f"torch.vmap makes {after} operations of {before}")
    return found


def _with_any_strides(graph: GraphModule) -> GraphModule:
    """The graph, its views taken by `reshape`: with an axis of seeds strides may be others."""
    for node in graph.graph.find_nodes(op="call_function", target=torch.ops.aten.view.default):
        node.target = torch.ops.aten.reshape.default
    graph.recompile()
    return graph


def _for_interpreter(graph: GraphModule) -> GraphModule:
    """The graph of many seeds in fewer and faster operations."""
    if any(writes_in_place(node) for node in graph.graph.nodes):
        return graph
    graph = _with_any_strides(with_fused_products(narrowed(simplified(graph))))
    return interpreted(written_in_place(graph))
