"""A pair run and recorded."""

import pyro
import pyro.distributions as dist
import torch

from pyrovae.particles.traces import sample_sites
from pyrovae.particles.tracing import Pair, counted

X = torch.tensor([0.5, -1.0, 2.0])


def model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.deterministic("twice", 2 * z, event_dim=0)
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def guide(x):
    scale = pyro.param("scale", torch.tensor(0.7), constraint=dist.constraints.positive)
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(x, scale))


def test_the_model_is_replayed_against_the_guide():
    guide_trace, model_trace = Pair(model, guide, (X,), {}).trace()
    assert model_trace.nodes["z"]["value"] is guide_trace.nodes["z"]["value"]
    assert list(sample_sites(model_trace)) == ["z", "x"], "no plate, no deterministic site"


def test_runs_of_the_model_are_counted():
    watched, counts = counted(model)
    Pair(watched, guide, (X,), {}).trace()
    Pair(watched, guide, (X,), {}).trace(num_particles=5, depth=1)
    assert sum(counts) / counts[0] == 6
