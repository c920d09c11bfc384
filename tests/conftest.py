"""Every test starts with a clean parameter store and a seed of its own."""

import matplotlib
import pyro
import pytest
import torch

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def clean_slate():
    threads = torch.get_num_threads()
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    yield
    torch.set_num_threads(threads)
