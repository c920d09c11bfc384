"""Every test and doctest starts with a clean parameter store and a seed of its own."""

from collections.abc import Iterator

import pyro
import pytest
import torch


@pytest.fixture(autouse=True)
def clean_slate() -> Iterator[None]:
    threads = torch.get_num_threads()
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    yield
    torch.set_num_threads(threads)
