"""zuko, without the settings of torch that it changes when it is imported."""

from types import ModuleType

import pytest
from torch.distributions import Distribution


def zuko() -> ModuleType:
    """The library; the test is skipped where it is not installed."""
    kept = {name: vars(Distribution)[name] for name in ("_validate_args", "arg_constraints")}
    try:
        return pytest.importorskip("zuko")
    finally:
        for name, value in kept.items():
            setattr(Distribution, name, value)
