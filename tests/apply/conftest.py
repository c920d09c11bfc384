"""Shared by the tests of uses."""

import pytest

from pyrovae.apply.completion import hmc, importance


@pytest.fixture
def quick_chains(monkeypatch):
    """Completions with few moves before the chains, and few temperatures after them."""
    monkeypatch.setattr(hmc, "_TEMPERATURES", 3)
    for module in (hmc, importance):
        monkeypatch.setattr(module, "_MOVES", 2)
