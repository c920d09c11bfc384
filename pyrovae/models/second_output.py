"""A check that an encoder's second output, which nothing names, can be a log-variance."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..errors import ConfigError
from ..nn.two_heads import heads_of
from ..particles.modes import evaluating

_ROWS = 16  # data on which the encoder is tried
_SCALES = (0.1, 1.0, 10.0, 100.0)  # of noise in place of data
_DRAWS = 8  # of weights

# What these give may have any sign, whatever they are given: layers of weights and norms.
_LAYERS = {
    "Addmm", "Addmv", "Baddbmm", "Bmm", "Convolution", "CudnnBatchNorm", "Embedding",
    "EmbeddingBag", "Linear", "Mm", "Mv", "NativeBatchNorm", "NativeGroupNorm", "NativeLayerNorm",
    "torch::autograd::AccumulateGrad",
}  # fmt: skip
# These give any sign if all that they are given may have any.
_AFFINE = {
    "AdaptiveAvgPool2D", "Add", "Alias", "AsStrided", "AvgPool2D", "Cat", "Clone", "Expand",
    "Index", "Mean", "Neg", "Permute", "Repeat", "ReshapeAlias", "Select", "Slice", "Split",
    "SplitWithSizes", "Squeeze", "Stack", "Sub", "Sum", "T", "ToCopy", "Transpose", "Unbind",
    "UnsafeSplit", "UnsafeView", "Unsqueeze", "View",
}  # fmt: skip


def refuse_positive(network: nn.Module, x: Tensor, role: str, second: Tensor) -> None:
    """Refuse a second output that is positive whatever the data, as a scale is.

    Where the data give no negative value, the graph of the output decides if it ends in a layer
    of weights. Otherwise noise is tried in place of data, and then noise in place of weights and
    biases, in copies. It waits for the device, and leaves the network and torch's generators as
    they are.

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
    devices = [x.device] if x.is_cuda else []
    with torch.random.fork_rng(devices), evaluating([network]), torch.enable_grad():
        can_be_negative = any(_tries(network, x[:_ROWS].detach(), role))
    if not can_be_negative:
        raise ConfigError(
            f"the {role} gave two tensors and does not name them, which are read as mean and "
            "log-variance, and its second is positive for all data; say what it is: "
            "pyrovae.nn.TwoHeads(encoder, 'scale'), or 'variance', 'log_scale', 'log_variance'"
        )


def _tries(network: nn.Module, x: Tensor, role: str) -> Iterator[bool]:
    """Whether the second output can be negative, seen in one way after the other."""

    def second(x: Tensor, weights: dict[str, Tensor]) -> Tensor:
        return heads_of(_call(network, weights, x), f"the {role}").second

    generator = torch.Generator().manual_seed(0)
    # Copies that require grad, so that frozen networks have a graph as well.
    own = {name: _copy(p) for name, p in network.named_parameters()}
    yield _is_affine(second(x, own).grad_fn)
    if x.is_floating_point():
        noise = torch.randn(x.shape, generator=generator).to(x)
        tried = torch.cat([-x, *(scale * noise for scale in _SCALES)])
        yield bool((second(tried, own) < 0).any())
    for _ in range(_DRAWS):
        drawn = {name: _redrawn(name, p, generator) for name, p in own.items()}
        yield bool((second(x, drawn) < 0).any())


def _call(network: nn.Module, weights: dict[str, Tensor], x: Tensor) -> Any:  # noqa: ANN401
    if isinstance(network, torch.jit.ScriptModule):  # which has its own weights only
        return network(x)
    return functional_call(network, weights, (x,))


def _copy(weights: Tensor) -> Tensor:
    return weights.detach().requires_grad_(weights.is_floating_point())


def _redrawn(name: str, weights: Tensor, generator: torch.Generator) -> Tensor:
    """Noise of the same size as weights or biases; others, such as a factor, as they are."""
    is_bias = name.rpartition(".")[2].startswith("bias")
    if not weights.is_floating_point() or not (is_bias or weights.dim() > 1):
        return weights
    noise = torch.randn(weights.shape, generator=generator).to(weights)
    return noise * weights.square().mean().sqrt().clamp(min=0.1)


def _is_affine(node: Any) -> bool:  # noqa: ANN401
    """Whether a graph gives layers of weights, moved or scaled, or weights themselves."""
    if node is None or type(node).__module__ == "torch.autograd.function":
        return False
    operation = node.name().partition("Backward")[0]
    given = [following for following, _ in node.next_functions if following is not None]
    if operation in {"Mul", "Div"}:  # by a number or by weights, and not of two outputs
        given = [g for g in given if "AccumulateGrad" not in g.name()] or given[:1]
        return len(given) == 1 and _is_affine(given[0])
    return operation in _LAYERS or (
        operation in _AFFINE and bool(given) and all(map(_is_affine, given))
    )
