"""Which pairs have weights that can estimate p(x)."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import log_evidence
from pyrovae.data import Split
from pyrovae.errors import ConfigError
from pyrovae.evaluate import why_no_evidence

X = torch.randn(5)


def model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def flat(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.ImproperUniform(dist.constraints.real, (), ()))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(x / 2, 0.7))


def point(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Delta(x / 2))


def test_a_proper_pair_has_an_evidence():
    for batch in (X, (X,), Split(X)):
        assert why_no_evidence(model, guide, batch) is None


@pytest.mark.parametrize(
    ("model", "guide", "words"), [(flat, guide, "improper"), (model, point, "point mass at 'z'")]
)
def test_others_say_why(model, guide, words):
    for batch in (X, (X,), Split(X)):
        assert words in why_no_evidence(model, guide, batch)
    with pytest.raises(ConfigError, match=f"log_evidence: .*{words}"):
        log_evidence(model, guide, X, num_particles=2)


@pytest.mark.parametrize("has_density", [False, True])
def test_a_point_takes_no_density_from_noise_that_has_none(has_density):
    class Noise(dist.Normal):
        pass

    Noise.has_density = has_density

    def noisy(x):
        with pyro.plate("data", len(x)):
            seen = pyro.sample("seen", Noise(x, 1.0), infer={"is_auxiliary": True})
            pyro.sample("z", dist.Delta(seen / 2))

    why = why_no_evidence(model, noisy, X)
    assert why is None if has_density else "point mass at 'z'" in why
