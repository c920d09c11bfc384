"""One object with a model and a guide takes the place of both."""

import inspect
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import pyro
import pytest
import torch
from pyro.contrib.easyguide import EasyGuide
from pyro.infer import Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn

import pyrovae
from pyrovae.data import LinearGaussian
from pyrovae.errors import ConfigError
from pyrovae.objectives import ELBO, IWAE
from pyrovae.particles.pair import programs_of, takes_pair


@takes_pair
def tell(model, guide, *args, word="none", **kwargs):
    """What it was called with."""
    return model, guide, args, word, kwargs


@takes_pair
def needs_data(model, guide, data, *, word="none"):
    return model, guide, data, word


def model(x):
    return x


def guide(x):
    return x


@dataclass
class Record:
    model: Any
    guide: Any


class Module(PyroModule):
    def model(self, x):
        return x

    def guide(self, x):
        return x


class WithForward(Module):
    def forward(self, x):
        return x


class WithProperties:
    @property
    def model(self):
        return model

    @property
    def guide(self):
        return guide


class Slotted:
    __slots__ = ("guide", "model")

    def __init__(self):
        self.model, self.guide = model, guide


def _pairs():
    holder = nn.Module()
    holder.model, holder.guide = nn.Linear(2, 2), nn.Linear(2, 2)
    return [
        Record(model, guide),
        SimpleNamespace(model=model, guide=partial(guide)),
        Module(),
        WithForward(),
        WithProperties(),
        Slotted(),
        holder,
        LinearGaussian.random(data_dim=3, latent_dim=2, seed=0),
        pyrovae.models.VAE((4,), 2),
    ]


@pytest.mark.parametrize("pair", _pairs(), ids=lambda pair: type(pair).__name__)
def test_whatever_has_both_is_a_pair(pair):
    assert tell(pair, 1, word="w", more=2) == (pair.model, pair.guide, (1,), "w", {"more": 2})
    assert tell(pair) == (pair.model, pair.guide, (), "none", {})
    assert needs_data(pair, 1) == (pair.model, pair.guide, 1, "none")
    assert needs_data(pair, data=1, word="w") == (pair.model, pair.guide, 1, "w")
    assert needs_data(pair, model) == (pair.model, pair.guide, model, "none")  # callable data
    assert programs_of(pair, "here") == (pair.model, pair.guide)


def test_two_programs_are_taken_as_they_are():
    assert tell(model, guide, 1) == (model, guide, (1,), "none", {})
    assert tell(model=model, guide=guide, word="w") == (model, guide, (), "w", {})
    assert tell(model, guide=guide) == (model, guide, (), "none", {})
    assert needs_data(model, guide=guide, data=1) == (model, guide, 1, "none")
    assert needs_data(guide=guide, model=model, data=1) == (model, guide, 1, "none")
    network, auto = nn.Linear(2, 2), AutoNormal(model)
    assert tell(network, auto, 1)[:2] == (network, auto)


def test_a_model_may_have_attributes_of_these_names():
    both = WithForward()
    assert needs_data(both, guide, 1)[:2] == (both, guide)
    assert needs_data(both, guide=guide, data=1)[:2] == (both, guide)


def test_signature_and_docstring_stay():
    assert tell.__name__ == "tell" and tell.__doc__ == "What it was called with."
    assert list(inspect.signature(needs_data).parameters) == ["model", "guide", "data", "word"]


class Easy(EasyGuide):
    def guide(self, x):
        return x


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: tell(model, torch.zeros(3)),
         "tell: the second argument is of type Tensor, and should be the guide; give model"),
        (lambda: needs_data(model, torch.zeros(3)), "second argument is of type Tensor"),
        (lambda: tell(model, pyro.optim.Adam({})), "second argument is of type PyroOptim"),
        (lambda: tell(model, Trace_ELBO()), "second argument is of type Trace_ELBO"),
        (lambda: tell(model), "tell: the guide is missing"),
        (lambda: tell(nn.Linear(2, 2), torch.zeros(3)), "second argument is of type Tensor"),
        (lambda: tell(Module, 1), "first argument is the class Module; give an instance"),
        (lambda: tell(model, AutoNormal, 1), "second argument is the class AutoNormal"),
        (lambda: tell(model, guide=AutoNormal), "guide is the class AutoNormal"),
        (lambda: tell(model=Module, guide=guide), "model is the class Module"),
        (lambda: tell(Module.model, Module.guide, 1), "method Module.model of a class"),
        (lambda: tell(Module().model, Module.guide, 1), "method Module.guide of a class"),
        (lambda: tell(SimpleNamespace(model=model), 1), "SimpleNamespace, has no .guide"),
        (lambda: tell(SimpleNamespace(guide=guide), 1), "SimpleNamespace, has no .model"),
        (lambda: tell(SimpleNamespace(guide=guide, model="m"), 1), "not callable as .model"),
        (lambda: tell(SimpleNamespace(guide=guide, model=None), 1), "has no .model"),
        (lambda: tell({"model": model, "guide": guide}, 1), "of type dict, and no model"),
        (lambda: tell(torch.zeros(2), 1), "of type Tensor, and no model"),
        (lambda: tell(torch.zeros(2), guide, 1), "of type Tensor, and no model"),
        (lambda: tell(AutoNormal(model), 1), "first argument is a guide, of type AutoNormal"),
        (lambda: tell(Easy(model), 1), "first argument is a guide, of type Easy"),
        (lambda: tell(Module(), guide=guide), "has a guide, and guide= is given too"),
        (lambda: tell(model=Module(), word="w"), "the Module has both: give it as the first"),
        (lambda: tell(model=model), "guide= is missing; give model= and guide="),
        (lambda: programs_of(Module, "there"), "there: the pair is the class Module"),
        (lambda: programs_of(model, "there"), "there: the guide is missing"),
    ],
)  # fmt: skip
def test_what_is_no_pair_is_refused(call, complaint):
    with pytest.raises(ConfigError, match=complaint.replace(".", r"\.")):
        call()


