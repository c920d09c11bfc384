"""Options that a constructor passes on are named in its signature."""

import inspect
from typing import Unpack

import pytest

from pyrovae.objectives import FactorVAE, ParticleELBO
from pyrovae.objectives.constructor import Drawing

DRAWING = list(Drawing.__annotations__)


class Weighted(ParticleELBO):
    def __init__(self, weight: float, num_particles: int = 4, **drawing: Unpack[Drawing]) -> None:
        super().__init__(num_particles, **drawing)
        self.weight = weight

    def bound(self, p):
        return self.weight * p.log_w.mean(0)


def test_names_kinds_and_defaults_are_those_of_the_base():
    found = inspect.signature(Weighted).parameters
    assert list(found) == ["weight", "num_particles", *DRAWING]
    base = inspect.signature(ParticleELBO).parameters
    assert [found[name] for name in DRAWING] == [base[name] for name in DRAWING]
    assert {base[name].kind for name in DRAWING} == {inspect.Parameter.KEYWORD_ONLY}


def test_the_options_arrive_and_are_printed():
    made = Weighted(0.5, vectorize_particles=False, batch_plate=None, max_plate_nesting=2)
    assert (made.vectorize_particles, made.batch_plate, made.max_plate_nesting) == (False, None, 2)
    assert repr(made) == (
        "Weighted(weight=0.5, num_particles=4, vectorize_particles=False, batch_plate=None, "
        "max_plate_nesting=2)"
    )
    with pytest.raises(TypeError, match="unexpected keyword argument 'chunk'"):
        Weighted(0.5, chunk=3)


def test_options_of_an_inner_base_come_before_those_of_all():
    names = list(inspect.signature(FactorVAE).parameters)
    assert names[-5:] == ["site", "closed_form_kl", *DRAWING]


def test_a_constructor_that_takes_anything_stays_as_it_is():
    class Own(ParticleELBO):
        def __init__(self, temperature, **options):
            super().__init__(**options)
            self.temperature = temperature

        def bound(self, p):
            return p.log_w.mean(0)

    assert list(inspect.signature(Own).parameters) == ["temperature", "options"]
    assert Own(2.0, num_particles=3).num_particles == 3
