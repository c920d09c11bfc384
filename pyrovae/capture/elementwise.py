"""Elementwise functions of large tensors on a CPU, in the form that inductor compiles best."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
from torch.fx import GraphModule, Node

_aten = torch.ops.aten
_LARGE = 16_384  # elements; of fewer the functions take no time, and longer graphs compile longer

# log(1 + e) / e on [0, 1]: least largest relative error, 3e-8; of the float32 result 2 eps.
_LOG1P = (
    0.9999999698787652, -0.49999493130380646, 0.33319096596690534, -0.24842980534225778,
    0.1910600018605963, -0.1366323180935722, 0.07822578699669017, -0.029505137521933917,
    0.0052326689957057386,
)  # fmt: skip
# tanh(u) = u P(u^2) / Q(u^2) for |u| <= 7.905, where float32 is 1: error below 4 eps.
_TANH_TOP = (
    4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08,
    -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16,
)  # fmt: skip
_TANH_BOTTOM = (
    4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06
)  # fmt: skip
_TANH_LIMIT = 7.90531110763549805


def with_fast_elementwise(graph: GraphModule) -> GraphModule:
    """The graph, changed so that large float32 tensors pass through fewer and faster loops.

    Left to itself, inductor copies a bias into a matrix before the product is added to it, and
    calls a library for `tanh` and `log1p`, which there take five times as long as the polynomials
    that stand in for them here. What is computed differs by rounding: no more than four units in
    the last place of each element.

    Source:
        The rational tanh is that of Eigen, `generic_fast_tanh_float`,
        https://gitlab.com/libeigen/eigen; the cross entropy is torch's own formula.
    """
    changed = False
    for node in list(graph.graph.nodes):
        make = _FORMS.get(node.target)
        if make is None or not _is_large(node):
            continue
        with graph.graph.inserting_before(node):
            made = make(_Writer(graph), *node.args, **node.kwargs)
        if made is not None:
            node.replace_all_uses_with(made)
            made.meta = dict(node.meta)
            graph.graph.erase_node(node)
            changed = True
    if changed:
        graph.recompile()
    return graph


class _Writer:
    """Writes operations into a graph."""

    def __init__(self, graph: GraphModule) -> None:
        self._graph = graph.graph

    def __call__(self, operation: Callable[..., Any], *args: Any) -> Node:  # noqa: ANN401
        return self._graph.call_function(operation, args)

    def polynomial(self, x: Node, coefficients: Sequence[float]) -> Node:
        """Of `x`, the constant coefficient first, by Horner's rule."""
        *rest, before, last = coefficients
        start = self(_aten.add.Tensor, self(_aten.mul.Tensor, x, last), before)
        return reduce(
            lambda p, c: self(_aten.add.Tensor, self(_aten.mul.Tensor, p, x), c),
            reversed(rest),
            start,
        )


def _addmm(
    write: _Writer, bias: Node, one: Node, other: Node, *, beta: float = 1, alpha: float = 1
) -> Node | None:
    """The bias is added where the product is read next."""
    if (beta, alpha) != (1, 1):
        return None
    product = write(_aten.mm.default, one, other)
    # Inductor makes of a sum the operation that is replaced here, and of a difference it does not.
    return write(_aten.sub.Tensor, product, write(_aten.neg.default, bias))


def _tanh(write: _Writer, x: Node) -> Node:
    u = write(_aten.clamp.default, x, -_TANH_LIMIT, _TANH_LIMIT)
    square = write(_aten.mul.Tensor, u, u)
    top, bottom = (write.polynomial(square, c) for c in (_TANH_TOP, _TANH_BOTTOM))
    return write(_aten.div.Tensor, write(_aten.mul.Tensor, u, top), bottom)


def _cross_entropy(
    write: _Writer,
    logits: Node,
    target: Node,
    weight: Node | None = None,
    pos_weight: Node | None = None,
    reduction: int = 1,
) -> Node | None:
    """(1 - x) l - min(l, 0) + log(1 + exp(-|l|)), as torch has it, infinities and NaN alike."""
    if weight is not None or pos_weight is not None or reduction != 0:
        return None
    small = write(_aten.exp.default, write(_aten.neg.default, write(_aten.abs.default, logits)))
    log1p = write(_aten.mul.Tensor, small, write.polynomial(small, _LOG1P))
    negative = write(_aten.clamp.default, logits, None, 0.0)
    linear = write(_aten.mul.Tensor, write(_aten.rsub.Scalar, target, 1.0), logits)
    return write(_aten.add.Tensor, write(_aten.sub.Tensor, linear, negative), log1p)


_FORMS: dict[Any, Callable[..., Node | None]] = {
    _aten.addmm.default: _addmm,
    _aten.tanh.default: _tanh,
    _aten.binary_cross_entropy_with_logits.default: _cross_entropy,
}


def _is_large(node: Node) -> bool:
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        return False
    return value.dtype == torch.float32 and value.numel() >= _LARGE
