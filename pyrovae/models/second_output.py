"""A check that an encoder's second output, which nothing names, can be a log-variance."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..nn.two_heads import heads_of
from ..particles.modes import evaluating

_ROWS = 16  # data on which the encoder is tried

# What a layer of weights is called in a graph of autograd; what it gives may have any sign.
_LAYERS = ("Addmm", "Addmv", "Baddbmm", "Bmm", "Convolution", "Embedding", "Linear", "Mm", "Mv")
# What is positive, and what may be.
_POSITIVE = (
    "Abs", "Exp", "Hardsigmoid", "Pow", "Relu", "Sigmoid", "Softmax", "Softplus", "Sqrt", "Square",
)  # fmt: skip
_UNCLEAR = ("Compiled", "Elu", "Maximum", "Where")

_Verdict = Literal["any sign", "positive", "unclear"]


def refuse_positive(network: nn.Module, x: Tensor, role: str, second: Tensor) -> None:
    """Refuse a second output that is positive whatever the data, as a scale is.

    It reads the values once and waits for the device.

    Args:
        network: The encoder.
        x: Its input [N, *event].
        role: What the message calls the encoder.
        second: Its second output [N, L].

    Raises:
        ConfigError: It is positive for these data and others, and not by chance.
    """
    if second.is_meta or bool((second < 0).any()):
        return
    x = x[:_ROWS].detach()
    verdict = _last_operation(_second(network, x, role))
    if verdict == "unclear" and x.is_floating_point():
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
        tried = torch.cat([-x, noise, 10 * noise])
        verdict = "any sign" if bool((_second(network, tried, role) < 0).any()) else "positive"
    if verdict != "any sign":
        raise ConfigError(
            f"the {role} gave two tensors and does not name them, which are read as mean and "
            "log-variance, and its second is positive for all data; say what it is: "
            "pyrovae.nn.TwoHeads(encoder, 'scale'), or 'variance', 'log_scale', 'log_variance'"
        )


def _second(network: nn.Module, x: Tensor, role: str) -> Tensor:
    with evaluating([network]), torch.enable_grad():
        return heads_of(network(x), f"the {role}").second


def _last_operation(output: Tensor) -> _Verdict:
    """The sign of what is left of the graph of an output, down to the last layers of weights."""
    nodes = list(_down_to_layers(output.grad_fn))
    if any(node.name().startswith(_POSITIVE) or _is_cut_at_zero(node) for node in nodes):
        return "positive"
    known = all(type(node).__module__ != "torch.autograd.function" for node in nodes)
    if not nodes or not known or any(node.name().startswith(_UNCLEAR) for node in nodes):
        return "unclear"
    return "any sign"


def _is_cut_at_zero(node: Any) -> bool:  # noqa: ANN401
    """Whether it is a clamp whose lower end is zero or above."""
    if not node.name().startswith(("Clamp", "Hardtanh")):
        return False
    low = getattr(node, "_saved_min", getattr(node, "_saved_min_val", None))
    return low is not None and bool(torch.as_tensor(low).ge(0).all())


def _down_to_layers(node: Any) -> Iterator[Any]:  # noqa: ANN401
    """The nodes of a graph, until layers of weights."""
    waiting, seen = [node], set[int]()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if not node.name().startswith(_LAYERS):
            waiting += [following for following, _ in node.next_functions]
