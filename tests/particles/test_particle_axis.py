"""A pair whose networks cannot take the particle axis is drawn one by one, with one warning."""

import warnings
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae import fit
from pyrovae.capture import Captured
from pyrovae.errors import (
    CaptureWarning,
    ConfigError,
    ParticleAxisWarning,
    ShapeError,
)
from pyrovae.nn import OneBatchAxis
from pyrovae.objectives import ELBO, IWAE, RWS, STL, TVO, VIMCO, DReG, StratifiedELBO
from pyrovae.particles import draw, score
from pyrovae.train import SVI
from pyrovae.train.step import compiled
from tests.particles.axis_pairs import (
    PAIRS,
    L,
    Net,
    Pair,
    X,
    unpacked,
    warnings_of,
)

OBJECTIVES = [
    ELBO,
    IWAE,
    DReG,
    STL,
    VIMCO,
    RWS,
    TVO,
    lambda **options: IWAE(**options).in_chunks(2),
    lambda **options: DReG(**options).in_chunks(1),
    lambda **options: IWAE(max_plate_nesting=1, **options),
    lambda **options: DReG(max_plate_nesting=3, **options),
]


def steps(pair, objective, count=2):
    """Losses and gradients under one seed, and the warnings_of."""
    found = []
    pyro.set_rng_seed(5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(count):
            found.append(objective.loss_and_grads(*pair.call))
        found += [p.grad.clone() for net in (pair.net, pair.enc) for p in net.parameters()]
        found += list(pair.net.buffers())
        found.append(objective.per_datum(*pair.call))
    return found, warnings_of(caught)


@pytest.mark.parametrize("name", PAIRS)
def test_it_is_the_run_that_asks_for_it(name):
    found, said = steps(PAIRS[name](), IWAE(3))
    expected, silent = steps(PAIRS[name](), IWAE(3, vectorize_particles=False))
    assert all(map(torch.equal, found, expected))
    assert len(said) == 1 and not silent


@pytest.mark.parametrize("make", OBJECTIVES)
@pytest.mark.parametrize("name", ["flatten", "unit sphere", "batch norm"])
def test_with_every_kind_of_objective(make, name):
    found, said = steps(PAIRS[name](), make(num_particles=3))
    expected, silent = steps(PAIRS[name](), make(num_particles=3, vectorize_particles=False))
    assert all(map(torch.equal, found, expected))
    assert len(said) == 1 and not silent


def test_what_is_wrapped_is_drawn_at_once():
    pair = Pair(OneBatchAxis(Net(lambda z: z.flatten(1).softmax(1)), event_dim=1))
    p = draw(*pair.call, num_particles=3)
    assert not p.are_one_by_one


@pytest.mark.parametrize(
    "module", [nn.Dropout(0.5), OneBatchAxis(nn.BatchNorm1d(L), 1)], ids=["noise", "batch norm"]
)
def test_noise_and_statistics_of_the_batch_are_no_mistake(module):
    pair = Pair(Net(lambda z, m: m(z), L, module))
    assert not IWAE(3).draw(*pair.call).are_one_by_one


def test_it_is_looked_for_once_per_pair():
    pair, objective = PAIRS["flatten"](), IWAE(3)
    with pytest.warns(ParticleAxisWarning):
        objective.loss(*pair.call)
    pair.runs = 0
    objective.loss(*pair.call)
    assert pair.runs == 3


def test_a_batch_that_fails_later_is_drawn_one_by_one_from_then_on():
    def squeezed(z):
        return z if z.shape[-2] > 1 else z.flatten(1)

    pair, objective = Pair(Net(squeezed)), IWAE(3)
    assert not objective.draw(*pair.call).are_one_by_one
    state = torch.get_rng_state()
    with pytest.warns(ParticleAxisWarning):
        found = objective.draw(pair.model, pair.guide, X[:1])
    torch.set_rng_state(state)
    other = draw(pair.model, pair.guide, X[:1], num_particles=3, vectorize_particles=False)
    assert torch.equal(found.log_w, other.log_w)
    assert objective.draw(*pair.call).are_one_by_one


def test_scoring_given_latents():
    pair = PAIRS["flatten"]()
    p = draw(*pair.call, num_particles=3, vectorize_particles=False)
    with pytest.warns(ParticleAxisWarning):
        again = score(*pair.call, latents=p.latents)
    torch.testing.assert_close(again.log_w, p.log_w)


def test_the_error_of_the_pair_itself_is_what_is_raised():
    pair = Pair(Net(lambda z: z, L + 1))  # the wrong size of input, particles or not
    for objective in (IWAE(1), IWAE(3), IWAE(3, max_plate_nesting=1), DReG(3)):
        with pytest.raises(RuntimeError, match="mat1 and mat2") as caught:
            objective.loss_and_grads(*pair.call)
        assert not isinstance(caught.value, ShapeError)


def test_strata_need_the_axis():
    def model(x):
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(torch.ones(2)), infer={"enumerate": "parallel"})
            loc = pair.net(nn.functional.one_hot(k, L).float())
            pyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            logits = pyro.param("a", torch.zeros(2))
            pyro.sample("k", dist.Categorical(logits=logits), infer={"enumerate": "parallel"})

    pair = Pair(Net(unpacked))
    with pytest.raises(ConfigError, match="the pair cannot .*OneBatchAxis, or use ELBO"):
        StratifiedELBO(4).loss(model, guide, X)


class TestTraining:
    def run(self, pair, **options):
        pyro.set_rng_seed(3)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run = fit(*pair.call[:2], X, epochs=2, batch_size=2, lr=1e-2, device="cpu", seed=1,
                      progress=False, **options)  # fmt: skip
        bounds = [entry["bound"] if "bound" in entry else entry["train"] for entry in run.history]
        parameters = [p.detach() for net in (pair.net, pair.enc) for p in net.parameters()]
        return [torch.tensor(bounds), *parameters], caught

    @pytest.mark.parametrize("name", ["flatten", "unit sphere", "batch norm"])
    def test_fit(self, name):
        found, caught = self.run(PAIRS[name](), objective=IWAE(3), val=X)
        singly = IWAE(3, vectorize_particles=False)
        expected, silent = self.run(PAIRS[name](), objective=singly, val=X)
        assert all(map(torch.equal, found, expected))
        assert 1 <= len(warnings_of(caught)) <= 2  # training, and validation
        assert not warnings_of(silent)

    @pytest.mark.parametrize("make", [IWAE, DReG])
    def test_the_captured_step(self, make, monkeypatch):
        monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=None))
        each = []
        for options in ({}, {"vectorize_particles": False}, {"compile": True}):
            pair = PAIRS["flatten"]()
            objective = make(3, vectorize_particles=options.pop("vectorize_particles", True))
            svi = SVI(*pair.call[:2], pyro.optim.Adam({"lr": 1e-2}), objective, **options)
            pyro.set_rng_seed(5)
            with warnings.catch_warnings():
                warnings.simplefilter("error", CaptureWarning)
                warnings.simplefilter("ignore", ParticleAxisWarning)
                each.append([svi.step(pair.x) for _ in range(5)])
        assert svi._compiled.captured.refusal == ""
        assert each[0] == each[1]
        assert each[2] == pytest.approx(each[1], rel=1e-6)
