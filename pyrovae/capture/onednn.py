"""A linear layer with what follows it, computed by oneDNN, as an operation of graphs.

It calls the operation that torch has for layers with fixed weights. Inductor accepts that one in
no other case; an operation that it does not know it calls as it is.
"""

import torch
from torch import Tensor

_LIBRARY = torch.library.Library("pyrovae", "FRAGMENT")
_LIBRARY.define("linear(Tensor x, Tensor weight, Tensor? bias, str after) -> Tensor")


def is_available() -> bool:
    """Whether this build of torch has oneDNN, and reaches it by this operation."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None, after: str) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, after, [], "")
    return found


def _shape(x: Tensor, weight: Tensor, bias: Tensor | None, after: str) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


_LIBRARY.impl("linear", _linear, "CPU")
_LIBRARY.impl("linear", _shape, "Meta")

linear = torch.ops.pyrovae.linear.default
"""`after(x @ weight.T + bias)` [M, N] of float32 `x` [M, K], `weight` [N, K] and `bias` [N].

There need be no bias; `after` is "none", "tanh" or "relu"."""
