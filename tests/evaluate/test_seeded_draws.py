"""Draws under many seeds: a graph gives the eager ones, and what is no graph stays eager."""

import random
from contextlib import nullcontext
from typing import NamedTuple

import pyro
import pytest
import torch
from pyro.infer import RenyiELBO, Trace_ELBO
from torch import Tensor, nn

from pyrovae import gradients, trainable
from pyrovae.data import DiscreteLatent
from pyrovae.errors import CaptureWarning, ConfigError
from pyrovae.evaluate import seeded_draws
from pyrovae.evaluate.seeded_draws import SeededDraws
from pyrovae.objectives import ELBO, IWAE, RWS, STL, VIMCO, DReG, StratifiedELBO
from pyrovae.particles.isolation import isolated
from pyrovae.particles.own_parameters import own_parameters
from tests.oracles import lg2
from tests.pairs import STYLES

SEEDS = list(range(7))


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(seeded_draws, "_MANY", 5)


@pytest.fixture
def made(monkeypatch):
    """The last draws that were made."""
    found = []
    own = SeededDraws.__init__

    def init(self, *args, **options):
        own(self, *args, **options)
        found.append(self)

    monkeypatch.setattr(SeededDraws, "__init__", init)
    return found


def all_of(draws, seeds=SEEDS):
    return torch.cat([chunk.values for chunk in draws(seeds)])


def both(pair, objective, **options):
    """Draws of the gradient by name, eager and by a graph."""
    exact = {
        n: torch.zeros_like(p) for n, p in trainable(pair.model, pair.guide, *pair.args).items()
    }
    return [
        gradients(
            pair.model, pair.guide, pair.args, objective, num_draws=7, reference=exact,
            keep_draws=True, compile=compile, **options,
        ).draws
        for compile in (False, "auto")
    ]  # fmt: skip


def assert_equal(eager, drawn):
    for name, value in eager.items():
        torch.testing.assert_close(drawn[name], value, rtol=1e-8, atol=1e-10)
        assert not torch.equal(value[1], value[3]) or not value.any()


class Given(NamedTuple):
    model: object
    guide: object
    args: tuple


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_pair(style, made):
    pair = STYLES[style](torch.float64)
    mode = pyro.settings.context(module_local_params=True) if pair.local_params else nullcontext()
    with mode:
        assert_equal(*both(pair, IWAE(2)))
    assert made[-1].refusal == ""


@pytest.mark.parametrize(
    "objective",
    [ELBO(), DReG(3), STL(2), RWS(2, sleep=0.5), Trace_ELBO(), ELBO(2, vectorize_particles=False)],
    ids=lambda objective: type(objective).__name__,
)
def test_objectives(objective, made):
    pair, x = lg2()
    assert_equal(*both(Given(pair.model, pair.guide, (x,)), objective))
    assert made[-1].refusal == "" and made[-1]._graph.is_together


@pytest.mark.parametrize("objective", [ELBO(2), VIMCO(3), StratifiedELBO(2)], ids=str)
def test_latents_whose_draws_follow_the_networks(objective, made):
    pair = DiscreteLatent.random(data_dim=4, latent_dim=2, seed=0)
    assert_equal(*both(Given(pair.model, pair.guide, (pair.sample(3, seed=1),)), objective))
    assert made[-1].refusal == ""


def test_what_cannot_be_a_graph_is_drawn_as_it_is(made):
    pair, x = lg2()
    loss = RenyiELBO(0.0, 3, vectorize_particles=True, max_plate_nesting=1)
    assert_equal(*both(Given(pair.model, pair.guide, (x,)), loss))
    assert "no differentiable_loss" in made[-1].refusal
    chunked = IWAE(4).in_chunks(2)
    assert_equal(*both(Given(pair.model, pair.guide, (x,)), chunked))
    assert "chunks" in made[-1].refusal


def test_other_generators_are_not_frozen(monkeypatch):
    monkeypatch.setattr(seeded_draws, "compile_graph", None)  # which takes long
    draws = SeededDraws(lambda: torch.randn(2) + random.random())
    assert torch.equal(all_of(draws), all_of(SeededDraws(draws._draw, compile=False)))
    assert "it draws from random" in draws.refusal
    with pytest.warns(CaptureWarning, match="the dice is not compiled: it draws from random"):
        list(SeededDraws(draws._draw, name="the dice", compile=True)(SEEDS))


