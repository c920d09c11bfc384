"""What tests of this room share."""

from functools import partial

import pytest

from pyrovae.capture import Captured, CapturedCall
from pyrovae.train import validation
from pyrovae.train.step import compiled


@pytest.fixture
def interpreted(monkeypatch):
    """Captured graphs as torch interprets them: the same operations, without the compiler."""
    monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=None))
    monkeypatch.setattr(validation, "CapturedCall", partial(CapturedCall, compiler=None))
