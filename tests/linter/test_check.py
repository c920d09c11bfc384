"""`check` on a sound pair and on one that fails, and that it leaves no trace."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae import VAE, check
from pyrovae.errors import ConfigError
from tests.linter.faulty import CASES


def test_a_sound_pair():
    found = check(VAE((4,), 2), torch.zeros(8, 4), objectives=False, capture=False)
    assert found.is_sound and found.verdict == "nothing found"
    assert [row.name for row in found.sites] == ["z", "x"]
    assert found.sites[0].kl == "closed form" and found.sites[1].observed


def test_a_missing_to_event_names_the_line():
    decoder = nn.Linear(2, 4)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x[:, :2], 1.0).to_event(1))

    found = check(model, guide, torch.zeros(8, 4), objectives=False, capture=False)
    (problem,) = found.problems
    assert (problem.code, problem.severity, problem.site) == ("PV002", "fault", "x")
    assert problem.line is not None and problem.line.file == __file__
    assert problem.changed_line == (
        'pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)'
    )


def test_codes_to_ignore_are_known():
    pair = CASES["negative_scale"].make(False)
    assert check(*pair, ignore="PV301", objectives=False, capture=False).ignored >= 1
    assert "PV301" in check(*pair, ignore="PV2", objectives=False, capture=False).codes
    for wrong in ("PV999", "P", "301", ""):
        with pytest.raises(ConfigError, match="no code begins so"):
            check(*pair, ignore=[wrong])