def test_what_changes_after_the_check_is_said():
    calls = []

    def draw():
        calls.append(1)
        return torch.randn(2) * (2 if len(calls) > 5 else 1)

    draws = SeededDraws(draw)
    with pytest.warns(CaptureWarning, match="is not what it was .* give compile=False"):
        all_of(draws, list(range(30))), all_of(draws, list(range(30)))
    assert "its graph differs from it by 5.0e-01" in draws.refusal and draws._graph is None


class Averaging(nn.Module):
    """Keeps a running mean of what it is given, and gives what it kept before."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(2))

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        return x - self.mean


def test_networks_that_write_are_drawn_in_order_and_left_as_they_were():
    network = Averaging()

    def draw():
        return network(torch.randn(3, 2))

    found = []
    for compile in (False, "auto"):
        with isolated():
            draws = SeededDraws(draw, compile=compile)
            found.append((all_of(draws), network.mean.clone()))
        assert not network.mean.any()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    assert draws._graph is not None and not draws._graph.is_together


def test_results_keep_their_form():
    class Two(NamedTuple):
        a: Tensor
        rest: dict

    def draw():
        z = torch.randn(3)
        return Two(z.sum(), {"b": z, "c": [z > 0]})

    chunks = list(SeededDraws(draw)(SEEDS))
    assert [chunk.num_draws for chunk in chunks] == [1, 1, 5]
    for chunk in chunks:
        assert chunk.values.a.shape == (chunk.num_draws,) and chunk.milliseconds > 0
        assert chunk.values.rest["b"].shape == (chunk.num_draws, 3)
        assert chunk.values.rest["c"][0].dtype == torch.bool


def test_more_seeds_need_no_other_trace():
    calls = []

    def draw():
        calls.append(1)
        return torch.randn(2)

    draws = SeededDraws(draw)
    first, others = all_of(draws), all_of(draws, [9, 10])
    assert len(calls) == 2 + 2 + 2  # as they are, for the trace, and the last seed of each call
    torch.manual_seed(10)
    assert torch.equal(others[1], torch.randn(2)) and len(first) == 7
    few = SeededDraws(draw)
    all_of(few, [1, 2])
    assert few._graph is None and few.refusal == ""


def test_pyro_says_what_is_not_finite():
    """As where no graph is used: an error of Pyro's validation, which a graph does without."""

    def draw():
        z = torch.randn(())
        return pyro.distributions.Normal(torch.where(z > 1.5, torch.nan, z), 1.0).log_prob(z)

    with pytest.raises(ValueError, match="found invalid values"):
        all_of(SeededDraws(draw), list(range(60)))


def test_infinite_values_are_no_difference():
    def draw():
        return torch.stack([torch.randn(()), torch.tensor(-torch.inf)])

    draws = SeededDraws(draw)
    assert torch.equal(all_of(draws), all_of(SeededDraws(draw, compile=False)))
    assert draws._graph is not None


def test_another_graph_than_the_function_is_refused():
    draws = SeededDraws(lambda: torch.randn(3), captured=lambda: 1.01 * torch.randn(3))
    assert torch.equal(all_of(draws), all_of(SeededDraws(draws._draw, compile=False)))
    assert "differs from it by 1.0e-02" in draws.refusal


def test_bounds_without_gradient(made):
    pair, x = lg2()
    with isolated(), own_parameters(), torch.no_grad():
        bound = IWAE(3)
        draws = SeededDraws(lambda: bound.per_datum(pair.model, pair.guide, x))
        found = all_of(draws)
        eager = all_of(SeededDraws(draws._draw, compile=False))
    torch.testing.assert_close(found, eager)
    assert found.shape == (7, len(x)) and draws._graph.is_together


def test_a_long_measurement_is_compiled_once_it_pays(monkeypatch):
    compiled = []

    def compiler(graph, tensors):
        compiled.append(len(tensors))
        return graph

    monkeypatch.setattr(seeded_draws, "compile_graph", compiler)
    monkeypatch.setattr(seeded_draws, "_LONG", 0.0)
    assert len(all_of(SeededDraws(lambda: torch.randn(3)), list(range(400)))) == 400
    assert compiled == [1]
    list(SeededDraws(lambda: torch.randn(3), compile=True)(SEEDS))
    assert compiled == [1, 1]


def test_an_unknown_choice():
    with pytest.raises(ConfigError, match="compile is 'always'"):
        SeededDraws(lambda: torch.randn(1), compile="always")
