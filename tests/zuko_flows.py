"""zuko, without the setting of torch that it changes when it is imported."""

from types import ModuleType

import pytest
from torch.distributions import Distribution


def zuko() -> ModuleType:
    """The library; the test is skipped where it is not installed."""
    validates = Distribution._validate_args
    try:
        return pytest.importorskip("zuko")
    finally:
        Distribution.set_default_validate_args(validates)
