"""What a trace notes of each result is what torch's own mode notes."""

import pytest
import torch
from torch import nn
from torch._guards import TracingContext, tracing
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.capture.graph import single_operations
from pyrovae.capture.shapes import ShapesMode


def step(x, weight):
    images = nn.functional.conv2d(x, weight, stride=2).to(memory_format=torch.channels_last)
    rows = images.flatten(1).T.expand(2, -1, -1)[:, ::2]
    drawn = torch.bernoulli(torch.rand_like(rows)) + rows.new_zeros(()) + torch.arange(3)
    (gradient,) = torch.autograd.grad(images.double().square().sum(), [weight])
    return drawn.argmax(0), gradient, (rows > 0).any(), images.bfloat16()


TENSORS = torch.randn(3, 2, 8, 8), torch.randn(4, 2, 3, 3, requires_grad=True)


def fakes(graph):
    values = [node.meta.get("val") for node in graph.graph.nodes]
    return [value for value in values if isinstance(value, FakeTensor)]


def noted(graph):
    values = fakes(graph)
    return [(v.shape, v.stride(), v.dtype, v.device, v.requires_grad) for v in values]


def test_shapes_are_those_of_torchs_own_mode():
    found = single_operations(step, TENSORS)
    with tracing(TracingContext(FakeTensorMode(allow_fallback_kernels=True))):
        expected = make_fx(step)(*TENSORS)
    assert found.code == expected.code
    assert noted(found) == noted(expected) and len(noted(found)) > 20
    storages = [value.untyped_storage() for value in fakes(found)]
    assert len({storage._cdata for storage in storages}) == len(storages)


@pytest.mark.parametrize("device", ["cpu", "cuda", "meta"])
def test_other_calls_are_those_of_torchs_own_mode(device):
    def some():
        x = torch.empty_strided((2, 3), (1, 2), device=device)
        return x, torch.empty_strided((2, 0), (1, 1), dtype=torch.int8), x @ torch.ones(3, 2).to(x)

    with ShapesMode() as mode:
        found = some()
    with FakeTensorMode():
        expected = some()
    for one, other in zip(found, expected, strict=True):
        assert one.fake_mode is mode
        assert (one.shape, one.stride(), one.dtype, one.device) == (
            other.shape, other.stride(), other.dtype, other.device
        )  # fmt: skip