PAIR = LinearGaussian.random(data_dim=3, latent_dim=2, seed=0)
X = PAIR.sample(6, seed=1)
ENTRIES = {
    "fit": lambda *pair: pyrovae.fit(*pair, X, objective=ELBO(), epochs=1, progress=False).history[
        0
    ]["train"],
    "log_evidence": lambda *pair: pyrovae.log_evidence(*pair, X, num_particles=3, seed=0).log_px,
    "compare": lambda *pair: pyrovae.compare(
        *pair, X, [ELBO()], num_draws=2, repeats=1, evidence_particles=3
    ).rows[0]["bound"],
    "gradients": lambda *pair: pyrovae.gradients(*pair, X, ELBO(), num_draws=2).mean,
    "ais": lambda *pair: (
        pyrovae.ais(*pair, X, num_particles=2, num_temperatures=2, num_leapfrog=1, seed=0).log_px
    ),
    "bdmc": lambda *pair: (
        pyrovae.bdmc(*pair, X, num_particles=2, num_temperatures=2, num_leapfrog=1, seed=0).lower
    ),
    "inference_gaps": lambda *pair: (
        pyrovae.inference_gaps(*pair, X, num_steps=2, num_particles=4, seed=0).elbo
    ),
    "elbo_parts": lambda *pair: pyrovae.elbo_parts(*pair, X, num_particles=2, seed=0).elbo,
    "elbo_surgery": lambda *pair: pyrovae.elbo_surgery(*pair, X, seed=0).means(),
    "active_units": lambda *pair: pyrovae.active_units(*pair, X, seed=0).variance,
    "posterior_means": lambda *pair: pyrovae.posterior_means(*pair, X, seed=0),
    "traverse": lambda *pair: pyrovae.traverse(*pair, X, seed=0).images,
    "kl_decomposition": lambda *pair: pyrovae.evaluate.kl_decomposition(*pair, X, seed=0).means(),
    "why_no_evidence": lambda *pair: str(pyrovae.evaluate.why_no_evidence(*pair, X)),
    "draw": lambda *pair: pyrovae.draw(*pair, X, num_particles=2).log_w,
    "trainable": lambda *pair: pyrovae.trainable(*pair, X),
    "buffers": lambda *pair: pyrovae.buffers(*pair, X),
    "kl_routes": lambda *pair: str(pyrovae.kl_routes(*pair, X)),
    "SVI": lambda *pair: pyrovae.SVI(*pair, pyro.optim.Adam({"lr": 1e-3}), ELBO()).evaluate_loss(
        X
    ),
    "IWAE": lambda *pair: IWAE(5)(*pair)(X),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_takes_a_pair(name):
    found = []
    for pair in ((PAIR.model, PAIR.guide), (PAIR,)):
        with pyro.get_param_store().scope():
            pyro.set_rng_seed(0)
            held = LinearGaussian.random(data_dim=3, latent_dim=2, seed=0)
            pair = (held,) if len(pair) == 1 else (held.model, held.guide)
            found.append(ENTRIES[name](*pair))
    if isinstance(found[0], str):
        assert found[0] == found[1]
    else:
        torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)


def test_svi_and_objectives_name_themselves():
    with pytest.raises(ConfigError, match="SVI: the second argument is of type PyroOptim"):
        pyrovae.SVI(model, pyro.optim.Adam({}), ELBO())
    with pytest.raises(ConfigError, match="IWAE: the guide is missing"):
        IWAE(5)(model)
