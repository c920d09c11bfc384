"""A budget of memory becomes a size of chunk, which keeps it and changes nothing else."""

import json
import tempfile
from pathlib import Path

import pyro
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch.profiler import ProfilerActivity, profile

from pyrovae import fit, trainable
from pyrovae.errors import ConfigError
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.objectives import EUBO, IWAE, MIWAE, REINFORCE, DReG
from pyrovae.objectives.pyro_loss import as_objective
from pyrovae.runtime.memory import peak_bytes
from pyrovae.train.memory_budget import within


def setup():
    pyro.set_rng_seed(0)
    vae = VAE((300,), 4, encoder=MLP(300, 8, hidden=(50,)), decoder=MLP(4, (1, 300), hidden=(50,)))
    x = torch.bernoulli(torch.full((10, 300), 0.3))
    return vae, x, list(trainable(vae.model, vae.guide, x).values())


def peak(objective, vae, x, leaves):
    def step():
        torch.autograd.grad(objective.differentiable_loss(vae.model, vae.guide, x), leaves)

    step()
    return peak_bytes(step, "cpu")


@pytest.mark.parametrize("make", [IWAE, DReG, lambda k: MIWAE(2, k // 2)])
def test_the_budget_is_kept_and_used(make):
    vae, x, leaves = setup()
    whole = peak(make(60), vae, x, leaves)
    budget = whole // 4
    chosen = within(budget, make(60), vae.model, vae.guide, (x,), leaves)
    assert chosen.num_particles == 60 and chosen.particle_chunk > 8
    assert 0.5 * budget < peak(chosen, vae, x, leaves) <= 1.1 * budget
    assert within(2 * whole, make(60), vae.model, vae.guide, (x,), leaves).particle_chunk is None


def test_little_memory_means_few_particles():
    vae, x, leaves = setup()
    objective = IWAE(40)
    least = peak(objective.in_chunks(1), vae, x, leaves)
    chosen = within(least + 1000, objective, vae.model, vae.guide, (x,), leaves)
    assert chosen.particle_chunk < 4
    with pytest.raises(ConfigError, match=r"memory=1000 bytes.*takes \d+ even one particle at a"):
        within(1000, objective, vae.model, vae.guide, (x,), leaves)
    with pytest.raises(ConfigError, match="even one particle at a time"):
        within(1000, IWAE(1), vae.model, vae.guide, (x,), leaves)


def test_the_measuring_leaves_no_trace():
    vae, x, leaves = setup()
    baseline = REINFORCE(100)
    streams, past = torch.get_rng_state(), baseline.state_dict()["past"].clone()
    within(10_000_000, baseline, vae.model, vae.guide, (x,), leaves)
    assert torch.equal(torch.get_rng_state(), streams)
    assert torch.equal(baseline.state_dict()["past"], past)
    assert all(leaf.grad is None for leaf in leaves)
    within(10_000_000, EUBO(20), vae.model, vae.guide, (x,), leaves)  # warns at the first step


def test_objectives_of_pyro_have_no_chunks():
    vae, x, leaves = setup()
    with pytest.raises(ConfigError, match="which Trace_ELBO cannot"):
        within(10, as_objective(Trace_ELBO(num_particles=5)), vae.model, vae.guide, (x,), leaves)


def test_fit_within_a_budget():
    vae, x, leaves = setup()
    budget = peak(IWAE(100), vae, x, leaves) // 4
    seen = []

    def model(x):
        vae.model(x)
        seen.append(1)

    run = fit(model, vae.guide, x, objective=IWAE(100), epochs=1, batch_size=10, memory=budget,
              device="cpu", progress=False)  # fmt: skip
    assert run.steps == 1 and run.peak_bytes is None
    assert len(seen) > 10  # in chunks, each of them twice


def allocated(step):
    """Most bytes that torch's allocator had given out at once, by its own events."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        profiler.export_chrome_trace(file.name)
        events = json.loads(Path(file.name).read_text())["traceEvents"]
    live = most = 0
    memory = [e for e in events if e.get("name") == "[memory]"]
    for event in sorted(memory, key=lambda e: e["ts"]):
        live += event["args"]["Bytes"]
        most = max(most, live)
    return most


@pytest.mark.filterwarnings("ignore:Warning. Profiler clears events:UserWarning")  # torch 2.11
@pytest.mark.parametrize("make", [IWAE, DReG])
@pytest.mark.parametrize(("rows", "num_particles", "share"), [(20, 100, 0.3), (20, 50, 0.1)])
def test_the_budget_holds_by_the_allocator(make, rows, num_particles, share):
    """The peak does not rise in a straight line from few particles to many."""
    pyro.set_rng_seed(0)
    encoder, decoder = MLP(300, 8, hidden=(200, 200)), MLP(4, (1, 300), hidden=(200, 200))
    vae, x = VAE((300,), 4, encoder=encoder, decoder=decoder), torch.full((rows, 300), 1.0)
    leaves = list(trainable(vae.model, vae.guide, x).values())
    objective = make(num_particles)
    least, whole = (peak(o, vae, x, leaves) for o in (objective.in_chunks(1), objective))
    budget = int(least + share * (whole - least))
    chosen = within(budget, objective, vae.model, vae.guide, (x,), leaves)

    def step():
        loss = chosen.differentiable_loss(vae.model, vae.guide, x)
        torch.autograd.grad(loss, leaves)

    step()
    assert 0.7 * budget < peak(chosen, vae, x, leaves) <= budget
    assert allocated(step) <= 1.02 * budget
