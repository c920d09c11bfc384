"""Gradients are computed where the caller has switched them off."""

import pytest
import torch

from pyrovae.runtime.grad_mode import computes_gradients, gradients_on, outside_inference_mode

MODES = [torch.no_grad, torch.inference_mode, torch.enable_grad]


@pytest.mark.parametrize("mode", MODES)
def test_a_function_gets_its_gradient(mode):
    weight = torch.tensor(2.0, requires_grad=True)

    @computes_gradients
    def backward(x):
        (weight * x).backward()

    with mode():
        backward(torch.tensor(3.0))
        assert torch.is_grad_enabled() == (mode is torch.enable_grad)
    assert weight.grad == 3


@pytest.mark.parametrize("mode", MODES)
def test_within_the_context_gradients_are_on(mode):
    with mode(), gradients_on():
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_tensors_made_outside_of_inference_mode_can_be_trained():
    with torch.inference_mode(), outside_inference_mode():
        made = torch.zeros(2)
        assert not torch.is_grad_enabled()
    assert not made.is_inference()
