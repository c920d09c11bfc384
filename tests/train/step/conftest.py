"""Compilers for captured steps, besides torch's interpreter: one that rounds, inductor."""

from functools import partial

import pytest

from pyrovae.capture import Captured
from pyrovae.train.step import compiled


@pytest.fixture
def nearly(monkeypatch):
    """Graphs whose steps are not the eager ones to the last bit, as compiled ones are not."""

    def compiler(graph, tensors):
        def code(*tensors):
            found = graph(*tensors)
            for tensor in tensors:
                if tensor.requires_grad:
                    tensor.add_(1e-13)
            return found

        return code

    monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=compiler))


@pytest.fixture
def inductor():
    """Compiled for real."""
